"""Sessions on every store: shared by engines, threads, processes and tasks, and what every way to fail leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import random
import signal
import sqlite3
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from agentpolicy import Agent, Denied, Engine, Policy, Session, ToolCall
from agentpolicy.engine.memory import SESSION_SECONDS
from agentpolicy.engine.provenance import MOST_BYTES
from agentpolicy.stores import Change, MemoryStore, RedisStore, SqliteStore, Store, StoreError
from agentpolicy.testing import FakeClock, memory_host

if TYPE_CHECKING:
    from conftest import Server

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")

POLICY = """policy shared version "1" language 1
default deny because "nothing allows this"
tool sh(command: shell) does only exec command
tool load(path: path) does only fs.read path
tool save(path: path, content: text) does only fs.write path
tool fetch(url: url) does only net.get url
tool inbox() returns untrusted
tool pay(to: text, amount: number = 1)
tool post(text: text)
tool page()
mark secret on fs.read "/repo/.env"
mark tested on exec "pytest **" when result == "ok"
mark recent on exec "date" for 10m
allow files: fs.read, fs.write "/repo/**"
allow tools: exec "pytest **", "date", "true"
allow release: exec "release" when session has recent
allow push: exec "push"
allow web: net.get "a.example"
allow inbox: tool inbox
allow posts: tool post limit 50 per 1h
allow pages: tool page limit 3 per 30d per user
allow pay: tool pay
deny egress: net any when session has secret because "this session has read a secret"
deny untested: exec "push" unless session has tested because "test first"
deny much: tool pay over 1000 of amount per 1d because "more than 1000 in a day"
deny payee: tool pay when to from untrusted because "a message named this account"
ask made-up: tool pay when to from nowhere because "nobody named this account"
"""
#: The same without a question about origins: what is let go stays in the store as marks and counts alone.
COUNTS = POLICY.partition("deny payee")[0]

IBAN = "GB29NWBK60161331926819"
EVIL = "US133000000121212121212"
FETCH = ToolCall("fetch", {"url": "https://a.example/x"})
READ = ToolCall("load", {"path": "/repo/.env"})
POST = ToolCall("post", {"text": "hello"})
INBOX = ToolCall("inbox")


def sh(command: str) -> ToolCall:
    return ToolCall("sh", {"command": command})


def pay(to: str, amount: float = 1) -> ToolCall:
    return ToolCall("pay", {"to": to, "amount": amount})


def ask(session: Session, call: ToolCall) -> str:
    decision = session.decide(call)
    return f"{decision.outcome} {decision.rule}"


def do(session: Session, call: ToolCall, result: Any = "") -> None:
    session.observe(session.authorize(call), result)


def let_go(session: Session, call: ToolCall, times: int) -> int:
    """How many of so many calls are let go; all others are denied because no rule allows them any more."""
    done = 0
    for _ in range(times):
        try:
            do(session, call)
        except Denied as denied:
            if denied.decision.rule != "default":
                raise
        else:
            done += 1
    return done


# Where state is kept


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., Server]) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("redis"), "--appendonly", "yes")
    yield server
    server.kill()


class House:
    """One place where state is kept, with a clock, and as many engines on it as a test asks for."""

    def __init__(self, kind: str, place: str) -> None:
        self.kind = kind
        self.place = place
        self.clock = FakeClock(1_000_000.0)
        self.stores: list[Store] = []

    def store(self) -> Store:
        """A handle of its own on the same state."""
        if self.kind == "memory":
            store: Store = self.stores[0] if self.stores else MemoryStore(clock=self.clock)
        elif self.kind == "sqlite":
            store = SqliteStore(self.place, clock=self.clock)
        else:
            store = RedisStore(self.place, timeout=1)
        self.stores.append(store)
        return store

    def engine(self, text: str = POLICY, *, store: Store | None = None, **options: Any) -> Engine:
        """An engine that shares nothing with the others but the state."""
        host = memory_host(cwd="/repo")
        options.setdefault("clock", self.clock)
        return Engine(Policy.from_text(text, host=host), host=host, store=store or self.store(), **options)

    def kept(self) -> dict[str, tuple[int, float | None]]:
        """Every key, with the bytes of its value and the seconds that it is kept; None for good."""
        if self.kind == "memory":
            store = self.stores[0]
            assert isinstance(store, MemoryStore)
            return {
                key: (len(value or b""), None if expires is None else expires - self.clock())
                for key, ((_, value), expires) in store._entries.items()
            }
        if self.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(self.place)) as file:
                rows = file.execute("SELECT key, length(value), expires FROM entries").fetchall()
            return {
                key.decode(): (size, None if expires is None else expires - self.clock()) for key, size, expires in rows
            }
        found = {}
        with redis.Redis.from_url(self.place) as client:
            for key in client.keys("agentpolicy:key:*"):
                left = client.ttl(key)
                found[key.decode().removeprefix("agentpolicy:key:")] = (client.strlen(key), None if left < 0 else left)
        return found


KINDS = ("memory", "sqlite", "redis")


def a_house(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> House:
    if kind != "redis":
        return House(kind, str(tmp_path / "state.db"))
    server: Server = request.getfixturevalue("shared_server")
    with redis.Redis(port=server.port, socket_timeout=5) as client:
        client.flushall()
    return House(kind, server.url)


@pytest.fixture(params=KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    house = a_house(request.param, tmp_path, request)
    yield house
    for store in house.stores:
        store.close()


@pytest.fixture(params=["sqlite", "redis"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A house that several processes share; its clock is the machine's."""
    house = a_house(request.param, tmp_path, request)
    house.clock = time.time  # type: ignore[assignment]
    yield house
    for store in house.stores:
        store.close()


