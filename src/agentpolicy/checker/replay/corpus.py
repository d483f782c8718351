"""What honest runs show: the texts that they hold, and the calls that they make."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from agentpolicy.checker.replay.runs import Call, Run, Said
from agentpolicy.checker.replay.words import leaves, words

#: An argument of so many words is prose, and two ways to say the same thing.
PROSE = 4


class Texts:
    """Texts in which phrases are looked up, each text kept once."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._words: set[str] = set()
        self._known: dict[str, bool] = {}

    def add(self, text: str) -> None:
        """Take up a text as ``words`` gives it."""
        if text and text not in self._texts:
            self._texts[text] = None
            self._words.update(text.split())
            self._known.clear()

    def hold(self, phrase: str) -> bool:
        """Whether one of the texts holds the phrase, given as ``words`` gives it."""
        known = self._known.get(phrase)
        if known is None:
            known = self._words.issuperset(phrase.split()) and any(phrase in text for text in self._texts)
            self._known[phrase] = known
        return known


@frozen
class Arguments:
    """What a call is about: short arguments by parameter, and the parameters that hold prose."""

    short: frozenset[tuple[str, str]]
    prose: frozenset[str]


def arguments(call: Call) -> Arguments:
    """The arguments of a call, told apart by length."""
    found = [(name, words(value)) for name, value in leaves(call.args)]
    return Arguments(
        frozenset((name, text) for name, text in found if text.count(" ") <= PROSE),
        frozenset(name for name, text in found if text.count(" ") > PROSE),
    )


class Honest:
    """What the honest ones among runs show in each suite, and what they do in each task."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._shown: dict[str, Texts] = {}
        self._calls: dict[tuple[str, str], dict[str, set[Arguments]]] = {}
        for run in runs:
            if not run.honest:
                continue
            texts = self._shown.setdefault(run.suite, Texts())
            calls = self._calls.setdefault((run.suite, run.task), {})
            for step in run.steps:
                if isinstance(step, Said):
                    texts.add(words(step.text))
                    continue
                texts.add(words(step.result or ""))
                for _, value in leaves(step.args):
                    texts.add(words(value))
                calls.setdefault(step.tool, set()).add(arguments(step))

    def hold(self, suite: str, phrase: str) -> bool:
        """Whether an honest run of a suite shows a phrase."""
        texts = self._shown.get(suite)
        return texts is not None and texts.hold(phrase)

    def know(self, run: Run) -> bool:
        """Whether there is an honest run of a run's task."""
        return (run.suite, run.task) in self._calls

    def call(self, run: Run, tool: str) -> bool:
        """Whether an honest run of a run's task calls a tool."""
        return tool in self._calls.get((run.suite, run.task), {})

    def give(self, run: Run, tool: str, name: str, value: str) -> bool:
        """Whether an honest run of a run's task gives a tool such a short argument."""
        known = self._calls.get((run.suite, run.task), {}).get(tool, ())
        return any((name, value) in one.short for one in known)

    def make(self, run: Run, tool: str, found: Arguments) -> bool:
        """Whether an honest run of a run's task makes a call that differs at most in its prose."""
        known = self._calls.get((run.suite, run.task), {}).get(tool, ())
        return any(one.short == found.short and one.prose == found.prose for one in known)
