"""The engine: answers what calls may do, obtains approvals, and lets calls go."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NoReturn

from agentpolicy.compiler.cache import Cache, default_directory
from agentpolicy.compiler.verdict import ASK, DENY, Verdict
from agentpolicy.effects.call import USUAL, ToolCall
from agentpolicy.effects.effect import Effect
from agentpolicy.effects.host import Host
from agentpolicy.effects.reader import Reader
from agentpolicy.effects.text import visible
from agentpolicy.effects.tools import BadCall, ToolShape, join
from agentpolicy.engine.clock import steady
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.errors import ApprovalRequired, Denied, FactError
from agentpolicy.engine.memory import MOST_TRIES, UNSEEN, StateError, StateMoved
from agentpolicy.engine.policy import Policy, PolicyNames
from agentpolicy.engine.protect import OWN_FILES, Protected
from agentpolicy.engine.record import Recorder, decided, settled
from agentpolicy.engine.reload import Reload, compare
from agentpolicy.engine.review import ApprovalRequest, Reviewer, aask, ask, asked
from agentpolicy.engine.session import Session, current
from agentpolicy.engine.situation import Agent, Clock, Situation, User, check_facts
from agentpolicy.engine.turn import Turn
from agentpolicy.stores import MemoryStore, Store

Mode = Literal["enforce", "observe"]


def _strictest(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.severity, verdict.layer_index, verdict.order


def _builtin(rule: str, reason: str) -> Verdict:
    return Verdict(DENY, f"builtin:{rule}", reason, None, order=-1)


class Engine:
    """Decides calls by a policy.

    Args:
        policy: the compiled policy. ``Engine.load`` reads one.
        facts: facts that hold for every session.
        agent, user: who acts and for whom, where a session does not say; a name alone will do.
        reviewer: answers questions: given an ``ApprovalRequest``, only ``True`` approves. May be async.
        recorder: keeps decisions; see ``agentpolicy.engine.record``. If it fails, calls do not run.
        mode: ``"observe"`` lets everything run and records what would have been answered.
        clock: gives seconds since the epoch.
        local: turns them into the hour and weekday that rules read; the host's zone where not given.
        host: where calls start when they do not say, and the file system that links are followed on.
        protect: more files and directories that no guarded call may touch.
        store: where what sessions have done is kept; this process's memory where not given.

    Engines are safe to share between threads and tasks.

    Raises:
        FactError: a fact that the policy does not declare, or of the wrong type.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        facts: Mapping[str, Any] | None = None,
        agent: Agent | str | None = None,
        user: User | str | None = None,
        reviewer: Reviewer | None = None,
        recorder: Recorder | None = None,
        mode: Mode = "enforce",
        clock: Clock = time.time,
        local: Callable[[float], time.struct_time] = time.localtime,
        host: Host | None = None,
        protect: Iterable[str | os.PathLike[str]] = (),
        store: Store | None = None,
    ) -> None:
        if mode not in ("enforce", "observe"):
            raise ValueError(f"mode is 'enforce' or 'observe', not {mode!r}")
        self.mode: Mode = mode
        self.clock = clock
        #: the clock of what sessions count: steady where none was given, so that setting the machine's moves nothing
        self.steady: Clock = steady if clock is time.time else clock
        self.store: Store = MemoryStore() if store is None else store
        self._local = local
        self.host = host or Host()
        self.reviewer = reviewer
        self.recorder = recorder
        self.agent = Agent(agent) if isinstance(agent, str) else agent or Agent()
        self.user = User(user) if isinstance(user, str) else user or User()
        #: events that could not be recorded although their call ran
        self.lost = 0
        self._facts = dict(facts or {})
        self._more_protected = tuple(os.fspath(path) for path in protect)
        self._declared: dict[str, ToolShape] = {}
        self._swap = threading.RLock()
        self._origin: tuple[list[str], dict[str, Any], bool | Cache] | None = None
        self._homes: dict[str, Policy] = {}
        self._state = self._prepare(policy)

    @classmethod
    def load(
        cls,
        names: PolicyNames,
        *,
        params: Mapping[str, Any] | None = None,
        cache: bool | Cache = True,
        host: Host | None = None,
        **options: Any,
    ) -> Engine:
        """An engine on a policy file, ``preset:NAME``, or several as layers, outermost first.

        Args:
            names: one name or several.
            params: values of the policy's parameters.
            cache: whether a compiled policy may be kept on disk and taken from there.
            host: as for the engine.
            options: as for the engine.

        Raises:
            PolicyError: with every error of the policy.
            FactError: as for the engine.
        """
        host = host or Host()
        policy = Policy.load(names, params=params, host=host, cache=cache)
        engine = cls(policy, host=host, **options)
        listed = [names] if isinstance(names, str | os.PathLike) else list(names)
        engine._origin = ([os.fspath(name) for name in listed], dict(params or {}), cache)
        return engine

    # --- the policy --------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._state.policy

    def swap(self, policy: Policy) -> Reload:
        """Put another policy in force, in one assignment; calls under way keep the one they began with.

        Raises:
            FactError: the engine's facts do not fit the new policy; the old one stays.
        """
        with self._swap:
            before = self._state.policy
            state = self._prepare(policy)
            self._homes = {}
            self._state = state
            return compare(before, policy)

    def reload(self) -> Reload:
        """Read the policy's files again and put them in force.

        Returns:
            What became wider.

        Raises:
            PolicyError: the new files have errors; the old policy stays.
            FactError: the engine's facts do not fit the new policy; the old one stays.
            ValueError: the engine was not made by ``Engine.load``.
        """
        if self._origin is None:
            raise ValueError("this engine was given a compiled policy; use swap()")
        names, params, cache = self._origin
        with self._swap:
            return self.swap(Policy.load(names, params=params, host=self.host, cache=cache))

    def declare(self, shape: ToolShape) -> None:
        """Make a tool known by the host's word. It adds to what the policy says of the tool.

        Raises:
            ValueError: the policy gives a parameter of the tool another type.
        """
        with self._swap:
            before = dict(self._declared)
            known = before.get(shape.name)
            self._declared = {**before, shape.name: shape if known is None else join(known, shape)}
            try:
                self._state = self._prepare(self._state.policy)
            except BaseException:
                self._declared = before
                raise

    def shape(self, tool: str) -> ToolShape | None:
        """What is declared of a tool, by the policy and the host together."""
        return self._state.reader.shapes.get(tool)

    def _prepare(self, policy: Policy) -> _State:
        shapes = dict(policy.tools)
        for name, shape in self._declared.items():
            shapes[name] = join(shapes[name], shape) if name in shapes else shape
        for name, shape in shapes.items():
            if shape.answered and not policy.watches(name):
                shapes[name] = shape.silent()
        own = [*policy.sources, *self._more_protected]
        if policy.sources:
            own.append(default_directory())
        own += self.store.paths()
        log = getattr(self.recorder, "path", None)
        if isinstance(log, str):
            own.append(log)
        situation = self.situation(policy, self._facts, self.agent, self.user, None)
        reader = Reader(shapes, self.host, want_size=policy.reads_size)
        return _State(policy, reader, Protected(path for path in own if not path.startswith("<")), situation)

    def situation(
        self, policy: Policy, facts: Mapping[str, Any], agent: Agent, user: User, session_id: str | None
    ) -> Situation:
        """What rules may read, under a policy.

        Raises:
            FactError: a fact that the policy does not declare, or of the wrong type.
        """
        known, lacking = check_facts(policy.facts, facts)
        return Situation(
            known,
            lacking=lacking,
            agent=agent,
            user=user,
            host_os=self.host.os_name,
            session_id=session_id,
            clock=self.clock,
            local=self._local,
        )

    # --- sessions ------------------------------------------------------------------------

    def session(
        self,
        *,
        user: User | str | None = None,
        agent: Agent | str | None = None,
        facts: Mapping[str, Any] | None = None,
        id: str | None = None,
    ) -> Session:
        """A session: one run of an agent. ``with engine.session() as session:`` makes it the context's.

        Leaving the block ends it. What is kept of one to which an ``id`` was given stays in the store, for the next
        that is made under it, until its ``end()``.

        Raises:
            FactError: a fact that the policy does not declare, or of the wrong type.
        """
        return Session(
            self,
            id or secrets.token_hex(8),
            User(user) if isinstance(user, str) else user or self.user,
            Agent(agent) if isinstance(agent, str) else agent or self.agent,
            {**self._facts, **(facts or {})},
            lasting=id is not None,
        )

    def current_session(self) -> Session | None:
        """The session of this context, if it is one of this engine's."""
        session = current()
        return session if session is not None and session.engine is self else None

    # --- deciding --------------------------------------------------------------------------

    def decide(self, call: ToolCall, session: Session | None = None) -> Decision:
        """What the policy answers to a call. A pure question: nothing runs, nothing changes, nobody is asked.

        Whatever goes wrong in answering is a deny with its reason; nothing is raised.
        """
        state = self._state
        policy, situation = state.policy, state.situation
        try:
            if session is not None:
                if session.engine is not self:
                    raise BadCall("wrong-session", "the session belongs to another engine")
                situation = session.situation(policy)
            if call.terms is not USUAL:
                if not isinstance(call, ToolCall):
                    raise TypeError("not a call")
                if call.home is not None and call.home != self.host.home:
                    policy = self._at_home(policy, call.home)
                if call.facts is not None or call.time is not None:
                    situation = self._special(call, policy, situation, session)
            if policy.reads_time and call.time is None:
                situation = situation.at(self.clock())
            effects = state.reader.effects(call)
            if session is not None and (policy.remembers or session.parent is not None):
                return self._in_session(call, effects, policy, situation, state, session)
            if len(effects) == 1:
                # The way of nearly every call.
                effect = effects[0]
                verdict = None if effect.cleared is state.protected else _unruled(effect, call, state, policy)
                if verdict is None:
                    verdict = policy.answers[effect.action](effect, situation)
                if verdict is not None:
                    return Decision(call, effects, verdict, policy, situation)
            return self._weigh(call, effects, policy, [situation], state)
        except BadCall as error:
            return Decision(call, (), _builtin(error.code, error.reason), policy, situation)
        except FactError as error:
            return Decision(call, (), _builtin("bad-fact", str(error)), policy, situation)
        except Exception as error:
            if not isinstance(call, ToolCall):
                wrong = _builtin("bad-call", f"a call is a ToolCall, not {type(call).__name__}")
                return Decision(ToolCall(""), (), wrong, policy, situation)
            where = policy.place_of(error)
            reason = f"the call could not be judged ({type(error).__name__}{'' if where is None else f' at {where}'})"
            return Decision(call, (), _builtin("internal-error", reason), policy, situation)

    def _weigh(
        self,
        call: ToolCall,
        effects: Sequence[Effect],
        policy: Policy,
        situations: Sequence[Situation],
        state: _State,
        turn: Turn | None = None,
    ) -> Decision:
        """The strictest answer over all effects, each judged in every situation."""
        judged: list[Effect] = []
        verdicts: list[Verdict] = []
        for effect in effects:
            if turn is not None:
                turn.judging(effect)
            verdict = _unruled(effect, call, state, policy)
            if verdict is None:
                found = [one for where in situations if (one := policy.judge(effect, where)) is not None]
                verdict = min(found, key=_strictest) if found else None
            if turn is not None and len(effects) > 1:
                turn.count(effect)
            # Nothing said of a tool whose declared effects answer for it is no effect of its own.
            if verdict is not None:
                judged.append(effect)
                verdicts.append(verdict)
        if verdicts:
            best = min(verdicts, key=_strictest)
        else:
            best = _builtin("no-effect", "the call has no effect that could be judged")
        return Decision(call, judged, best, policy, situations[0], verdicts)

    def _in_session(
        self,
        call: ToolCall,
        effects: Sequence[Effect],
        policy: Policy,
        situation: Situation,
        state: _State,
        session: Session,
        tries: int = 8,
    ) -> Decision:
        """The answer where the session is asked, or has parents, whose answers count as well."""
        turn = Turn(session.memory, policy, call)
        situations = [situation.remembering(turn)]
        outer = session.parent
        while outer is not None:
            above = self._special(call, policy, outer.situation(policy), outer)
            situations.append(above.remembering(turn))
            outer = outer.parent
        turn.begin(effects, situations)
        decision = self._weigh(call, effects, policy, situations, state, turn)
        if turn.failed is None:
            return decision
        if isinstance(turn.failed, StateMoved) and tries:
            return self._in_session(call, effects, policy, situation, state, session, tries - 1)
        return Decision(call, effects, _builtin("no-state", str(turn.failed)), policy, situations[0])

    def _special(self, call: ToolCall, policy: Policy, situation: Situation, session: Session | None) -> Situation:
        """The situation with what the call itself says of facts and time."""
        if call.facts is not None:
            known, lacking = check_facts(
                policy.facts, {**(self._facts if session is None else session.facts), **call.facts}
            )
            situation = situation.with_facts(known, lacking)
        return situation if call.time is None else situation.at(call.time)

    def _at_home(self, policy: Policy, home: str) -> Policy:
        """The policy with ``~`` in its patterns meaning another home."""
        with self._swap:
            if home not in self._homes:
                if self._origin is None:
                    raise BadCall("bad-call", "the call names another home directory than the policy is bound to")
                names, params, cache = self._origin
                host = Host(cwd=self.host.cwd, home=home, files=self.host.files, os_name=self.host.os_name)
                found = Policy.load(names, params=params, host=host, cache=cache)
                if len(self._homes) >= 8:
                    self._homes.clear()
                self._homes[home] = found
            return self._homes[home]

    # --- letting calls go --------------------------------------------------------------------

    def authorize(self, call: ToolCall, session: Session | None = None, *, awaited: bool = False) -> Decision:
        """Let a call go, or raise. Asks the reviewer where the policy asks, decides again, records, then returns.

        ``awaited`` is for whoever is sure to observe the result before the agent sees it.

        Raises:
            Denied: the policy or the reviewer refused, the decision could not be recorded, or the answer changed.
            ApprovalRequired: a person has to agree and nobody can be asked here.
        """
        with self._lock(session):
            decision = self.decide(call, session)
            if not self._asks(decision, session):
                return self._finish(decision, session, awaited=awaited)
        request = ApprovalRequest(decision)
        try:
            answer = ask(self._reviewer(), request)
        except Exception as error:
            self._refuse(decision, f"the reviewer failed ({type(error).__name__})", error)
        if answer is None:
            self._record(decision, released=False)
            raise ApprovalRequired(_message(decision, "the reviewer is async: use aauthorize()"), decision)
        with self._lock(session):
            return self._finish(self.decide(call, session), session, request, answer, awaited=awaited)

    async def aauthorize(self, call: ToolCall, session: Session | None = None, *, awaited: bool = False) -> Decision:
        """``authorize`` for async code: the reviewer may be async.

        Raises:
            Denied: as for ``authorize``.
            ApprovalRequired: as for ``authorize``.
        """
        with self._lock(session):
            decision = self.decide(call, session)
            if not self._asks(decision, session):
                return self._finish(decision, session, awaited=awaited)
        request = ApprovalRequest(decision)
        try:
            answer = await aask(self._reviewer(), request)
        except Exception as error:
            self._refuse(decision, f"the reviewer failed ({type(error).__name__})", error)
        with self._lock(session):
            return self._finish(self.decide(call, session), session, request, answer, awaited=awaited)

    def _asks(self, decision: Decision, session: Session | None) -> bool:
        """Whether a person is to be asked before anything else."""
        ended = session is not None and session.ended
        return decision.outcome == "ask" and self.mode == "enforce" and self.reviewer is not None and not ended

    def _reviewer(self) -> Reviewer:
        if self.reviewer is None:
            raise LookupError("the reviewer is gone")
        return self.reviewer

    def _finish(
        self,
        decision: Decision,
        session: Session | None,
        request: ApprovalRequest | None = None,
        answer: bool = False,
        *,
        awaited: bool = False,
    ) -> Decision:
        """Let the call go, or raise; under the session's lock, so that of two calls one comes first.

        ``request`` is what a person answered; the answer holds for exactly that call under exactly that policy.
        Where the session changed elsewhere in the meantime, the call is judged again.
        """
        for _ in range(MOST_TRIES):
            approved = self._approved(decision, session, request, answer)
            if not approved and self.mode == "enforce" and decision.outcome != "allow":
                self._record(decision, released=False)
                kind = ApprovalRequired if decision.outcome == "ask" else Denied
                raise kind(_message(decision), decision)
            try:
                if self._let_through(decision, session, approved, awaited):
                    break
            except StateMoved:
                pass
            except Exception as error:
                if self.mode == "enforce":
                    known = isinstance(error, StateError)
                    why = str(error) if known else f"what it does cannot be kept ({type(error).__name__})"
                    self._refuse(decision, why, error)
                self.lost += 1
                break
            decision = self.decide(decision.call, session)
        else:
            self._refuse(decision, "the session's state kept changing")
        try:
            self._record(decision, released=True, approved=approved)
        except Denied:
            self._settle_state(decision, "not run", None)
            raise
        return decision

    def _approved(
        self, decision: Decision, session: Session | None, request: ApprovalRequest | None, answer: bool
    ) -> bool:
        """Whether a person's answer lets a call go.

        Raises:
            Denied: the session has ended, or the answer is no, or not to this question.
        """
        if self.mode == "observe":
            return False
        if session is not None and session.ended:
            self._refuse(decision, "the session has ended")
        if decision.outcome != "ask" or request is None:
            return False
        if not answer:
            self._refuse(decision, "the reviewer refused")
        if decision.digest != request.digest or not asked(decision) <= request.asked:
            self._refuse(decision, "the call or the policy changed while it was reviewed")
        return True

    def _let_through(self, decision: Decision, session: Session | None, approved: bool, awaited: bool) -> bool:
        """Note in the session that a call is let go; False where the session changed in the meantime.

        Raises:
            StateError: the store cannot keep it.
        """
        turn = decision.situation.state
        if not isinstance(turn, Turn) or not turn.policy.remembers:
            if session is not None:
                session.memory.blind = True
            return True
        shape = turn.policy.tools.get(decision.call.tool)
        origin = "untrusted" if shape is None or shape.returns is None else shape.returns
        return turn.let_through(decision.id, origin=origin, awaited=awaited, approved=approved)

    def _lock(self, session: Session | None) -> threading.RLock:
        return self._swap if session is None else session.lock

    def _refuse(self, decision: Decision, why: str, cause: BaseException | None = None) -> NoReturn:
        self._record(decision, released=False)
        raise Denied(_message(decision, why), decision) from cause

    def _record(self, decision: Decision, *, released: bool, approved: bool = False) -> None:
        if self.recorder is None:
            return
        try:
            self.recorder.record(
                decided(
                    decision,
                    call_id=decision.id,
                    released=released,
                    approved=approved,
                    mode=self.mode,
                    moment=self.clock(),
                )
            )
        except Exception as error:
            if self.mode == "enforce":
                why = f"the decision could not be recorded ({type(error).__name__})"
                raise Denied(_message(decision, why), decision) from error
            with self._swap:
                self.lost += 1

    def settle(self, decision: Decision, result: str, shown: Any = UNSEEN, *, unseen: float = 0.0) -> None:
        """Record how a call ended: ``ok``, ``error``, ``unknown`` or ``not run``; ``shown`` is what the agent sees.

        ``unseen``: how many bytes came back where they are not shown.

        What has run cannot be stopped any more: an outcome that cannot be recorded is counted in ``lost``, and while
        the recorder fails no further call is let go. Where the session cannot note it, the call stays under way there,
        which is the stricter reading.
        """
        self._settle_state(decision, result, shown, unseen)
        if self.recorder is None:
            return
        try:
            self.recorder.record(settled(decision.id, decision.session, result, self.clock()))
        except Exception:
            with self._swap:
                self.lost += 1

    def note(self, decision: Decision, part: Any) -> None:
        """Note a part of a call's result that the agent gets to see before the call has ended."""
        turn = decision.situation.state
        if isinstance(turn, Turn) and turn.policy.remembers:
            self._until_kept(turn, lambda: turn.again().heard(decision.id, part))

    def _settle_state(self, decision: Decision, ended: str, shown: Any, unseen: float = 0.0) -> None:
        turn = decision.situation.state
        if not isinstance(turn, Turn) or not turn.policy.remembers:
            return
        self._until_kept(turn, lambda: turn.again().ended_with(decision.id, ended, shown, unseen))

    def _until_kept(self, turn: Turn, change: Callable[[], bool]) -> None:
        try:
            for _ in range(MOST_TRIES):
                try:
                    if change():
                        return
                except StateMoved:
                    continue
            raise StateError("the session's state kept changing")
        except Exception:
            # It stays under way there; what the agent saw of it nobody knows.
            turn.memory.unheard = True
            with self._swap:
                self.lost += 1


