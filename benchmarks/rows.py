"""The rows of the table: what each measures, against what, and the bound that it is held to."""

from __future__ import annotations

import gc
import itertools
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from agentpolicy.compiler import emit
from agentpolicy.compiler.cache import Cache
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.host import Host
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.policy import Policy
from benchmarks import handwritten, workload
from benchmarks.measure import Ratio, Work, each, nothing, ratio, spread


@frozen
class Row:
    """One line of the table. ``value`` is a ratio, or seconds or megabytes where ``unit`` says so."""

    name: str
    value: Ratio
    bound: float | None
    unit: str = ""

    @property
    def held(self) -> bool:
        """Whether the median keeps the bound."""
        return self.bound is None or self.value.median <= self.bound

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "held": self.held}


def _raw(policy: Policy) -> Callable[..., Any]:
    """The engine's own way to an answer, without the method ``Policy.judge`` around it."""
    answers = policy.answers

    def decide(effect: Any, situation: Any) -> Any:
        return answers[effect.action](effect, situation)

    return decide


def same_answers(policy: Policy, decide: handwritten.Decide, questions: list[workload.Question]) -> None:
    """Every answer of the two must be equal before anything is timed."""
    for effect, situation in questions:
        verdict = policy.judge(effect, situation)
        if verdict is None or verdict.outcome != decide(effect, situation):
            raise AssertionError(f"different answers to {effect!r}")


def against_functions(
    name: str, policy: Policy, decide: handwritten.Decide, found: list[Any], bound: float
) -> Iterator[Row]:
    """Deciding ready effects, against a hand-written function."""
    same_answers(policy, decide, found)
    repeating = workload.hot(found)
    for stream, kind, held_to in ((found, "distinct", bound), (repeating, "repeating", bound)):
        other, empty = each(decide, stream), nothing(stream)
        yield Row(f"{name}, {kind} effects", ratio(each(policy.judge, stream), other, empty=empty, repeat=3), held_to)
    other, empty = each(decide, found), nothing(found)
    yield Row(
        "  the same, without the method around it", ratio(each(_raw(policy), found), other, empty=empty, repeat=3), None
    )
    for family in ("fs", "net", "exec"):
        part = [one for one in found if one[0].family == family]
        other, empty = each(decide, part), nothing(part)
        yield Row(f"  the same, {family} alone", ratio(each(policy.judge, part), other, empty=empty, repeat=3), None)


class Large:
    """A policy of many generated rules with what goes with it. ``built`` is how long text to ready took, in seconds."""

    def __init__(self, count: int) -> None:
        self.rules = workload.rules(count)
        self.text = workload.text(self.rules)
        start = time.perf_counter()
        self.policy = Policy.from_text(self.text)
        self.built = time.perf_counter() - start
        self.questions = workload.questions(self.rules)


def ten_rules() -> Iterator[Row]:
    """Ten rules against an ``if`` function."""
    policy = Policy.from_text(workload.SMALL)
    yield from against_functions(
        "10 rules ÷ an if function", policy, handwritten.small, workload.small_questions(), 1.5
    )


def many_rules(large: Large) -> Iterator[Row]:
    """Many rules against a walk of dicts."""
    name = f"{len(large.rules)} rules ÷ a walk of dicts"
    yield from against_functions(name, large.policy, handwritten.large(large.rules), large.questions, 1.0)


def flat(larger: Large, smaller: Large) -> Iterator[Row]:
    """Very many rules against few."""
    same_answers(larger.policy, handwritten.large(larger.rules), larger.questions)
    for stream, kind, bound in (
        ([large.questions for large in (larger, smaller)], "distinct", None),
        ([workload.hot(large.questions) for large in (larger, smaller)], "repeating", 1.6),
    ):
        value = ratio(
            each(larger.policy.judge, stream[0]),
            each(smaller.policy.judge, stream[1]),
            empty=nothing(stream[0]),
            repeat=3,
        )
        yield Row(f"{len(larger.rules)} rules ÷ {len(smaller.rules)} rules, {kind} effects", value, bound)