# What engines on one store share


def test_marks_are_one_for_all_engines(house: House) -> None:
    one, other = (house.engine().session(id="s") for _ in range(2))
    assert ask(other, FETCH) == "allow web"
    decision = one.authorize(READ)
    assert ask(other, FETCH) == "ask egress"
    one.observe(decision, "KEY=1")
    assert ask(other, FETCH) == ask(one, FETCH) == "deny egress"
    assert ask(house.engine().session(id="t"), FETCH) == "allow web"
    do(other, sh("pytest -q"))
    assert ask(one, sh("push")) == "allow push"
    do(one, sh("date"))
    assert ask(other, sh("release")) == "allow release"
    house.clock.advance(600)
    assert ask(one, sh("release")) == ask(other, sh("release")) == "deny default"


def test_what_did_not_run_is_given_back_for_all_engines(house: House) -> None:
    one, other = (house.engine().session(id="s") for _ in range(2))
    one.cancel(one.authorize(READ))
    assert ask(other, FETCH) == "allow web"
    decisions = [one.authorize(POST) for _ in range(50)]
    assert ask(other, POST) == "deny default"
    for decision in decisions[:2]:
        one.cancel(decision)
    assert let_go(other, POST, 4) == 2


def test_limits_and_sums_are_one_for_all_engines_and_slide(house: House) -> None:
    sessions = [house.engine().session(id="s") for _ in range(3)]
    assert sum(let_go(sessions[at % 3], POST, 1) for at in range(60)) == 50
    house.clock.advance(3599)
    assert [ask(one, POST) for one in sessions] == ["deny default"] * 3
    house.clock.advance(1)
    assert [ask(one, POST) for one in sessions] == ["allow posts"] * 3
    for session in sessions:
        session.said(f"pay {IBAN}")
        do(session, pay(IBAN, 300))
    assert [ask(one, pay(IBAN, 101)) for one in sessions] == ["deny much"] * 3
    assert [ask(one, pay(IBAN, 100)) for one in sessions] == ["allow pay"] * 3