class _State:
    """What one policy brings; swapped as a whole."""

    __slots__ = ("policy", "protected", "reader", "situation")

    def __init__(self, policy: Policy, reader: Reader, protected: Protected, situation: Situation) -> None:
        self.policy = policy
        self.reader = reader
        self.protected = protected
        self.situation = situation


def _unruled(effect: Effect, call: ToolCall, state: _State, policy: Policy) -> Verdict | None:
    """What needs no rule: the answer to a tool that nobody speaks of, and to effects on the guard's own files."""
    if effect.family == "tool":
        name = call.tool if call.action is None else call.target
        if name in state.reader.shapes or policy.names_tool(str(name)):
            return None
        return _builtin("unknown-tool", f"nobody declares the tool `{visible(str(name))}`")
    return OWN_FILES if state.protected.hit(effect, call) else None


def _message(decision: Decision, why: str | None = None) -> str:
    """What the agent reads: what was refused, why, and what it may do about it."""
    what = decision.call.tool or decision.call.action or "the call"
    reason = decision.reason or "no reason is given"
    if why is not None:
        return f"`{what}` was not run: {why} ({decision.rule}: {reason})"
    if decision.verdict.severity == ASK:
        return f"`{what}` needs a person's approval before it may run: {reason} (rule {decision.rule})"
    return f"`{what}` is not allowed: {reason} (rule {decision.rule})"
