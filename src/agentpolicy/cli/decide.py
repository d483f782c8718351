"""``agentpolicy decide``: calls in as JSON lines, one decision out for each."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

import click

from agentpolicy.cli.common import BadLine, call_from_json, lines_of, load_engine, parsed, policy_options, write_line
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.errors import ApprovalRequired, Denied
from agentpolicy.engine.memory import UNSEEN
from agentpolicy.engine.session import Session

#: Sessions that are held at once; the one unused for longest is let go first.
MAX_SESSIONS = 10_000
_RESULTS = ("ok", "error", "not run", None)


@click.command()
@policy_options()
def decide(
    policies: tuple[str, ...], params: tuple[str, ...], facts: tuple[str, ...], agent: str | None, user: str | None
) -> None:
    """Read calls as JSON lines, write one decision a line.

    A line is {"tool": NAME, "args": {…}} or {"action": KIND, "target": …}. A call that is allowed counts as done, with
    "result" and "returned" as its outcome; {"said": TEXT} is what the user said. A bad line is answered by an error,
    and the rest go on. Ends with 1 if any call was denied.
    """
    engine = load_engine(policies, params, facts, agent, user)
    answerer = Answerer(engine)
    denied = False
    for line in lines_of(sys.stdin.buffer):
        answer = answerer.answer(line)
        denied = denied or answer.get("outcome") == "deny"
        write_line(sys.stdout.buffer, answer)
    raise SystemExit(1 if denied else 0)


class Answerer:
    """Answers lines, in one session unless they name theirs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own = engine.session()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def answer(self, line: bytes | None) -> dict[str, Any]:
        """The answer to one line; nothing is raised."""
        try:
            return self._answer(parsed(line))
        except BadLine as error:
            return {"error": str(error), "outcome": "deny"}
        except Exception as error:
            return {"error": f"the line could not be judged ({type(error).__name__})", "outcome": "deny"}

    def _answer(self, value: dict[str, Any]) -> dict[str, Any]:
        session = self._session(value)
        kinds = value.keys() - {"session"}
        if kinds == {"said"}:
            if not isinstance(value["said"], str):
                raise BadLine("'said' is text")
            session.said(value["said"])
            return {"said": True}
        if kinds == {"approve"}:
            raise BadLine("approvals are not there yet: an 'ask' stays an 'ask'")
        call = call_from_json({name: part for name, part in value.items() if name not in {"result", "returned"}})
        result = value.get("result", "ok")
        if result not in _RESULTS:
            raise BadLine('\'result\' is "ok", "error" or "not run", or null for a call that is still under way')
        try:
            decision = session.authorize(call)
        except (Denied, ApprovalRequired) as refused:
            decision = refused.decision
            if decision.allowed:
                return {"error": str(refused), "outcome": "deny"}
            return decision.as_json()
        # Everything that the answer shows is worked out before the session goes on.
        answer = decision.as_json()
        if result == "not run":
            session.cancel(decision)
        elif result is not None:
            self._engine.settle(decision, result, value.get("returned", UNSEEN))
        return answer

    def _session(self, value: dict[str, Any]) -> Session:
        name = value.get("session")
        if name is None:
            return self._own
        if not isinstance(name, str) or not name:
            raise BadLine("'session' is text")
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = self._engine.session(id=name)
            if len(self._sessions) > MAX_SESSIONS:
                # What it did stays in the store, under its name.
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(name)
        return session
