"""Ways around what a session remembers, each closed: one test for each that was found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agentpolicy import (
    Agent,
    ApprovalRequired,
    Decision,
    Denied,
    Engine,
    Policy,
    Session,
    ToolCall,
    guard,
)
from agentpolicy.engine.counting import Window
from agentpolicy.engine.memory import MOST_TEXTS
from agentpolicy.engine.reload import compare
from agentpolicy.stores import Change, MemoryStore, StoreError
from agentpolicy.testing import FakeClock, memory_host

EVIL = "US133000000121212121212"
URL = "https://a.com/"
HEAD = 'policy p version "1" language 1\n'
SOURCES = (
    HEAD
    + "default allow\ntool inbox()\ntool pay(recipient: text)\n"
    + 'deny p: tool pay when recipient from untrusted because "x"\n'
)
SECRET = (
    HEAD
    + "default allow\ntool bash(command: shell) does only exec command\n"
    + 'mark secret on fs.read "/ws/.env"\ndeny egress: net any when session has secret because "x"\n'
)
TESTED = (
    HEAD
    + 'default allow\nmark tested on exec "pytest **" when result == "ok"\nclear tested on fs.write "/repo/**"\n'
    + 'deny untested: exec "git push **" unless session has tested because "x"\n'
)
of = ToolCall.of
PUSH = of("exec", "git push o")
NET = of("net.get", URL)
PAY = ToolCall("pay", {"recipient": EVIL})
READ = of("fs.read", "/ws/.env")


def engine(text: str, **options: Any) -> Engine:
    options.setdefault("host", memory_host(cwd="/ws"))
    return Engine(Policy.from_text(text), **options)


def let(session: Session, call: ToolCall) -> Decision:
    """The answer; where it is yes the call is let go."""
    try:
        return session.authorize(call)
    except (Denied, ApprovalRequired) as refused:
        return refused.decision


def do(session: Session, call: ToolCall, result: Any = "", **how: Any) -> str:
    decision = let(session, call)
    if decision.allowed:
        session.observe(decision, result, **how)
    return decision.outcome


def ask(session: Session, call: ToolCall) -> str:
    return session.decide(call).outcome


def run(command: str) -> ToolCall:
    return ToolCall("bash", {"command": command})


# --- layers and reloads ---------------------------------------------------------------


def test_two_layers_of_one_name_share_nothing() -> None:
    outer = (
        HEAD
        + 'default none\nmark secret on fs.read "/ws/.env"\n'
        + 'deny egress: net any when session has secret because "x"\n'
        + 'deny flood: exec "echo **" over 1 per 1h because "x"\n'
    )
    inner = (
        HEAD
        + 'extends "o.agp"\ndefault allow\nmark secret on exec "never"\nclear secret on exec "true"\n'
        + 'deny flood: exec "echo **" over 1000 per 1h because "x"\n'
    )
    policy = Policy.from_text(inner, files={"o.agp": outer}, name="i.agp")
    session = Engine(policy, host=memory_host(cwd="/ws")).session()
    do(session, READ)
    do(session, of("exec", "true"))
    assert ask(session, NET) == "deny"
    assert [do(session, of("exec", "echo 1")) for _ in range(3)] == ["allow", "deny", "deny"]


def test_a_wider_limit_and_other_marks_are_told_at_a_reload() -> None:
    small = Policy.from_text(HEAD + 'default deny\nallow r: net.get "a.com" limit 1 per 1m\n')
    large = Policy.from_text(HEAD + 'default deny\nallow r: net.get "a.com" limit 1000 per 1m\n')
    assert compare(small, large).wider
    assert compare(Policy.from_text(SECRET), Policy.from_text(SECRET.replace(".env", ".other"))).wider
    assert not compare(
        small, Policy.from_text(HEAD + 'default deny\n\nallow r: net.get "a.com" limit 1 per 1m\n')
    ).wider


def test_a_limit_outlives_changes_of_other_clauses() -> None:
    text = HEAD + 'default deny\nallow r: net.get "a.com" limit 100 per 1h budget 10B out per session\n'
    one = engine(text)
    session = one.session()
    do(session, NET)
    one.swap(
        Policy.from_text(HEAD + 'default deny\nallow r: net.get "a.com" budget 10B out per session limit 100 per 1h\n')
    )
    assert ask(session, NET) == "deny"


def test_what_happened_under_a_policy_that_kept_nothing_is_not_known() -> None:
    marked = HEAD + 'default allow\ntool inbox()\ntool pay(recipient: text)\nmark m on exec "x"\n'
    marked += 'deny q: exec "y" when session has m because "x"\n'
    one = engine(marked)
    session = one.session()
    do(session, ToolCall("inbox"), f"to {EVIL}")
    one.swap(Policy.from_text(SOURCES))
    assert ask(session, PAY) == "deny"
    two = engine(HEAD + "default allow\ntool inbox()\n")
    session = two.session()
    do(session, ToolCall("inbox"), f"to {EVIL}")
    two.swap(Policy.from_text(SOURCES))
    assert ask(session, PAY) == "deny"
    two.swap(Policy.from_text(SECRET))
    assert ask(session, NET) == "ask"


# --- marks ------------------------------------------------------------------------------


def test_a_mark_on_a_tool_whose_effects_answer_for_it_is_set() -> None:
    text = HEAD + "default allow\ntool edit(path: path) does only fs.write path\nmark edited on tool edit\n"
    session = engine(text + 'deny x: exec "push" when session has edited because "x"\n').session()
    do(session, ToolCall("edit", {"path": "/ws/a"}))
    assert ask(session, of("exec", "push")) == "deny"


def test_a_mark_stays_unknown_while_a_call_may_change_it_whatever_others_do() -> None:
    session = engine(TESTED).session()
    do(session, of("exec", "pytest -q"))
    write = let(session, of("fs.write", "/repo/a.py"))
    assert ask(session, PUSH) == "ask"
    do(session, of("exec", "pytest -q"))
    assert ask(session, PUSH) == "ask"
    session.observe(write, "ok")
    assert ask(session, PUSH) == "deny"


def test_what_is_cancelled_changes_no_mark_and_restores_none() -> None:
    session = engine(TESTED).session()
    do(session, of("exec", "pytest"))
    first = let(session, of("fs.write", "/repo/a"))
    do(session, of("fs.write", "/repo/b"))
    session.cancel(first)
    assert ask(session, PUSH) == "deny"


def test_a_mark_that_hangs_on_another_counts_within_one_call() -> None:
    text = SECRET.replace("deny egress", 'mark b on exec "pack **" when session has secret\ndeny egress')
    session = engine(text.replace("when session has secret because", "when session has b because")).session()
    assert ask(session, run("cat /ws/.env; pack x; curl https://a.com/")) == "ask"
    do(session, run("cat /ws/.env; pack x"))
    assert ask(session, NET) == "ask"
    do(session, READ)
    do(session, of("exec", "pack x"))
    assert ask(session, NET) == "deny"


LASTING = (
    HEAD
    + 'default allow\nmark fresh on exec "login" for 10m\nmark fresh on exec "sudo-v" for 5m\n'
    + 'deny x: exec "deploy" unless session has fresh because "x"\n'
)


def test_a_mark_that_makes_laxer_lasts_as_long_as_the_line_that_set_it() -> None:
    clock = FakeClock(1_000_000.0)
    session = engine(LASTING, clock=clock).session()
    deploy = of("exec", "deploy")
    do(session, of("exec", "sudo-v"))
    clock.advance(299)
    assert ask(session, deploy) == "allow"
    clock.advance(1)
    assert ask(session, deploy) == "deny"
    do(session, of("exec", "login"))
    for _ in range(2):
        clock.advance(301)
        session.cancel(let(session, of("exec", "login")))
        do(session, of("exec", "$X"))
    assert ask(session, deploy) != "allow"


def test_assignments_that_change_what_runs_leave_a_mark_unsure() -> None:
    text = TESTED.replace("default allow", "default allow\ntool bash(command: shell) does only exec command")
    text += 'allow odd: exec any when env has any ["PATH"]\n'
    session = engine(text).session()
    do(session, run("PATH=/tmp/evil pytest"))
    assert ask(session, PUSH) == "ask"


def test_a_generator_that_was_left_early_and_an_end_that_nobody_knows_prove_nothing() -> None:
    text = HEAD + 'default allow\ntool check()\nmark tested on tool check when result == "ok"\n'
    text += 'deny d: exec "push" unless session has tested because "x"\n'
    push = of("exec", "push")
    one = engine(text)

    @guard(one)
    def check() -> Iterator[str]:
        yield "collecting"
        raise RuntimeError("failed")

    with one.session() as session:
        started = check()
        next(started)
        started.close()  # type: ignore[attr-defined]
        assert ask(session, push) == "ask"

    class Running:
        returncode = None

    class Hostile:
        @property
        def returncode(self) -> int:
            raise RuntimeError("no")

    for result in (Running(), {"exit_code": 1.0}, {"returncode": "1"}, Hostile()):
        session = one.session()
        do(session, ToolCall("check"), result)
        assert ask(session, push) == "ask"
    for result in ({"exitCode": 1}, {"isError": True}):
        session = one.session()
        do(session, ToolCall("check"), result)
        assert ask(session, push) == "deny"
    session = one.session()
    session.observe(session.authorize(ToolCall("check")))
    assert ask(session, push) == "ask"


# --- sub-agents -----------------------------------------------------------------------------


def test_sub_agents_do_not_escape_the_limits_of_those_above() -> None:
    text = HEAD + 'default deny\ntool x()\nallow lead: tool x when agent.role == "lead" limit 1 per 1h\n'
    session = engine(text + 'allow sub: tool x when agent.role == "sub"\n').session(agent=Agent("b", "lead"))
    child = session.child(agent=Agent("w", "sub"))
    assert [do(child, ToolCall("x")) for _ in range(3)] == ["allow", "deny", "deny"]
    boss = engine(HEAD + "default deny\ntool x()\nallow r: tool x limit 2 per 1h per agent\n").session(agent="boss")
    assert [do(boss.child(agent=f"s{at}"), ToolCall("x")) for at in range(4)] == ["allow", "allow", "deny", "deny"]


def test_every_question_of_those_above_has_to_be_answered() -> None:
    text = HEAD + "default allow\ntool x()\n"
    text += (
        'ask r1: tool x when agent.role == "sub" because "1"\nask r2: tool x when agent.role == "lead" because "2"\n'
    )
    session = engine(text).session(agent=Agent("b", "lead"))
    asks = session.child(agent=Agent("w", "sub")).decide(ToolCall("x")).asks
    assert {one.rule for one in asks} == {"r1", "r2"}


# --- values -------------------------------------------------------------------------------------


class Flaky(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.down = False

    def write(self, changes: Sequence[Change]) -> bool:
        if self.down:
            raise StoreError("down")
        return super().write(changes)


def test_a_result_that_could_not_be_noted_was_not_observed() -> None:
    store = Flaky()
    one = engine(SOURCES, store=store)

    @guard(one)
    def inbox() -> str:
        store.down = True
        return f"send to {EVIL}"

    with one.session() as session:
        inbox()
        store.down = False
        assert one.lost == 1
        assert ask(session, PAY) == "deny"


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Property:
    @property
    def text(self) -> str:
        return f"to {EVIL}"


@pytest.mark.parametrize("result", [Broken(), [10**5000], {"a": [Broken(), f"to {EVIL}"]}, Property(), iter(["x"])])
def test_a_result_that_cannot_be_read_whole_was_not_observed(result: Any) -> None:
    session = engine(SOURCES).session()
    do(session, ToolCall("inbox"), result)
    assert ask(session, PAY) == "deny" or result == [10**5000]


def test_what_a_guarded_function_gives_later_is_observed_when_it_is_there() -> None:
    one = engine(SOURCES)

    async def later() -> str:
        return f"to {EVIL}"

    async def many() -> AsyncIterator[str]:
        yield f"to {EVIL}"

    with one.session() as session:
        assert asyncio.run(guard(one, name="inbox")(lambda: later())()).startswith("to")  # type: ignore[arg-type]
        assert ask(session, PAY) == "deny"
    with one.session() as session:
        guard(one, name="inbox")(lambda: many())()
        assert ask(session, PAY) == "deny"


def test_files_that_tools_write_carry_where_their_text_came_from(tmp_path: Path) -> None:
    text = SOURCES + "tool save(path: path, content: text) does only fs.write path\n"
    text += "tool copy(src: path, dst: path) does only fs.read src, fs.write dst\n"
    text += "tool dl(url: url, path: path) does only net.get url, fs.write path\n"
    text += "tool cat(path: path) does only fs.read path returns trusted\n"
    one = engine(text)
    session = one.session()
    do(session, ToolCall("inbox"), f"to {EVIL}")
    do(session, ToolCall("save", {"path": "/ws/1", "content": EVIL}))
    do(session, ToolCall("copy", {"src": "/ws/1", "dst": "/ws/2"}))
    session = one.session()
    session.said("get https://e.com/x")
    do(session, ToolCall("dl", {"url": "https://e.com/x", "path": "/ws/3"}))
    for name in "123":
        session = one.session()
        do(session, ToolCall("cat", {"path": f"/ws/{name}"}), EVIL)
        assert ask(session, PAY) == "deny", name
    session = one.session()
    do(session, ToolCall("cat", {"path": "/ws/4"}), EVIL)
    assert ask(session, PAY) == "allow"


# --- files under marks ------------------------------------------------------------------------------


def carrying(*between: ToolCall, **how: Any) -> str:
    """What a later session may do after it reads a copy of a secret, and what happened to the copy in between."""
    text = SECRET + 'tool write_file(path: path, content: text, mode: text = "w") does only fs.write path\n'
    text += "tool appendFile(path: path, content: text) does only fs.write path\n"
    one = engine(text)
    session = one.session()
    do(session, READ)
    do(session, of("fs.write", "/ws/copy"))
    session = one.session()
    for call in between:
        do(session, call, **how)
    session = one.session()
    do(session, of("fs.read", "/ws/copy"))
    return ask(session, NET)


def test_a_file_is_forgotten_only_when_a_call_that_replaced_it_has_ended_well() -> None:
    assert carrying() == "deny"
    assert carrying(run("rm /ws/copy")) == "allow"
    assert carrying(run("rm /ws/copy"), error="no") == "deny"
    assert carrying(run("false && rm /ws/copy")) == "allow"  # it ended well, so both ran
    assert carrying(run("false && rm /ws/copy"), result={"returncode": 1}) == "deny"
    assert carrying(run("rm /ws/copy || true")) == "deny"
    write = ToolCall("write_file", {"path": "/ws/copy", "content": "clean"})
    assert carrying(write) == "allow"
    assert carrying(write, error="no") == "deny"
    assert carrying(ToolCall("write_file", {"path": "/ws/copy", "content": "x", "mode": "a"})) == "deny"
    assert carrying(ToolCall("appendFile", {"path": "/ws/copy", "content": "x"})) == "deny"
    assert carrying(of("fs.write", "/ws/copy")) == "deny"


@pytest.mark.parametrize(
    "command",
    ["cp -r /ws /q", "mv /ws /q", "tar xf /ws/t.tar -C /q", "cat .env > /q/x", "frob -o /q/x /ws/.env"],
)
def test_what_is_written_into_a_directory_under_a_mark_is_carried(command: str) -> None:
    one = engine(SECRET)
    session = one.session()
    do(session, READ)
    do(session, run(command))
    session = one.session()
    do(session, of("fs.read", "/q/x"))
    assert ask(session, NET) in {"ask", "deny"}


def test_a_mark_that_makes_laxer_is_nothing_that_a_file_brings() -> None:
    one = engine(TESTED)
    session = one.session()
    do(session, of("exec", "pytest -q"))
    do(session, of("fs.write", "/tmp/note"))
    do(session, of("fs.write", "/repo/a.py"))
    do(session, of("fs.read", "/tmp/note"))
    assert ask(session, PUSH) == "deny"


def test_a_mark_that_waits_for_the_result_reaches_what_is_written_meanwhile() -> None:
    text = SECRET.replace('"/ws/.env"', '"/ws/.env" when result == "ok"')
    one = engine(text)
    session = one.session()
    do(session, run("cat /ws/.env > /ws/out"))
    session = one.session()
    do(session, of("fs.read", "/ws/out"))
    assert ask(session, NET) in {"ask", "deny"}


# --- counting ---------------------------------------------------------------------------------------


def test_bytes_that_come_back_are_charged_whatever_the_call_itself_changed() -> None:
    text = HEAD + "default deny\nmark seen on net.get any\n"
    one = engine(text + "allow r: net.get any unless session has seen budget 10B in per user\n")
    assert [do(one.session(user="ana"), NET, "x" * 1000) for _ in range(3)] == ["allow", "deny", "deny"]
    session = engine(HEAD + "default deny\nallow r: net.get any budget 1KB in per session\n").session()
    assert [do(session, NET, memoryview(b"x" * 2000)) for _ in range(2)] == ["allow", "deny"]


def test_a_window_gives_back_what_is_still_in_it() -> None:
    clock = FakeClock(1_000_000.0)
    text = HEAD + 'default deny\nallow r: exec "x" limit 2 per 1m\n'
    session = engine(text, clock=clock).session()
    first = let(session, of("exec", "x"))
    clock.advance(61)
    do(session, of("exec", "x"))
    session.cancel(first)
    assert [do(session, of("exec", "x")) for _ in range(2)] == ["allow", "deny"]


def test_a_clock_that_steps_back_frees_nothing() -> None:
    clock = FakeClock(1_000_000.0)
    one = engine(HEAD + 'default deny\nallow r: exec "x" limit 5 per 1h per user\n', clock=clock)
    assert [do(one.session(user="a"), of("exec", "x")) for _ in range(2)] == ["allow"] * 2
    clock.advance(-3000)
    assert [do(one.session(user="a"), of("exec", "x")) for _ in range(4)] == ["allow"] * 3 + ["deny"]
    clock.advance(3700)
    assert do(one.session(user="a"), of("exec", "x")) == "deny"


def test_identical_calls_are_those_of_the_same_arguments_in_any_order() -> None:
    session = engine(HEAD + 'default deny\ntool t()\nallow r: tool "u" limit 1 per 1h per call\n').session()
    assert do(session, ToolCall("u", {"a": 2**64, "b": 1})) == "allow"
    assert do(session, ToolCall("u", {"b": 1, "a": 2**64})) == "deny"


def test_files_are_counted_by_where_they_lead_and_programs_by_their_names() -> None:
    host = memory_host(cwd="/ws", links={"/ws/link": "/ws/file"})
    text = (
        HEAD
        + 'default deny\nallow r: fs.read "/ws/**" limit 1 per 1h per path\nallow x: exec any limit 1 per 1h per program\n'
    )
    session = Engine(Policy.from_text(text, host=host), host=host).session()
    assert do(session, of("fs.read", "/ws/file")) == "allow"
    assert do(session, of("fs.read", "/ws/link")) == "deny"
    assert do(session, of("exec", "ls")) == "allow"
    assert do(session, of("exec", "/bin/ls")) == "deny"


def test_no_more_calls_are_let_go_than_can_be_told_apart() -> None:
    session = engine(SECRET).session()
    for _ in range(256):
        let(session, READ)
    with pytest.raises(Denied, match="nobody has said how they ended"):
        session.authorize(READ)
    assert ask(session, of("exec", "true")) == "allow"


def test_an_amount_without_end_and_one_that_no_store_takes_are_counted() -> None:
    text = (
        HEAD
        + 'default deny\ntool pay(amount: number)\nallow p: tool pay\nask much: tool pay over 10 of amount per 1h because "x"\n'
    )
    session = engine(text).session()
    assert ask(session, ToolCall("pay", {"amount": 2**70})) == "ask"
    approving = engine(text, reviewer=lambda _: True).session()
    approving.observe(approving.authorize(ToolCall("pay", {"amount": 2**70})), "")
    assert ask(approving, ToolCall("pay", {"amount": 1})) == "ask"


def test_a_call_of_another_session_is_not_settled_here() -> None:
    one = engine(SOURCES)
    session, other = one.session(), one.session()
    decision = let(session, ToolCall("inbox"))
    with pytest.raises(ValueError, match="another session"):
        other.observe(decision, f"to {EVIL}")
    with pytest.raises(ValueError, match="another session"):
        other.cancel(decision)


def test_an_absent_value_allows_nothing_as_not_the_users() -> None:
    text = HEAD + "default deny\ntool pay(recipient: text?)\nallow a: tool pay unless recipient from user\n"
    assert ask(engine(text).session(), ToolCall("pay", {})) == "deny"
    text = HEAD + 'default allow\ntool pay(recipient: text?)\nask a: tool pay unless recipient from user because "x"\n'
    assert ask(engine(text).session(), ToolCall("pay", {})) == "ask"


def test_work_stays_linear_in_the_number_of_commands() -> None:
    marks = "".join(f'mark m{at} on exec "x{at}"\n' for at in range(20))
    rules = "".join(f'deny r{at}: exec any when session has m{at} because "x"\n' for at in range(20))
    limits = "".join(f'allow l{at}: exec "echo **" limit 100000 per 1h\n' for at in range(20))
    session = engine(
        HEAD + "default allow\ntool bash(command: shell) does only exec command\n" + marks + rules + limits
    ).session()
    decision = let(session, run("; ".join(f"echo {at}" for at in range(240))))
    assert decision.outcome == "allow"
    session.observe(decision, "")
    shared: Any = "x"
    for _ in range(40):
        shared = [shared, shared]
    loop: list[Any] = []
    loop.append(loop)
    do(session, of("exec", "true"), [shared, loop])


# --- stores that hold something else, or move ----------------------------------------------------------


class Damaging(MemoryStore):
    """A store in which values can be put, and which does something before it reads texts."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Any = None

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        if self.before is not None and any(key.startswith(("text:", "base:")) for key in keys):
            before, self.before = self.before, None
            before()
        return super().read(keys)

    def put(self, key: str, value: bytes | None) -> None:
        [(version, _)] = MemoryStore.read(self, [key])
        assert self.write([Change(key, version, value)])


