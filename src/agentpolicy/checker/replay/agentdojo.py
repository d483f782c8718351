"""A run object of AgentDojo to a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from attrs import evolve

from agentpolicy.checker.replay.runs import Call, Run, Said, Step

#: How the tasks are called that stand for attackers' goals.
_GOALS = "injection_task"


class BadRun(ValueError):
    """A value is no run; the text says why."""


def run_from_json(value: Any, origin: str) -> Run:
    """The run that an object describes.

    Raises:
        BadRun: what the figures need is missing or of another type.
    """
    if not isinstance(value, dict):
        raise BadRun("a run is a JSON object")
    messages = value.get("messages")
    if not isinstance(messages, list):
        raise BadRun("the run has no list of messages")
    task = _name(value, "user_task_id")
    if task is None:
        raise BadRun("the run does not name its user task")
    goal = _name(value, "injection_task_id")
    if goal is not None and not isinstance(value.get("security"), bool):
        raise BadRun("the run does not say whether the attack succeeded (`security`)")
    if goal is None and not isinstance(value.get("utility"), bool):
        raise BadRun("the run does not say whether the task was solved (`utility`)")
    seconds = value.get("duration")
    host, steps = _steps(messages)
    return Run(
        suite=_name(value, "suite_name") or "unnamed",
        model=_name(value, "pipeline_name") or "unnamed",
        task=task,
        goal=goal,
        attack=_name(value, "attack_type"),
        injected=tuple(_injected(value.get("injections"))),
        steps=steps,
        solved=value.get("utility") is True,
        reached=goal is not None and value["security"],
        origin=origin,
        host=host,
        asked=goal is None and task.startswith(_GOALS),
        seconds=float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 1e6 else None,
    )


def _name(value: Mapping[str, Any], key: str) -> str | None:
    """A name, None where there is none: null, empty, or the word for it."""
    found = value.get(key)
    if found is None or found in ("", "none", "None"):
        return None
    if not isinstance(found, str):
        raise BadRun(f"`{key}` is no text")
    return found


def _injected(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return []
    return [one for one in value if isinstance(one, str) and one.strip()]


# --- messages ---------------------------------------------------------------------


def _steps(messages: Sequence[Any]) -> tuple[str, tuple[Step, ...]]:
    host: list[str] = []
    steps: list[Step] = []
    #: Calls that wait for their answer: the id, and the place among the steps.
    waiting: list[tuple[Any, int]] = []
    for turn, message in enumerate(messages):
        if not isinstance(message, dict):
            raise BadRun(f"message {turn + 1} is no object")
        match message.get("role"):
            case "system" | "developer":
                host.append(text_of(message.get("content")))
            case "user":
                steps.append(Said(text_of(message.get("content")), turn))
            case "assistant":
                for asked in message.get("tool_calls") or ():
                    id_, call = _call(asked, turn)
                    waiting.append((id_, len(steps)))
                    steps.append(call)
            case "tool":
                _answer(message, turn, steps, waiting)
            case role:
                raise BadRun(f"message {turn + 1} has the role {str(role)[:20]!r}")
    return "\n".join(host), tuple(steps)


def _call(asked: Any, turn: int) -> tuple[Any, Call]:
    """A call with its id, as AgentDojo writes it or as chat interfaces do (``function: {name, arguments}``)."""
    if not isinstance(asked, dict):
        raise BadRun(f"message {turn + 1} has a call that is no object")
    function, args = asked.get("function"), asked.get("args")
    if isinstance(function, dict):
        args = function.get("arguments")
        function = function.get("name")
    if isinstance(args, str):
        try:
            args = orjson.loads(args) if args.strip() else {}
        except orjson.JSONDecodeError:
            raise BadRun(f"message {turn + 1} has a call whose arguments are no JSON") from None
    if not isinstance(function, str) or not (args is None or isinstance(args, dict)):
        raise BadRun(f"message {turn + 1} has a call without a name or with other arguments than an object")
    return asked.get("id"), Call(function, args or {}, turn)


def _answer(message: Mapping[str, Any], turn: int, steps: list[Step], waiting: list[tuple[Any, int]]) -> None:
    """Give a call its answer: by id, else by what the message says of the call, else to the first that waits."""
    error = message.get("error")
    shown = [text_of(message.get("content")), text_of(error)]
    copied = message.get("tool_call")
    mine = _call(copied, turn)[1] if isinstance(copied, dict) else None
    id_ = message.get("tool_call_id")
    by_id = [at for at, (one, _) in enumerate(waiting) if id_ is not None and one == id_]
    alike = [at for at, (_, place) in enumerate(waiting) if mine is not None and _same(steps[place], mine)]
    at = next(iter([one for one in by_id if one in alike] or by_id or alike or range(len(waiting))), None)
    if at is not None:
        place = waiting.pop(at)[1]
        found = steps[place]
        assert isinstance(found, Call)
    elif mine is not None:
        place, found = len(steps), mine
        steps.append(found)
    else:
        raise BadRun(f"message {turn + 1} answers no call")
    steps[place] = evolve(found, result="\n".join(part for part in shown if part), failed=bool(error))


def _same(step: Step, call: Call) -> bool:
    return isinstance(step, Call) and step.tool == call.tool and step.args == call.args


def text_of(content: Any) -> str:
    """The text of a message: text, or a list of parts of which those with text count."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text", part.get("content")) if isinstance(part, dict) else part for part in parts]
    return "\n".join(text if isinstance(text, str) else str(text) for text in texts if text is not None)
