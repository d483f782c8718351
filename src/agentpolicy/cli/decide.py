"""``agentpolicy decide``: calls in as JSON lines, one decision out for each."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

import click

from agentpolicy.cli.common import BadLine, call_from_json, lines_of, load_engine, parsed, policy_options, write_line
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.session import Session

#: Sessions that are remembered at once; the one unused for longest goes first.
MAX_SESSIONS = 10_000


@click.command()
@policy_options()
def decide(
    policies: tuple[str, ...], params: tuple[str, ...], facts: tuple[str, ...], agent: str | None, user: str | None
) -> None:
    """Read calls as JSON lines, write one decision a line.

    A line is {"tool": NAME, "args": {…}} or {"action": KIND, "target": …}. A bad line is answered by an error, and
    the rest go on. Ends with 1 if any call was denied.
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
            return {"said": True}
        if kinds == {"approve"}:
            raise BadLine("approvals are not there yet: an 'ask' stays an 'ask'")
        return self._engine.decide(call_from_json(value), session).as_json()

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
                self._sessions.popitem(last=False)[1].end()
        self._sessions.move_to_end(name)
        return session