def loading(large: Large) -> Iterator[Row]:
    """Text to ready, from the cache, and what is held in memory."""
    name = f"{len(large.rules)} rules"
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "large.agp"
        file.write_text(large.text)
        cache = Cache(os.path.join(directory, "cache"))
        cold, warm = [large.built], []
        for _ in range(2):
            start = time.perf_counter()
            Policy.load(file, cache=False)
            cold.append(time.perf_counter() - start)
        Policy.load(file, cache=cache)
        for _ in range(15):
            gc.collect()
            start = time.perf_counter()
            policy = Policy.load(file, cache=cache)
            warm.append(time.perf_counter() - start)
            del policy
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        policy = Policy.load(file, cache=cache)
        gc.collect()
        loaded = tracemalloc.get_traced_memory()[0] - before
        for effect, situation in large.questions:
            policy.judge(effect, situation)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    yield Row(f"{name}: text to ready", spread(cold), 5.0, "s")
    yield Row(f"{name}: from the cache", spread([1000 * one for one in warm]), 50.0, "ms")
    yield Row(f"{name}: memory held", spread([loaded / 1e6] * 2), 10.0, "MB")
    yield Row(f"{name}: memory held after {len(large.questions)} answers", spread([used / 1e6] * 2), None, "MB")


_TOOLS = """
tool fetch(url: url) does only net.get url
tool bash(command: shell) does only exec command
tool read(path: path) does only fs.read path
"""


def _url(effect: Any) -> str:
    return f"https://{effect.host}{effect.path}"


def whole_calls(large: Large) -> Iterator[Row]:
    """From a tool call to a decision, against deciding the ready effect.

    A path is looked up on the disk, which ``os.path.realpath`` does as well: its bound is their sum.
    """
    policy = Policy.from_text(large.text + _TOOLS)
    engine, moving = [
        Engine(policy, facts={"trusted": True}, agent="bot", host=host) for host in (Host(cwd="/repo"), Host())
    ]
    situation = engine.situation(policy, {"trusted": True}, engine.agent, engine.user, None)
    decide, judge = engine.decide, policy.judge

    def call(ready: ToolCall, _: None) -> Any:
        return decide(ready)

    def own_directory(ready: ToolCall, _: None) -> Any:
        return moving.decide(ready)

    def built(tool: str, args: dict[str, Any]) -> Any:
        return decide(ToolCall(tool, args))

    effects = [effect for effect, _ in large.questions]
    plain: dict[str, list[tuple[str, dict[str, Any], Any]]] = {
        "address": [("fetch", {"url": _url(e)}, e) for e in effects if e.family == "net" and e.usual_port],
        "command": [("bash", {"command": " ".join(e.argv)}, e) for e in effects if e.family == "exec"],
        "path": [("read", {"path": e.path}, e) for e in effects if e.action == "fs.read"],
    }  # fmt: skip
    for kind, made in plain.items():
        pairs = [(tool, args) for tool, args, _ in made]
        calls = [(ToolCall(tool, args), None) for tool, args in pairs]
        ready = [(effect, situation) for _, _, effect in made]
        for (one, _), (effect, _) in zip(calls, ready, strict=True):
            answer, expected = decide(one), judge(effect, situation)
            if (answer.effects[0] != effect and kind != "command") or expected is None or answer.rule != expected.rule:
                raise AssertionError(f"different answers to {one}: {answer} and {expected and expected.rule}")
        name, deciding, empty = f"tool call in, decision out ÷ deciding, {kind}", each(judge, ready), nothing(calls)
        if kind == "path":
            paths = [(args["path"], False) for _, args in pairs]
            yield Row(name, ratio(each(call, calls), deciding, empty=empty, repeat=3), None)
            value = ratio(each(call, calls), each(_real, paths), empty=empty, repeat=3)
            yield Row("  the same ÷ one os.path.realpath", value, 1.5)

            twice = _after_another([each(call, calls)] * 2)
            both = _after_another([deciding] * 6 + [each(_real, paths)] * 3)
            yield Row("  the same ÷ (3 x deciding + 1.5 x os.path.realpath)", ratio(twice, both), 1.0)
            continue
        yield Row(name, ratio(each(call, calls), deciding, empty=empty, repeat=3), 3.0)
        yield Row("  and building the call", ratio(each(built, pairs), deciding, empty=empty, repeat=3), None)
        value = ratio(each(own_directory, calls), deciding, empty=empty, repeat=3)
        yield Row("  and asking for the process's directory", value, None)


def _after_another(works: list[Work]) -> Work:
    def run() -> None:
        for work in works:
            work()

    return run