def many_texts(session: Session, count: int, start: int = 0) -> None:
    for at in range(start, start + count):
        do(session, ToolCall("inbox"), f"account DE{at:020d}")


@pytest.mark.parametrize("value", [b"no JSON", b"[[1]]", b"3"])
def test_a_limit_that_cannot_be_read_is_spent(value: bytes) -> None:
    store = Damaging()
    session = engine(HEAD + 'default deny\nallow r: exec "x" limit 2 per 1m\n', store=store).session(id="s")
    do(session, of("exec", "x"))
    store.put("count:session:s\x1fp:r:limit:calls:session", value)
    decision = session.decide(of("exec", "x"))
    assert (decision.outcome, decision.rule) == ("deny", "builtin:no-state")


@pytest.mark.parametrize("value", [None, b"", b"untrusted\0x", b"\xff\0"])
def test_a_text_that_is_gone_or_damaged_is_no_answer(value: bytes | None) -> None:
    store = Damaging()
    session = engine(SOURCES, store=store).session(id="s")
    many_texts(session, 2)
    store.put("text:1:s", value)
    assert engine(SOURCES, store=store).session(id="s").decide(PAY).rule == "builtin:no-state"


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\x02[3", b'\0\0\0\x0b[["user",4]]abc'])
def test_texts_that_were_put_together_and_are_gone_or_damaged_are_no_answer(value: bytes | None) -> None:
    store = Damaging()
    many_texts(engine(SOURCES, store=store).session(id="s"), MOST_TEXTS)
    store.put(f"base:{MOST_TEXTS}:s", value)
    assert engine(SOURCES, store=store).session(id="s").decide(PAY).rule == "builtin:no-state"


def test_texts_that_are_put_together_while_they_are_read_are_read_again() -> None:
    store = Damaging()
    one, other = (engine(SOURCES, store=store).session(id="s") for _ in range(2))
    many_texts(one, MOST_TEXTS - 1)
    store.before = lambda: many_texts(one, 1, MOST_TEXTS)
    assert ask(other, ToolCall("pay", {"recipient": f"DE{MOST_TEXTS:020d}"})) == "deny"
    third = engine(SOURCES, store=store).session(id="s")
    many_texts(one, MOST_TEXTS - 2, 200)
    decision = let(third, ToolCall("inbox"))
    store.before = lambda: many_texts(one, 1, 300)
    third.observe(decision, f"to {EVIL}")
    assert third.engine.lost == 0
    assert ask(third, PAY) == "deny"
    many_texts(one, MOST_TEXTS - 2, 400)
    store.before = lambda: many_texts(one, 2, 500)
    third.said("pay DE89370400440532013000")
    assert ask(third, ToolCall("pay", {"recipient": "DE89370400440532013000"})) == "allow"


def test_windows_that_are_held_are_bounded() -> None:
    session = engine(HEAD + 'default deny\nallow r: exec "x **" limit 1 per 1h per call\n').session()
    for at in range(300):
        do(session, of("exec", f"x {at}"))
    assert len(session.memory._windows) <= 256
    assert ask(session, of("exec", "x 7")) == "deny"


def test_a_sum_of_very_many_charges_stays_strict() -> None:
    clock = FakeClock(1_000_000.0)
    text = HEAD + "default deny\ntool pay(amount: number)\nallow p: tool pay\n"
    text += 'ask much: tool pay over 2000 of amount per 1h because "x"\n'
    session = engine(text, clock=clock).session()
    pay = ToolCall("pay", {"amount": 1})
    first = let(session, pay)
    for _ in range(1100):
        clock.advance(1)
        do(session, pay)
    session.cancel(first)
    assert ask(session, ToolCall("pay", {"amount": 900})) == "allow"
    assert ask(session, ToolCall("pay", {"amount": 901})) == "ask"
    assert ask(engine(text).session(), ToolCall("pay", {"amount": 901})) == "allow"


def test_a_budget_without_a_window_gives_back_too() -> None:
    session = engine(HEAD + "default deny\nallow r: net.get any budget 40B out per session\n").session()
    first = let(session, of("net.get", "https://a.com/0123456789"))
    assert ask(session, of("net.get", "https://a.com/0123456789")) == "deny"
    session.cancel(first)
    assert ask(session, of("net.get", "https://a.com/0123456789")) == "allow"


def test_what_is_counted_by_has_to_be_known() -> None:
    text = HEAD + "default deny\ntool sh(command: shell) does only exec command\n"
    text += 'allow h: net any limit 1 per 1h per host\nallow e: exec "x" limit 1 per 1h per host\n'
    text += 'allow a: exec "y" limit 1 per 1h per agent\nallow t: tool "u" limit 1 per 1h per arg.key\n'
    text += 'allow f: fs.read "/ws/**" limit 1 per 1h per suffix\n'
    session = engine(text).session()
    assert [do(session, of("exec", "x")) for _ in range(2)] == ["allow", "deny"]
    assert ask(session, of("exec", "y")) == "deny"
    assert ask(session, ToolCall("u", {})) == "deny"
    long = "k" * 2000
    assert [do(session, ToolCall("u", {"key": long})) for _ in range(2)] == ["allow", "deny"]
    assert do(session, ToolCall("u", {"key": long + "x"})) == "allow"
    assert [do(session, of("fs.read", f"/ws/{name}.py")) for name in "ab"] == ["allow", "deny"]
    assert do(session, of("fs.read", "/ws/a.txt")) == "allow"
    assert ask(session, of("net.connect", "nowhere at all")) == "deny"


def test_whoever_only_watches_loses_nothing_but_the_state() -> None:
    store = Flaky()
    one = engine(SECRET, store=store, mode="observe")
    session = one.session()
    store.down = True
    assert session.authorize(READ).allowed
    assert one.lost == 1


def test_parts_of_a_result_that_cannot_be_noted_were_not_observed() -> None:
    store = Flaky()
    one = engine(SOURCES, store=store)

    @guard(one)
    def inbox() -> Iterator[str]:
        store.down = True
        yield f"to {EVIL}"
        store.down = False

    with one.session() as session:
        assert len(list(inbox())) == 1
        assert ask(session, PAY) == "deny"


def test_a_store_in_which_everybody_else_is_faster_lets_nothing_go() -> None:
    class Busy(MemoryStore):
        def write(self, changes: Sequence[Change]) -> bool:
            return changes[0].key == "secret" and super().write(changes)

    session = engine(SOURCES, store=Busy()).session()
    with pytest.raises(Denied, match="kept changing"):
        session.authorize(ToolCall("inbox"))
    with pytest.raises(Exception, match="kept changing"):
        session.said("hello there GB29NWBK60161331926819")


def test_an_address_that_a_person_approved_is_trusted_for_that_action() -> None:
    text = HEAD + "default allow\ntool inbox()\ntool get(url: url) does only net.get url\n"
    text += 'ask odd: net.get any when host from untrusted because "x"\n'
    one = engine(text, reviewer=lambda _: True)
    session = one.session()
    do(session, ToolCall("inbox"), "see https://evil.example/x")
    call = ToolCall("get", {"url": "https://evil.example/x"})
    assert ask(session, call) == "ask"
    assert do(session, call) == "ask"  # and approved
    assert ask(session, call) == "allow"


def test_what_was_written_nobody_knows_where_makes_every_file_unsure() -> None:
    one = engine(SECRET)
    session = one.session()
    do(session, READ)
    do(session, run("echo x > $Q"))
    do(session, run("cp -r /ws /"))
    for call in (of("fs.read", "/any/file"), run("cat $Y"), run("grep -r x /any")):
        session = one.session()
        do(session, call)
        assert ask(session, NET) in {"ask", "deny"}
    assert ask(one.session(), NET) == "allow"


def test_more_files_than_can_be_told_apart_are_not_written() -> None:
    one = engine(SECRET)
    session = one.session()
    do(session, READ)
    many = [run("tee " + " ".join(f"/ws/f{at}x{name}" for name in range(500))) for at in range(9)]
    assert [do(session, call) for call in many[:8]] == ["allow"] * 8
    with pytest.raises(Denied, match="files carry"):
        session.authorize(many[8])
    assert do(session, of("fs.write", "/ws/one-more")) == "allow"


# --- files that are deleted and written at once -----------------------------------------

WRITER = SECRET + "tool write(path: path, content: text) does only fs.write path\n"
WRITE = ToolCall("write", {"path": "/ws/f", "content": "hi"})


def read_in_another(one: Engine, path: str) -> str:
    """What the network says to a session that read a file."""
    other = one.session()
    assert do(other, of("fs.read", path), "what it holds") == "allow"
    return ask(other, NET)


@pytest.mark.parametrize(
    "command", ["rm -f /ws/c && cp /ws/.env /ws/c", "cp /ws/.env /ws/c; rm /ws/c; cp /ws/.env /ws/c"]
)
def test_what_one_command_deletes_and_writes_again_is_not_forgotten(command: str) -> None:
    one = engine(SECRET)
    assert do(one.session(), run(command), "") == "allow"
    assert read_in_another(one, "/ws/c") != "allow"


@pytest.mark.parametrize("options", ["-i", "--help", "-I", "--version", "--interactive=always", "-rfi", "$X"])
def test_a_deletion_that_may_end_well_without_one_forgets_nothing(options: str) -> None:
    one = engine(WRITER)
    session = one.session()
    do(session, READ)
    do(session, WRITE)
    do(one.session(), run(f"rm {options} /ws/f </dev/null"), "")
    assert read_in_another(one, "/ws/f") == "deny"


def test_a_deletion_that_is_sure_forgets() -> None:
    one = engine(WRITER)
    session = one.session()
    do(session, READ)
    do(session, WRITE)
    do(one.session(), run("rm -f -v -- /ws/f"), {"returncode": 0})
    assert read_in_another(one, "/ws/f") == "allow"


@pytest.mark.parametrize("clean", [WRITE, of("fs.delete", "/ws/f")], ids=["written", "deleted"])
@pytest.mark.parametrize("first", ["clean", "dirty"])
@pytest.mark.parametrize("ended", ["before", "after"])
def test_what_another_session_writes_meanwhile_is_not_forgotten(clean: ToolCall, first: str, ended: str) -> None:
    one = engine(WRITER)
    plain, tainted = one.session(), one.session()
    do(tainted, READ)
    calls = [(plain, clean), (tainted, WRITE)]
    decisions = {id(who): who.authorize(call) for who, call in (calls if first == "clean" else reversed(calls))}
    for who in (tainted, plain) if ended == "before" else (plain, tainted):
        who.observe(decisions[id(who)], {"returncode": 0})
    assert read_in_another(one, "/ws/f") == "deny"


def test_more_writers_at_once_than_are_told_apart_are_never_forgotten() -> None:
    one = engine(WRITER)
    session = one.session()
    do(session, READ)
    decisions = [session.authorize(WRITE) for _ in range(20)]
    for decision in decisions:
        session.observe(decision, "ok")
    assert do(one.session(), WRITE, "ok") == "allow"
    assert read_in_another(one, "/ws/f") == "deny"


def test_a_write_that_was_called_off_is_under_way_no_more() -> None:
    one = engine(WRITER)
    session = one.session()
    do(session, READ)
    session.cancel(session.authorize(WRITE))
    assert do(one.session(), WRITE, "ok") == "allow"
    assert read_in_another(one, "/ws/f") == "allow"


def test_what_is_written_into_a_file_while_it_is_read_is_brought_back() -> None:
    one = engine(WRITER)
    reader, writer = one.session(), one.session()
    do(writer, READ)
    reading = reader.authorize(of("fs.read", "/ws/f"))
    do(writer, WRITE)
    reader.observe(reading, "what it holds")
    assert ask(reader, NET) == "deny"


def test_a_file_brings_no_mark_that_is_lax_under_the_policy_that_reads_it() -> None:
    store = MemoryStore()
    mark = HEAD + 'default allow\nmark m on fs.read "/ws/a"\n'
    first = engine(mark + 'deny d: net any when session has m because "x"\n', store=store).session()
    do(first, of("fs.read", "/ws/a"))
    do(first, of("fs.write", "/ws/o"))
    second = engine(mark + 'deny d: net any unless session has m because "x"\n', store=store).session()
    do(second, of("fs.read", "/ws/o"))
    assert ask(second, NET) == "deny"


# --- how long, for whom, and since when -------------------------------------------------


def test_a_shorter_line_does_not_shorten_a_strict_mark() -> None:
    clock = FakeClock()
    session = engine(SECRET + 'mark secret on fs.read "/ws/notes" for 1m\n', clock=clock).session()
    do(session, READ)
    do(session, of("fs.read", "/ws/notes"))
    clock.advance(61)
    assert ask(session, NET) == "deny"


def test_a_shorter_line_does_shorten_a_lax_mark() -> None:
    clock = FakeClock()
    text = HEAD + 'default allow\nmark ok on exec "a"\nmark ok on exec "b" for 1m\n'
    session = engine(text + 'deny p: exec "push" unless session has ok because "x"\n', clock=clock).session()
    do(session, of("exec", "a"))
    do(session, of("exec", "b"))
    assert ask(session, of("exec", "push")) == "allow"
    clock.advance(61)
    assert ask(session, of("exec", "push")) == "deny"


def test_a_sub_agent_has_no_marks_by_its_parents_role() -> None:
    text = (
        HEAD + 'default allow\nmark ok on exec "review" when agent.role == "lead"\n'
        'mark secret on fs.read "/ws/.env"\nclear secret on exec "scrub" when agent.role == "lead"\n'
        'deny p: exec "push" unless session has ok because "x"\ndeny e: net any when session has secret because "x"\n'
    )
    session = engine(text).session(agent=Agent("b", "lead"))
    child = session.child(agent=Agent("w", "sub"))
    do(child, of("exec", "review"))
    assert ask(session, of("exec", "push")) != "allow"
    do(child, READ)
    do(child, of("exec", "scrub"))
    assert ask(child, NET) != "allow"
    do(session, of("exec", "review"))
    do(session, of("exec", "scrub"))
    assert (ask(session, of("exec", "push")), ask(session, NET)) == ("allow", "allow")


LEAK = (
    SECRET + 'clear secret on exec "logout"\nclear secret on exec "publish"\n'
    'mark leak on fs.write "/share/**" when session has secret\n'
    'mark leak on exec "publish" when session has secret\n'
    'deny l: exec "mail" when session has leak because "x"\n'
)


def test_a_mark_depends_on_the_session_as_the_call_was_let_go() -> None:
    session = engine(LEAK).session()
    do(session, READ)
    writing = session.authorize(of("fs.write", "/share/x"))
    do(session, of("exec", "logout"))
    session.observe(writing, "ok")
    assert ask(session, of("exec", "mail")) == "deny"


def test_a_call_that_clears_what_its_own_line_asks_for_leaves_it_open() -> None:
    session = engine(LEAK).session()
    do(session, READ)
    do(session, of("exec", "publish"))
    assert ask(session, of("exec", "mail")) != "allow"


@pytest.mark.parametrize("more", ["", 'deny q: exec any over 999 per 1h because "x"\n'])
def test_a_lax_mark_is_not_had_for_what_came_later(more: str) -> None:
    text = HEAD + 'default allow\nmark ready on exec "prepare"\nmark ok on exec "verify" when session has ready\n'
    session = engine(text + 'deny p: exec "push" unless session has ok because "x"\n' + more).session()
    verifying = session.authorize(of("exec", "verify"))
    do(session, of("exec", "prepare"))
    session.observe(verifying, "ok")
    assert ask(session, of("exec", "push")) == "deny"
    do(session, of("exec", "verify"))
    assert ask(session, of("exec", "push")) == "allow"


# --- generators, and who heard what -----------------------------------------------------

PARTS = (
    HEAD + "default allow\ntool inbox()\ntool save(path: path, content: text) does only fs.write path\n"
    "tool cat(path: path) does only fs.read path returns trusted\ntool echo(text: text) returns lab\n"
    'tool pay(to: text)\ndeny u: tool pay when to from untrusted because "x"\n'
    'deny n: tool pay when to from nowhere because "x"\n'
)


def test_what_a_generator_gives_comes_from_where_the_whole_would() -> None:
    one = engine(PARTS)

    @guard(one)
    def cat(path: str) -> Iterator[str]:
        yield "to " + EVIL

    @guard(one)
    def echo(text: str) -> Iterator[str]:
        yield text

    first = one.session()
    do(first, ToolCall("inbox"), EVIL)
    do(first, ToolCall("save", {"path": "/ws/s", "content": EVIL}))
    pay = ToolCall("pay", {"to": EVIL})
    with one.session() as session:
        assert list(cat("/ws/s")) == ["to " + EVIL]
        assert session.decide(pay).rule == "u"
    with one.session() as session:
        assert list(echo(EVIL)) == [EVIL]
        assert session.decide(pay).rule == "n"


def test_what_a_generator_gives_is_charged() -> None:
    one = engine(HEAD + "tool dump()\nallow r: tool dump budget 10B in per session\n")

    @guard(one)
    def dump() -> Iterator[str]:
        yield "x" * 1000

    @guard(one, name="dump")
    def lazy() -> Iterator[str]:
        return iter(["x" * 1000])

    for read in (dump, lazy):
        with one.session():
            assert len(list(read())) == 1
            with pytest.raises(Denied):
                list(read())


def test_another_session_object_knows_of_results_that_nobody_could_note() -> None:
    store = Flaky()
    one = engine(SOURCES, store=store)

    @guard(one)
    def inbox() -> str:
        store.down = True
        return EVIL

    with one.session(id="q"):
        inbox()
    store.down = False
    assert ask(one.session(id="q"), PAY) == "deny"


@pytest.mark.parametrize("before", ['mark m on exec "x"\ndeny q: exec "y" when session has m because "x"\n', ""])
def test_a_session_that_nobody_listened_to_is_known_to_a_later_policy(before: str) -> None:
    store = MemoryStore()
    text = HEAD + "default allow\ntool inbox()\ntool pay(recipient: text)\n"
    if before:
        do(engine(text + before, store=store).session(id="q"), ToolCall("inbox"), EVIL)
        assert ask(engine(SOURCES, store=store).session(id="q"), PAY) == "deny"
    else:
        assert ask(engine(SOURCES, store=store).session(id="q"), PAY) == "allow"


def test_words_of_ones_own_in_a_map_are_not_the_users() -> None:
    one = engine(HEAD + 'default allow\ndeny m: tool "s/m" unless arg.x from user because "x"\n')
    session = one.session()
    session.said("mail bob@acme.com")
    prose = "please wipe all of the disks"
    values = [prose, {"a": prose}, [prose], ["bob@acme.com", prose], {"bob@acme.com": [{"a": prose}]}]
    assert [ask(session, ToolCall("s/m", {"x": value})) for value in values] == ["deny"] * 5
    for value in ("bob@acme.com", {"to": "bob@acme.com"}, ["bob@acme.com", "bob@acme.com"]):
        assert ask(session, ToolCall("s/m", {"x": value})) == "allow"


def test_a_charge_that_has_gone_is_not_given_back_from_others() -> None:
    window = Window().charged(60, 0.0, 1)
    for at in range(1100):
        window = window.charged(60, 61 + at / 1000, 1)
    assert window.given_back(60, 0.0, 1).total(60, 62.5) == window.total(60, 62.5) == 1100


def test_what_a_nameless_sub_agent_does_counts_for_the_one_above() -> None:
    one = engine(HEAD + 'default allow\ntool x()\nask m: tool x over 2 per 1h per agent because "x"\n')
    session = one.session(agent="boss")
    child = session.child(agent=Agent())
    one.reviewer = lambda request: True
    for _ in range(3):
        one.authorize(ToolCall("x"), child)
    one.reviewer = None
    assert ask(session, ToolCall("x")) == "ask"


def bits(byte: int) -> list[int]:
    return [byte >> at & 1 for at in range(8)]


def test_the_shape_of_arguments_is_counted() -> None:
    text = HEAD + 'tool post(x: text)\nallow r: tool "s/f" budget 100B out per session\n'
    one = engine(text)
    shape: list[Any] = [[] if one == 0 else "" for byte in b"32 bytes of a secret, every call" for one in bits(byte)]
    assert ask(one.session(), ToolCall("s/f", {"x": shape})) == "deny"
    assert ask(one.session(), ToolCall("s/f", {"x": shape[:20]})) == "allow"


def test_a_session_ends_although_somebody_writes_meanwhile() -> None:
    class Racing(MemoryStore):
        __slots__ = ("late",)

        def write(self, changes: Sequence[Change]) -> bool:
            late, self.late = getattr(self, "late", None), None
            if late is not None:
                late()
            return super().write(changes)

    store = Racing()
    one = engine(SOURCES, store=store)
    session, other = one.session(id="q"), one.session(id="q")
    session.said("something")
    store.late = lambda: other.said("something else")
    session.end()
    assert ask(one.session(id="q"), PAY) == "deny"


def test_a_store_that_fails_denies_no_call_of_which_nothing_is_kept() -> None:
    store = Flaky()
    one = engine(HEAD + 'default allow\ndeny q: exec "x" over 5 per 1h because "x"\n', store=store)
    session = one.session(id="q")
    store.down = True
    assert do(session, of("exec", "ls")) == "allow"
    with pytest.raises(Denied, match="cannot keep"):
        session.authorize(of("exec", "x"))


def test_a_call_that_is_observed_twice_sets_its_marks_once() -> None:
    text = WRITER + (
        'mark tested on exec "cat /ws/f" when result == "ok"\nclear tested on fs.write "/repo/**"\n'
        'deny untested: exec "push" unless session has tested because "x"\n'
    )
    one = engine(text)
    writer = one.session()
    do(writer, READ)
    do(writer, WRITE)
    session = one.session()
    testing = session.authorize(run("cat /ws/f"))
    session.observe(testing, {"returncode": 0})
    assert ask(session, of("exec", "push")) == "allow"
    do(session, of("fs.write", "/repo/x"))
    session.observe(testing, {"returncode": 0})
    assert (ask(session, of("exec", "push")), ask(session, NET)) == ("deny", "deny")
