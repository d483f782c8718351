"""The seam behind which people answer: what a reviewer is shown, and what it may say."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from agentpolicy.effects.text import visible
from agentpolicy.engine.decision import Decision


class ApprovalRequest:
    """One question to a person.

    ``text`` is rendered from the canonical call, never from what the agent says about it; ``rules`` are the ids of all
    ask rules that the answer would satisfy; ``digest`` binds the answer to exactly this call.
    """

    __slots__ = ("asked", "decision", "digest", "rules")

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.digest = decision.digest
        self.rules = tuple(one.rule for one in decision.asks)
        self.asked = asked(decision)

    @property
    def text(self) -> str:
        """The question as a person reads it, with deceptive characters made visible."""
        return render(self.decision)


def asked(decision: Decision) -> frozenset[tuple[int, str]]:
    """The ask rules that have to be satisfied, by layer and id."""
    return frozenset((one.layer_index, one.rule) for one in decision.asks)


#: Answers a request: ``True`` approves, anything else refuses. May be async.
Reviewer: TypeAlias = Callable[[ApprovalRequest], "bool | Awaitable[bool]"]


def render(decision: Decision) -> str:
    """A call, its effects and why it is asked about, one thing a line."""
    call = decision.call
    lines = [f"tool     {visible(call.tool)}" if call.action is None else f"action   {call.action}"]
    if call.action is not None:
        lines.append(f"target   {_shown(call.target)}")
    lines += [f"  {visible(str(name))} = {_shown(value)}" for name, value in call.args.items()]
    if call.cwd is not None:
        lines.append(f"in       {visible(call.cwd)}")
    if call.env:
        lines += [f"with     {visible(name)}={visible(value)}" for name, value in sorted(call.env.items())]
    for effect, verdict in zip(decision.effects, decision.verdicts, strict=True):
        lines.append(f"effect   {describe(effect.as_json())}  [{verdict.outcome} by {verdict.rule}]")
    lines += [f"because  {visible(one.reason or 'the policy asks')}  ({one.rule})" for one in decision.asks]
    return "\n".join(lines)


def describe(effect: dict[str, object]) -> str:
    """One effect in a line."""
    action = str(effect["action"])
    if action == "exec":
        argv = effect["argv"]
        what = (
            " ".join(_word(str(word)) for word in argv)
            if isinstance(argv, list)
            else f"{visible(str(effect['program'] or '?'))} (not readable)"
        )
        if effect["elevated"]:
            what += " (elevated)"
    elif action.startswith("fs."):
        path, resolved = effect["path"], effect["resolved"]
        what = "an unknown file" if path is None else visible(str(path))
        if resolved != path and path is not None:
            what += f" → {visible(str(resolved)) if resolved is not None else 'unknown'}"
    elif action.startswith("net."):
        host, port = effect["host"], effect["port"]
        scheme = f"{effect['scheme']}://" if effect["scheme"] else ""
        what = (
            "an unknown address"
            if host is None
            else f"{scheme}{visible(str(host))}{'' if port is None else f':{port}'}{visible(str(effect['path'] or ''))}"
        )
    else:
        what = visible(str(effect.get("name") or effect.get("table") or "?"))
    return f"{action} {what}"


def _word(word: str) -> str:
    shown = visible(word)
    return shown if shown and not any(letter in shown for letter in " '\"") else "'" + shown.replace("'", "'\\''") + "'"


def _shown(value: object) -> str:
    return visible(value) if isinstance(value, str) else visible(repr(value))


def ask(reviewer: Reviewer, request: ApprovalRequest) -> bool | None:
    """The answer of a reviewer that is not async; None where it turns out to be."""
    answer = reviewer(request)
    if inspect.isawaitable(answer):
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        return None
    return answer is True


async def aask(reviewer: Reviewer, request: ApprovalRequest) -> bool:
    """The answer of any reviewer."""
    answer = reviewer(request)
    if inspect.isawaitable(answer):
        answer = await answer
    return answer is True