#: Shell text with operators, as agents write it; ``%d`` makes each one new.
_TEXTS = (
    "echo a && git status --short | head -n %d",
    "git diff HEAD~1 --stat | tail -n 5 && git log --oneline -n %d",
    "git ls-files | grep -v 'def main' | sort | uniq -c | sort -rn | head -n %d",
    "echo start%d; make test 2>&1 | tail -n 40 || echo failed",
    "cd /repo/src && pwd | wc -l; git add -A && git commit -m 'work %d' && git log -1 --format=%%H",
    'for name in a b c; do echo "$name %d"; done | sort | uniq',
    "if git diff --quiet; then echo clean%d; else git status --short | head -n 20; fi",
    (
        "git fetch origin && git log --oneline HEAD..origin/main | head -n %d && git status -sb && git branch -a "
        "| grep -v HEAD | sort | uniq | wc -l; git stash list | head -n 5; git remote -v | sort; git tag | tail -n 3 "
        "&& echo done"
    ),
)


def shell_text() -> Iterator[Row]:
    """Shell text with operators, up to 240 characters, no files in it: seen before, and never seen."""
    engine = Engine(Policy.from_text(workload.SMALL + _TOOLS), facts={"trusted": True}, agent="bot")
    situation = engine.situation(engine.policy, {"trusted": True}, engine.agent, engine.user, None)
    counter = itertools.count(1000)

    def call(text: str, _: None) -> Any:
        return engine.decide(ToolCall("bash", {"command": text}))

    def new(text: str, _: None) -> Any:
        return engine.decide(ToolCall("bash", {"command": text % next(counter)}))

    def by_hand(effects: Any, _: None) -> Any:
        return min([handwritten.small(effect, situation) for effect in effects])

    texts = [text % 7 for text in _TEXTS]
    assert max(map(len, texts)) <= 240
    # the hand-written function is given the commands ready, words and all
    one = [([effect for effect in call(text, None).effects if effect.argv], None) for text in texts]
    seen = [(text, None) for text in texts]
    value = ratio(each(call, seen), each(by_hand, one), empty=nothing(seen), repeat=5)
    yield Row("shell text, seen before ÷ a hand-written function on its commands", value, 10 / 0.3)
    value = ratio(each(new, [(text, None) for text in _TEXTS]), each(by_hand, one), empty=nothing(seen), repeat=5)
    yield Row("  the same, never seen", value, 100 / 0.3)


def _real(path: str, _: bool) -> str:
    return os.path.realpath(path)


def history(large: Large) -> Iterator[Row]:
    """A session that has decided much against one that has decided little."""
    engine = Engine(Policy.from_text(large.text + _TOOLS), facts={"trusted": True}, agent="bot")
    calls = [
        ToolCall("bash", {"command": " ".join(effect.argv)}) if effect.family == "exec"
        else ToolCall("fetch", {"url": _url(effect)})
        for effect, _ in large.questions
        if effect.family in {"exec", "net"}
    ]  # fmt: skip
    long, short = engine.session(), engine.session()
    for at in range(100_000):
        long.decide(calls[at % len(calls)])
    for call in calls[:10]:
        short.decide(call)
    stream = [(call, None) for call in calls]

    def later(call: ToolCall, _: None) -> Any:
        return long.decide(call)

    def sooner(call: ToolCall, _: None) -> Any:
        return short.decide(call)

    value = ratio(each(later, stream), each(sooner, stream), empty=nothing(stream), repeat=3)
    yield Row("after 100000 decisions of a session ÷ after 10", value, 1.1)


def crossover() -> list[dict[str, Any]]:
    """Inline tests against tables, for small rule sets of one action."""
    found: list[dict[str, Any]] = []
    kept = emit.INLINE_MAX
    for action in ("fs.read", "net.get", "exec"):
        for count in (2, 4, 6, 8, 10, 12, 16, 24):
            rules = [one for one in workload.rules(40 * count) if one.action == action][:count]
            text = workload.text(rules)
            try:
                emit.INLINE_MAX = 10**6
                inline = Policy.from_text(text)
                emit.INLINE_MAX = -1
                tables = Policy.from_text(text)
            finally:
                emit.INLINE_MAX = kept
            stream = [one for one in workload.questions(rules, 1000) if one[0].action == action]
            value = ratio(
                each(inline.judge, stream), each(tables.judge, stream), empty=nothing(stream), rounds=11, repeat=3
            )
            found.append({"action": action, "patterns": count, "ratio": asdict(value)})
    return found
