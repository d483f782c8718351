"""The answer to one call."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import orjson

from agentpolicy.compiler.verdict import Verdict
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect

if TYPE_CHECKING:
    from agentpolicy.engine.policy import Policy
    from agentpolicy.engine.situation import Situation


class Decision:
    """What a policy answers to one call, and what it judged.

    ``outcome`` is ``allow``, ``ask`` or ``deny``; ``rule`` the id of the rule that decided (``default`` for a default,
    ``builtin:…`` for what no rule is needed for); ``reason`` what the agent and an approver read; ``layer`` the policy
    file's name. ``effects`` and ``verdicts`` stand in parallel. What takes work to make is made when asked for.
    """

    __slots__ = ("_digest", "_id", "_policy", "_situation", "_verdicts", "call", "effects", "verdict")

    def __init__(
        self,
        call: ToolCall,
        effects: Sequence[Effect],
        verdict: Verdict,
        policy: Policy,
        situation: Situation,
        verdicts: Sequence[Verdict] | None = None,
    ) -> None:
        self.call = call
        self.effects = effects
        self.verdict = verdict
        self._policy = policy
        self._situation = situation
        self._verdicts = verdicts
        self._digest: str | None = None
        self._id: str | None = None

    @property
    def id(self) -> str:
        """A random name of this decision, by which the log ties its events together."""
        if self._id is None:
            self._id = secrets.token_hex(8)
        return self._id

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """The answer to each effect."""
        return (self.verdict,) * len(self.effects) if self._verdicts is None else self._verdicts

    @property
    def situation(self) -> Situation:
        """In what the call was judged; its ``state`` is the session's memory as it was then."""
        return self._situation

    @property
    def outcome(self) -> str:
        """``allow``, ``ask`` or ``deny``."""
        return self.verdict.outcome

    @property
    def rule(self) -> str:
        """The id of the rule that decided."""
        return self.verdict.rule

    @property
    def reason(self) -> str | None:
        """Why, in the policy's words."""
        return self.verdict.reason

    @property
    def layer(self) -> str | None:
        """The name of the layer that decided."""
        return self.verdict.layer

    @property
    def allowed(self) -> bool:
        """Whether the call may run as it is."""
        return self.verdict.outcome == "allow"

    @property
    def policy(self) -> str:
        """The digest of the policy that answered."""
        return self._policy.digest

    @property
    def session(self) -> str | None:
        """The id of the session in which the call was judged."""
        return self._situation.session_id

    @property
    def asks(self) -> tuple[Verdict, ...]:
        """Every ask rule that must be satisfied before the call may run; empty unless the outcome is ``ask``."""
        if self.outcome != "ask":
            return ()
        found: dict[tuple[int, str], Verdict] = {}
        for effect, verdict in zip(self.effects, self.verdicts, strict=True):
            self._situation.state.judging(effect)
            # In a sub-agent's session those above it ask as well.
            for where in getattr(self._situation.state, "situations", None) or (self._situation,):
                for one in (*self._policy.asking(effect, where), verdict):
                    if one.outcome == "ask":
                        found.setdefault((one.layer_index, one.rule), one)
        return tuple(sorted(found.values(), key=lambda one: (one.layer_index, one.order)))

    @property
    def digest(self) -> str:
        """``sha256:…`` over everything that makes this call this call.

        Tool, arguments, effects, directory, environment, session, agent and policy: an approval is bound to it, so
        that nothing can be swapped afterwards.
        """
        if self._digest is None:
            call, situation = self.call, self._situation
            whole = {
                "tool": call.tool,
                "action": call.action,
                "target": call.target,
                "args": call.args if isinstance(call.args, Mapping) else type(call.args).__name__,
                "cwd": call.cwd,
                "home": call.home,
                "env": call.env,
                "expand_tilde": call.expand_tilde,
                "effects": [effect.as_json() for effect in self.effects],
                "session": situation.session_id,
                "agent": [situation.agent_name, situation.agent_role],
                "user": situation.user_name,
                "policy": self.policy,
            }
            self._digest = "sha256:" + hashlib.sha256(canonical_json(whole)).hexdigest()
        return self._digest

    def as_json(self) -> dict[str, Any]:
        """The decision as the command line prints it."""
        return {
            "outcome": self.outcome,
            "rule": self.rule,
            "reason": self.reason,
            "layer": self.layer,
            "effects": [
                {**effect.as_json(), "outcome": verdict.outcome, "rule": verdict.rule}
                for effect, verdict in zip(self.effects, self.verdicts, strict=True)
            ],
            "approvals": [{"rule": one.rule, "layer": one.layer, "reason": one.reason} for one in self.asks],
            "digest": self.digest,
            "policy": self.policy,
        }

    def __repr__(self) -> str:
        return f"<Decision {self.outcome} by {self.rule} on {self.call!r}>"


def canonical_json(whole: dict[str, Any]) -> bytes:
    """The same bytes for the same call; a call whose arguments are no JSON was refused for them, whatever they are."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(whole, option=options, default=_other)
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        # Numbers of more than 64 bits and halves of characters, which orjson does not take.
        return json.dumps(whole, sort_keys=True, default=_other).encode()
    except (TypeError, ValueError, RecursionError):
        return orjson.dumps(
            {**whole, "tool": None, "target": None, "args": "unreadable", "env": None}, option=options, default=_other
        )


def _other(value: object) -> str:
    return str(value) if isinstance(value, PurePath) else type(value).__name__