def test_what_a_user_has_left_is_one_for_all_sessions(house: House) -> None:
    page = ToolCall("page")
    assert sum(let_go(house.engine(user="ana").session(), page, 1) for _ in range(5)) == 3
    assert ask(house.engine(user="ben").session(), page) == "allow pages"


def test_origins_are_one_for_all_engines_however_many_texts_there_were(house: House) -> None:
    one, other = (house.engine().session(id="s") for _ in range(2))
    one.said(f"pay {IBAN}")
    do(one, INBOX, f"new account: {EVIL}")
    assert ask(other, pay(EVIL)) == "deny payee"
    assert ask(other, pay(IBAN)) == "allow pay"
    assert ask(other, pay("DE89370400440532013000")) == "ask made-up"
    # More texts than are kept one by one, by turns.
    for at in range(140):
        do((one, other)[at % 2], INBOX, f"account DE{at:020d}")
    late = house.engine().session(id="s")
    for session in (one, other, late):
        assert [ask(session, pay(f"DE{at:020d}")) for at in (0, 63, 64, 139)] == ["deny payee"] * 4
        assert [ask(session, pay(to)) for to in (EVIL, IBAN)] == ["deny payee", "allow pay"]
        assert ask(session, pay("DE89370400440532013000")) == "ask made-up"


def test_sub_agents_share_what_their_parent_has_elsewhere_too(house: House) -> None:
    parent = house.engine().session(id="s", agent=Agent("a", "main"))
    child = parent.child(agent="b").child(agent="c")
    far = house.engine().session(id="s").child(agent="d")
    do(child, READ, "KEY=1")
    assert [ask(one, FETCH) for one in (parent, child, far)] == ["deny egress"] * 3
    assert sum(let_go((parent, child, far)[at % 3], POST, 1) for at in range(55)) == 50
    do(far, INBOX, f"account {EVIL}")
    assert [ask(one, pay(EVIL)) for one in (parent, child, far)] == ["deny payee"] * 3


def test_files_carry_marks_and_origins_to_sessions_of_other_engines(house: House) -> None:
    one = house.engine().session()
    do(one, READ, "KEY=1")
    do(one, ToolCall("save", {"path": "/repo/copy", "content": "KEY=1"}))
    other = house.engine().session()
    assert ask(other, FETCH) == "allow web"
    do(other, ToolCall("load", {"path": "/repo/copy"}), "KEY=1")
    assert ask(other, FETCH) == "deny egress"


# At once


#: What a process does first: an engine of its own on the state that it is told of.
BEGIN = """
import json, os, signal, sys, threading
from agentpolicy import Denied, Engine, Policy, ToolCall
from agentpolicy.stores import RedisStore, SqliteStore
from agentpolicy.testing import memory_host
kind, place, text = sys.argv[1:4]
store = (SqliteStore if kind == "sqlite" else RedisStore)(place)
host = memory_host(cwd="/repo")
engine = Engine(Policy.from_text(text, host=host), host=host, store=store)
session = engine.session(id="s")
def do(session, call, result=""):
    session.observe(session.authorize(call), result)
"""

AT_ONCE = (
    BEGIN
    + """
at = int(sys.argv[4])
sessions = [session, session.child(agent="c"), engine.session(id="s"), session] * 2
ready, go = threading.Barrier(9), threading.Event()
let, sums, wrong = [], [], []

def attempt(session, call, into, expected):
    try:
        do(session, call)
        into.append(1)
    except Denied as refused:
        if refused.decision.rule != expected or "kept changing" in str(refused):
            wrong.append(str(refused))

def work(number):
    mine = sessions[number]
    ready.wait()
    go.wait()
    do(mine, ToolCall("sh", {"command": f"note {at}-{number}"}))
    for turn in range(8):
        attempt(mine, ToolCall("post", {"text": str(turn)}), let, "default")
        attempt(mine, ToolCall("pay", {"to": "x", "amount": 100}), sums, "much")

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
ready.wait()
print("ready", flush=True)
sys.stdin.readline()
go.set()
for thread in threads: thread.join()
print(json.dumps([len(let), len(sums), wrong, engine.lost]), flush=True)
"""
)

NOTES = [f"{process}-{number}" for process in range(2) for number in range(8)]
MANY_MARKS = COUNTS + "".join(
    f'mark m{name} on exec "note {name}"\nallow a{name}: exec "note {name}"\n'
    f'allow b{name}: exec "noted {name}" when session has m{name}\n'
    for name in NOTES
)


def start(house: House, code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, house.kind, house.place, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline() or "null")


def test_two_processes_of_eight_threads_keep_every_limit_and_every_mark(lasting: House) -> None:
    """Some threads share a session object, some have a child of it, some one of their own."""
    processes = [start(lasting, AT_ONCE, MANY_MARKS, str(at)) for at in range(2)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        found = [line(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [one[2:] for one in found] == [[[], 0], [[], 0]]
    assert sum(one[0] for one in found) == 50
    assert sum(one[1] for one in found) == 10
    session = lasting.engine(MANY_MARKS).session(id="s")
    assert [name for name in NOTES if ask(session, sh(f"noted {name}")) != f"allow b{name}"] == []
    assert ask(session, POST) == "deny default"


def test_eight_threads_on_two_engines_keep_every_limit_mark_and_origin(house: House) -> None:
    """Each thread has a session object of its own."""
    sessions = [house.engine(POLICY).session(id="s") for _ in range(8)]
    gate = threading.Barrier(8)
    let: list[int] = []

    def work(number: int) -> None:
        gate.wait()
        for turn in range(5):
            do(sessions[number], INBOX, f"account DE{number:010d}{turn:010d}")
            let.append(let_go(sessions[number], POST, 2))
        if number == 7:
            do(sessions[number], READ)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(let) == 50
    assert [one.engine.lost for one in sessions] == [0] * 8
    for session in (sessions[0], house.engine().session(id="s")):
        assert ask(session, FETCH) == "deny egress"
        seen = [f"DE{number:010d}{turn:010d}" for number in range(8) for turn in range(5)]
        assert [to for to in seen if ask(session, pay(to)) != "deny payee"] == []


class Careless:
    """A store that does not compare versions, to show that the tests would see it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        return self._store.read(keys)

    def write(self, changes: Sequence[Change]) -> bool:
        found = self._store.read([change.key for change in changes])
        return self._store.write([one._replace(version=now) for one, (now, _) in zip(changes, found, strict=True)])

    def close(self) -> None:
        self._store.close()

    def paths(self) -> tuple[str, ...]:
        return self._store.paths()


class Between(Careless):
    """A store that lets somebody else in once: right after something was read, or right before something is written."""

    def __init__(self, store: Store, *, compares: bool) -> None:
        super().__init__(store)
        self.compares = compares
        self.then: Callable[[], None] | None = None
        self.after: str | None = None

    def let_in(self, then: Callable[[], None], after: str | None) -> None:
        self.then, self.after = then, after

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        found = super().read(keys)
        if self.after is not None and any(key.startswith(self.after) for key in keys):
            self._now()
        return found

    def write(self, changes: Sequence[Change]) -> bool:
        self._now()
        return self._store.write(changes) if self.compares else super().write(changes)

    def _now(self) -> None:
        then, self.then, self.after = self.then, None, None
        if then is not None:
            then()


@pytest.mark.parametrize("compares", [True, False], ids=["compares", "careless"])
@pytest.mark.parametrize("late", [True, False], ids=["before-writing", "after-reading"])
def test_what_happened_between_reading_and_writing_counts_and_would_not_if_versions_were_not_compared(
    house: House, compares: bool, late: bool
) -> None:
    between = Between(house.store(), compares=compares)
    one, other = house.engine(store=between).session(id="s"), house.engine().session(id="s")

    assert let_go(other, POST, 49) == 49
    let: list[int] = []
    between.let_in(lambda: let.append(let_go(other, POST, 1)), None if late else "count:session")
    let.append(let_go(one, POST, 1))
    assert let == ([1, 0] if compares else [1, 1])

    # Of a user over sessions there is no document but the count.
    page = ToolCall("page")
    mine, theirs = (engine.session(user="ana") for engine in (one.engine, other.engine))
    assert let_go(theirs, page, 2) == 2
    let.clear()
    between.let_in(lambda: let.append(let_go(theirs, page, 1)), None if late else "count:user")
    let.append(let_go(mine, page, 1))
    assert let == ([1, 0] if compares else [1, 1])

    between.let_in(lambda: do(other, READ), None if late else "session:")
    do(one, sh("true"))
    assert ask(house.engine().session(id="s"), FETCH) == ("deny egress" if compares else "allow web")

    decision = one.authorize(INBOX)
    between.let_in(lambda: do(other, INBOX, f"account {EVIL}"), None if late else "session:")
    one.observe(decision, f"account {IBAN}")
    late_one = house.engine().session(id="s")
    assert ask(late_one, pay(IBAN)) == "deny payee"
    assert ask(late_one, pay(EVIL)) == ("deny payee" if compares else "ask made-up")


def test_tasks_keep_a_limit(house: House) -> None:
    sessions = [house.engine().session(id="s") for _ in range(4)]

    async def one(session: Session) -> int:
        await asyncio.sleep(0)
        try:
            decision = await session.aauthorize(POST)
        except Denied:
            return 0
        await asyncio.sleep(0)
        session.observe(decision, "done")
        return 1

    async def everybody() -> int:
        return sum(await asyncio.gather(*(one(sessions[at % 4]) for at in range(60))))

    assert asyncio.run(everybody()) == 50


def test_a_task_that_waited_for_a_person_is_judged_by_what_others_did_meanwhile(house: House) -> None:
    asked = asyncio.Event()
    answered = asyncio.Event()

    async def reviewer(_request: object) -> bool:
        asked.set()
        await answered.wait()
        return True

    text = POLICY + 'ask look: net.get "a.example" because "somebody should look"\n'
    waiting = house.engine(text, reviewer=reviewer).session(id="s")
    other = house.engine(text).session(id="s")

    async def everybody() -> None:
        task = asyncio.create_task(waiting.aauthorize(FETCH))
        await asked.wait()
        do(other, READ)
        answered.set()
        with pytest.raises(Denied, match="has read a secret"):
            await task

    asyncio.run(everybody())


# Processes that end


KILLED = (
    BEGIN
    + """
session.said("pay GB29NWBK60161331926819")
do(session, ToolCall("post", {"text": "x"}))
for call in (ToolCall("load", {"path": "/repo/.env"}), ToolCall("sh", {"command": "pytest -q"}), ToolCall("inbox")):
    session.authorize(call)
os.kill(os.getpid(), signal.SIGKILL)
"""
)


@posix
def test_calls_of_a_process_that_was_killed_stay_under_way(lasting: House) -> None:
    process = start(lasting, KILLED, POLICY)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    session = lasting.engine().session(id="s")
    assert ask(session, FETCH) == "ask egress"
    assert ask(session, sh("push")) == "ask untested"
    assert ask(session, pay("DE89370400440532013000")) == "deny payee"
    assert ask(session, pay(IBAN)) == "allow pay"
    assert let_go(session, POST, 52) == 49
    # What is known afterwards counts.
    do(session, READ)
    assert ask(session, FETCH) == "deny egress"
    assert ask(session.engine.session(id="another"), FETCH) == "allow web"


BEFORE = (
    BEGIN
    + """
session.said("pay GB29NWBK60161331926819")
do(session, ToolCall("inbox"), "new account: US133000000121212121212")
do(session, ToolCall("load", {"path": "/repo/.env"}), "KEY=1")
do(session, ToolCall("sh", {"command": "pytest -q"}), "3 passed")
for _ in range(30): do(session, ToolCall("post", {"text": "x"}))
do(session, ToolCall("pay", {"to": "GB29NWBK60161331926819", "amount": 900}))
if sys.argv[4] == "killed": os.kill(os.getpid(), signal.SIGKILL)
store.close()
"""
)


@posix
@pytest.mark.parametrize("how", ["ended", "killed"])
def test_another_process_goes_on_where_one_ended(lasting: House, how: str) -> None:
    process = start(lasting, BEFORE, POLICY, how)
    process.communicate()
    assert process.returncode == (-signal.SIGKILL if how == "killed" else 0)
    session = lasting.engine().session(id="s")
    assert ask(session, FETCH) == "deny egress"
    assert ask(session, sh("push")) == "allow push"
    assert ask(session, pay(EVIL)) == "deny payee"
    assert ask(session, pay("DE89370400440532013000")) == "ask made-up"
    assert ask(session, pay(IBAN, 100)) == "allow pay"
    assert ask(session, pay(IBAN, 101)) == "deny much"
    assert let_go(session, POST, 25) == 20


# Stores that fail


class Failing(MemoryStore):
    """A store that answers nothing while it is told so."""

    down = False

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        if self.down:
            raise StoreError("gone")
        return super().read(keys)

    def write(self, changes: Sequence[Change]) -> bool:
        if self.down:
            raise StoreError("gone")
        return super().write(changes)


STATELESS = 'policy p version "1" language 1\ndefault deny\ntool sh(command: shell) does only exec command\nallow t: exec "true"\n'


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_a_store_that_is_lost_denies_what_needs_it_and_goes_on_when_it_is_back(
    kind: str, tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    server = start_server(tmp_path, "--appendonly", "yes") if kind == "redis" else None
    store = RedisStore(server.url, timeout=0.3) if server is not None else Failing()
    try:
        engine = House(kind, "").engine(store=store)
        session = engine.session(id="s")
        do(session, READ)
        do(session, INBOX, f"account {EVIL}")
        under_way = session.authorize(sh("pytest"))
        assert let_go(session, POST, 30) == 30

        if server is not None:
            server.kill()
        else:
            store.down = True  # type: ignore[union-attr]
        for call in (FETCH, POST, pay(EVIL), sh("push")):
            assert ask(session, call) == "deny builtin:no-state"
            with pytest.raises(Denied, match="store cannot"):
                session.authorize(call)
        # What no rule needs the state for is decided; what keeps nothing is let go.
        assert ask(session, sh("true")) == "allow tools"
        assert House(kind, "").engine(STATELESS, store=store).session().authorize(sh("true")).outcome == "allow"
        with pytest.raises(Exception, match="store cannot"):
            session.said("pay")
        session.observe(under_way, "3 passed")
        assert engine.lost == 1

        if server is not None:
            server.start()
        else:
            store.down = False  # type: ignore[union-attr]
        assert ask(session, FETCH) == "deny egress"
        assert ask(session, pay(EVIL)) == "deny payee"
        assert ask(session, sh("push")) == "ask untested"
        assert let_go(session, POST, 25) == 20
    finally:
        store.close()
        if server is not None:
            server.kill()


@contextlib.contextmanager
def full_disk(file: Path) -> Iterator[None]:
    """No file may grow past what this one has."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix
def test_a_full_disk_denies_what_would_be_forgotten_and_goes_on_with_room(tmp_path: Path) -> None:
    house = House("sqlite", str(tmp_path / "state.db"))
    engine = house.engine()
    # Whoever closes a file last makes it small again: somebody else has it open.
    house.store().read(["x"])
    session = engine.session(id="s")
    do(session, INBOX, f"account {EVIL}")
    under_way = session.authorize(INBOX)
    assert let_go(session, POST, 30) == 30
    with full_disk(tmp_path / "state.db-wal"):
        # What is there can be read, and nothing is let go that could not be kept.
        assert ask(session, FETCH) == "allow web"
        assert ask(session, pay(EVIL)) == "deny payee"
        for call in (READ, POST, FETCH):
            with pytest.raises(Denied, match="cannot keep this"):
                session.authorize(call)
        session.observe(under_way, f"account {IBAN}")
        assert engine.lost == 1
        assert House("memory", "").engine(STATELESS, store=house.stores[0]).session().authorize(sh("true"))
    assert ask(session, FETCH) == "allow web"
    # The result that could not be kept counts as one that nobody showed.
    assert ask(session, pay(IBAN)) == ask(session, pay("DE89370400440532013000")) == "deny payee"
    assert let_go(session, POST, 25) == 20
    do(session, READ)
    assert ask(session, FETCH) == "deny egress"
    for store in house.stores:
        store.close()


# Clocks


def two_clocks(tmp_path: Path) -> tuple[Session, FakeClock, FakeClock]:
    """A session on a file, with the clock of what it counts and the clock of what the file lets go."""
    ours, files = FakeClock(1_000_000.0), FakeClock(2_000_000.0)
    store = SqliteStore(tmp_path / "state.db", clock=files)
    return House("sqlite", "").engine(store=store, clock=ours).session(id="s"), ours, files


def test_the_clock_of_a_session_moves_windows_forward_and_never_back(tmp_path: Path) -> None:
    session, ours, _ = two_clocks(tmp_path)
    assert let_go(session, POST, 60) == 50
    do(session, sh("date"))
    assert ask(session, sh("release")) == "allow release"
    for back in (-30, -3600, -86400 * 30):
        ours.advance(back)
        assert ask(session, POST) == "deny default"
    assert ask(session, sh("release")) == "deny default"
    do(session, sh("true"))
    ours.now = 1_000_000.0 + 599
    assert ask(session, sh("release")) == "allow release"
    ours.advance(1)
    assert ask(session, sh("release")) == "deny default"
    ours.advance(2999)
    assert ask(session, POST) == "deny default"
    ours.advance(1)
    assert let_go(session, POST, 60) == 50
    # Far ahead and back: what was charged there is not forgotten here, and what is charged here counts as from there.
    ours.advance(86400 * 3)
    assert let_go(session, POST, 40) == 40
    ours.advance(-86400 * 3)
    assert let_go(session, POST, 60) == 10
    ours.advance(86400 * 3 + 3599)
    assert ask(session, POST) == "deny default"
    ours.advance(1)
    assert let_go(session, POST, 60) == 50
    ours.advance(7200)
    do(session, sh("true"))
    ours.advance(-1800)
    assert let_go(session, POST, 60) == 50
    ours.advance(1800 + 3599)
    assert ask(session, POST) == "deny default"
    session.engine.store.close()


def test_the_clock_of_the_file_takes_nothing_away_too_early(tmp_path: Path) -> None:
    session, _, files = two_clocks(tmp_path)
    do(session, READ)
    do(session, INBOX, f"account {EVIL}")
    assert let_go(session, POST, 60) == 50
    for by in (3600, -3600, -86400 * 365, 86400 * 365):
        files.advance(by)
        assert ask(session, POST) == "deny default"
        assert ask(session, FETCH) == "deny egress"
        assert ask(session, pay(EVIL)) == "deny payee"
    # A session that is gone is no new one for whoever knows it.
    files.advance(SESSION_SECONDS + 1)
    assert ask(session, FETCH) == "deny builtin:no-state"
    session.engine.store.close()


# What is left


def test_a_session_that_has_ended_leaves_counters_alone_behind(house: House) -> None:
    with house.engine(user="ana").session() as session:
        session.said(f"pay {IBAN}")
        do(session, READ)
        do(session, ToolCall("save", {"path": "/repo/copy", "content": "x"}))
        for at in range(70):
            do(session, INBOX, f"account DE{at:020d}")
        do(session, POST)
        do(session, ToolCall("page"))
        do(session, pay(IBAN, 10))
        before = house.kept()
        assert any(key.startswith("session:") for key in before)
        assert any(key.startswith("text:") for key in before)
    left = house.kept()
    kinds = {key.split("\x1f")[0].replace(session.id, "ID") for key in left}
    files = "files"
    # For an hour it is known that the session has ended, so that nobody takes it for a new one.
    assert kinds == {"secret", files, "session:ID", "count:session:ID", "count:user"}
    for key, (_, seconds) in left.items():
        # The key that words are hashed under, and which files carry what, are the store's and not the session's.
        assert (seconds is None) == (key in {"secret", files})
        if key.startswith("count:session:"):
            assert seconds is not None
            assert 0 < seconds <= 8 * 86400
        if key.startswith("count:user"):
            assert seconds is not None
            assert 30 * 86400 < seconds <= 38 * 86400


def results(count: int) -> Iterator[str]:
    """Results of 2 KB, no two of which have a word in common."""
    rng = random.Random(11)
    for at in range(count):
        words = [f"account DE{at:020d}"]
        while sum(map(len, words)) + len(words) < 2048:
            words.append("".join(rng.choices(string.ascii_lowercase, k=rng.randrange(3, 10))))
        yield " ".join(words)[:2048]


@pytest.mark.timeout(900)
def test_what_is_kept_of_a_session_is_bounded(house: House) -> None:
    """With ``AGENTPOLICY_TESTS=thorough`` 10,000 results; ``-s`` shows what was measured."""
    count = 10_000 if os.environ.get("AGENTPOLICY_TESTS") == "thorough" else 300
    engine = house.engine()
    session = engine.session(id="s")
    most = most_keys = 0
    for at, result in enumerate(results(count)):
        do(session, INBOX, result)
        if at % 64 == 62 or at == count - 1:
            kept = {
                key: size for key, (size, _) in house.kept().items() if key.startswith(("session:", "text:", "base:"))
            }
            most, most_keys = max(most, sum(kept.values())), max(most_keys, len(kept))
    held = session.memory.sightings(session.memory.head(), engine.policy)
    print(f"\n{house.kind}, {count} results: {most} bytes in {most_keys} keys, {held.size()} bytes held")
    assert held.size() <= MOST_BYTES
    # What was put together, and 63 results that were not yet.
    assert most <= MOST_BYTES + 64 * 8192
    assert most_keys <= 66
    assert engine.lost == 0
    late = house.engine().session(id="s")
    assert [ask(late, pay(f"DE{at:020d}")) for at in (0, count // 2, count - 1)] == ["deny payee"] * 3


# What a budget holds back


@pytest.fixture
def leak(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))
    return importlib.import_module("benchmarks.leak")


def test_no_more_goes_out_than_the_budget_in_whatever_place_of_a_request(leak: Any) -> None:
    for name, request in leak.WAYS.items():
        budget = leak.SESSION if name == "file name" else leak.HOST
        for size in (1, 4, 16):
            found = leak.one(request, size, budget)
            assert leak.BUDGET / 2 < found.sent <= leak.BUDGET, (name, size)
            assert found.requests > 4
        assert leak.BUDGET * 0.7 < leak.greedy(request, budget).sent <= leak.BUDGET


def test_no_more_goes_out_by_many_hosts_sessions_sub_agents_and_threads_than_is_said(leak: Any) -> None:
    for case in leak.cases():
        found = case.run()
        if case.most is None:
            # What nothing holds back is told as it is.
            assert found.sent > leak.BUDGET, case.name
        else:
            assert found.sent <= case.most, case.name
