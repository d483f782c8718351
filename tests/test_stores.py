"""What every store does, and what each does when its disk, its server or its clock fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from agentpolicy import stores
from agentpolicy.stores import Change, MemoryStore, RedisStore, SqliteStore, Store, StoreError, connections
from agentpolicy.stores.store import FOR_GOOD, LARGEST_VALUE, LONGEST_KEY

if TYPE_CHECKING:
    from conftest import Server

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


class Clock:
    """Stands still until it is set."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., Server]) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """An empty server."""
    with shared_server.client() as client:
        client.flushall()
    return shared_server


@pytest.fixture
def own_server(tmp_path: Path, start_server: Callable[..., Server]) -> Iterator[Server]:
    """A server to be killed, which keeps what it holds."""
    server = start_server(tmp_path, "--appendonly", "yes")
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.kill()


@pytest.fixture
def forgetful_server(tmp_path: Path, start_server: Callable[..., Server]) -> Iterator[Server]:
    """A server to be killed, which keeps nothing."""
    server = start_server(tmp_path)
    yield server
    server.kill()


class House:
    """One kind of store, with as many handles on the same state as a test asks for."""

    def __init__(self, kind: str, place: str) -> None:
        self.kind = kind
        self.place = place
        self.clock = Clock()
        self.opened: list[Store] = []

    def open(self) -> Store:
        if self.kind == "memory":
            store: Store = self.opened[0] if self.opened else MemoryStore(clock=self.clock)
        elif self.kind == "sqlite":
            store = SqliteStore(self.place, clock=self.clock)
        else:
            store = RedisStore(self.place)
        self.opened.append(store)
        return store

    def wait(self, seconds: float) -> None:
        if self.kind == "redis":
            time.sleep(seconds)
        self.clock.now += seconds


@pytest.fixture(params=["memory", "sqlite", "redis"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    kind = request.param
    place = request.getfixturevalue("server").url if kind == "redis" else str(tmp_path / "state.db")
    house = House(kind, place)
    yield house
    for store in house.opened:
        store.close()


@pytest.fixture
def store(house: House) -> Store:
    return house.open()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[SqliteStore, Path, Clock]]:
    clock = Clock()
    store = SqliteStore(tmp_path / "state.db", clock=clock, timeout=0.2)
    yield store, tmp_path / "state.db", clock
    store.close()


def put(store: Store, key: str, value: bytes | None, ttl: float | None = None) -> bool:
    ((version, _),) = store.read([key])
    return store.write([Change(key, version, value, ttl)])


def value_of(store: Store, key: str) -> bytes | None:
    return store.read([key])[0][1]


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


# What every store does


def test_what_was_written_is_read_with_its_version(store: Store) -> None:
    assert store.read(["a", "b"]) == [(0, None), (0, None)]
    assert store.write([Change("a", 0, b"one", None), Change("b", 0, b"", None)])
    (a, first), (b, second) = store.read(["a", "b"])
    assert (first, second) == (b"one", b"")
    assert a > 0 and b > 0
    assert store.read(["b", "a", "b"]) == [(b, b""), (a, b"one"), (b, b"")]


def test_a_write_against_another_version_changes_nothing(store: Store) -> None:
    put(store, "a", b"one")
    ((old, _),) = store.read(["a"])
    put(store, "a", b"two")
    before = store.read(["a", "b"])
    for wrong in (0, old, before[0][0] + 1, 10**30):
        assert not store.write([Change("b", 0, b"new", None), Change("a", wrong, b"three", None)])
        assert not store.write([Change("a", wrong, None, None), Change("b", 0, b"new", None)])
        assert store.read(["a", "b"]) == before
    assert not store.write([Change("a", before[0][0], b"three", None), Change("b", 1, b"new", None)])
    assert store.read(["a", "b"]) == before


def test_a_version_never_comes_back_not_even_after_the_key_was_deleted(store: Store) -> None:
    seen: set[int] = set()
    for _ in range(5):
        assert put(store, "a", b"same")
        ((version, _),) = store.read(["a"])
        assert version not in seen
        seen.add(version)
        assert put(store, "a", None)
        assert store.read(["a"]) == [(0, None)]
    put(store, "a", b"same")
    for version in seen:
        assert not store.write([Change("a", version, b"late", None)])


def test_deleting_what_is_not_there_is_a_comparison_alone(store: Store) -> None:
    assert store.write([Change("a", 0, None, None)])
    assert store.read(["a"]) == [(0, None)]
    put(store, "a", b"one")
    assert not store.write([Change("a", 0, None, None), Change("b", 0, b"two", None)])
    assert value_of(store, "b") is None


def test_nothing_to_read_or_write_is_no_fault(store: Store) -> None:
    assert store.read([]) == []
    assert store.write([])


def test_a_key_goes_away_when_its_time_is_over_and_not_before(house: House) -> None:
    store = house.open()
    store.write([Change("short", 0, b"s", 0.05), Change("long", 0, b"l", 1000.0), Change("ever", 0, b"e", None)])
    ((version, _),) = store.read(["short"])
    assert version
    house.wait(0.06)
    assert store.read(["short"]) == [(0, None)]
    assert not store.write([Change("short", version, b"late", None)])
    assert value_of(store, "long") == b"l"
    assert value_of(store, "ever") == b"e"
    assert store.write([Change("short", 0, b"again", None)])
    assert store.read(["short"])[0][0] > version


def test_a_write_sets_the_time_to_live_anew(house: House) -> None:
    store = house.open()
    put(store, "a", b"one", 0.05)
    put(store, "a", b"two")
    put(store, "b", b"one")
    put(store, "b", b"two", 0.05)
    house.wait(0.06)
    assert value_of(store, "a") == b"two"
    assert value_of(store, "b") is None


@pytest.mark.parametrize("ttl", [0.0, 1e-9, FOR_GOOD - 1, FOR_GOOD, 1e300, float("inf")])
def test_any_time_to_live_is_taken(store: Store, ttl: float) -> None:
    assert store.write([Change("a", 0, b"one", ttl), Change("b", 0, b"two", None)])
    assert value_of(store, "b") == b"two"
    if ttl > 1:
        assert value_of(store, "a") == b"one"


ODD = [
    "", " ", "a\nb", "\x01\x7f", "k" * LONGEST_KEY, "\U0001f600" * LONGEST_KEY, "\ud800", "\ud83d\ude00", "\U0001f600",
    "é", "e\u0301", "\u202e", "\ufeff", "'\";--", "{a}:b", "*", "agentpolicy:counter", "A", "a",
]  # fmt: skip


def test_odd_keys_are_keys_each_its_own(store: Store) -> None:
    changes = [Change(key, 0, str(index).encode(), None) for index, key in enumerate(ODD)]
    assert store.write(changes)
    assert [value for _, value in store.read(ODD)] == [change.value for change in changes]


def test_a_value_of_two_megabytes_comes_back_whole(store: Store) -> None:
    value = os.urandom(1024) * 2048
    assert put(store, "a", value)
    assert value_of(store, "a") == value


WRONG = [
    [Change("a\0b", 0, b"", None)],
    [Change("k" * (LONGEST_KEY + 1), 0, b"", None)],
    [Change("a", -1, b"", None)],
    [Change("a", 0, b"", -0.1)],
    [Change("a", 0, b"", float("nan"))],
    [Change("b", 0, b"", None), Change("a", 0, b"1", None), Change("a", 0, b"2", None)],
    [Change("a", 0, "text", None)],  # type: ignore[arg-type]
    [Change("a", 0, bytes(LARGEST_VALUE + 1), None)],
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_change_that_cannot_be_meant_is_refused(store: Store, number: int) -> None:
    with pytest.raises(ValueError):
        store.write(WRONG[number])
    assert store.read(["a", "b"]) == [(0, None), (0, None)]


def test_what_is_no_key_is_not_read_either(store: Store) -> None:
    for key in ("a\0b", "k" * (LONGEST_KEY + 1)):
        with pytest.raises(ValueError):
            store.read([key])


def test_a_closed_store_says_so(store: Store) -> None:
    put(store, "a", b"one")
    store.close()
    store.close()
    for use in (
        lambda: store.read(["a"]),
        lambda: store.read([]),
        lambda: store.write([Change("a", 0, b"", None)]),
        lambda: store.write([]),
    ):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_handles_of_one_store_see_the_same(house: House) -> None:
    first, second = house.open(), house.open()
    put(first, "a", b"one")
    ((version, value),) = second.read(["a"])
    assert value == b"one"
    put(second, "a", b"two")
    assert not first.write([Change("a", version, b"three", None)])
    assert value_of(first, "a") == b"two"


# Many at once


class Careless:
    """A store that does not compare versions, to show that the tests below would see it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        return self._store.read(keys)

    def write(self, changes: Sequence[Change]) -> bool:
        while True:
            found = self._store.read([change.key for change in changes])
            if self._store.write([one._replace(version=now) for one, (now, _) in zip(changes, found, strict=True)]):
                return True

    def close(self) -> None:
        self._store.close()

    def paths(self) -> tuple[str, ...]:
        return self._store.paths()


def counted(store: Store, threads: int, rounds: int) -> int:
    """What a counter comes to after all threads have read it before any has written."""
    gate = threading.Barrier(threads)

    def count() -> None:
        for turn in range(rounds):
            held = store.read(["sum"])
            if turn == 0:
                gate.wait(30)
            while not store.write([Change("sum", held[0][0], b"%d" % (int(held[0][1] or b"0") + 1), 600)]):
                held = store.read(["sum"])

    workers = [threading.Thread(target=count) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return int(value_of(store, "sum") or b"0")


def test_eight_threads_count_to_the_exact_sum(store: Store) -> None:
    assert counted(store, 8, 25) == 200


def test_without_the_comparison_the_sum_is_wrong(store: Store) -> None:
    assert counted(Careless(store), 8, 1) == 1


def test_tasks_count_to_the_exact_sum(store: Store) -> None:
    def step() -> None:
        held = store.read(["sum"])
        while not store.write([Change("sum", held[0][0], b"%d" % (int(held[0][1] or b"0") + 1), None)]):
            held = store.read(["sum"])

    async def everybody() -> None:
        await asyncio.gather(*(asyncio.to_thread(step) for _ in range(60)))

    asyncio.run(everybody())
    assert value_of(store, "sum") == b"60"


def test_readers_never_see_half_a_write(store: Store) -> None:
    keys = [f"part {number}" for number in range(5)]
    store.write([Change(key, 0, b"0", 600) for key in keys])
    over = threading.Event()

    def write() -> None:
        for number in range(1, 60):
            held = store.read(keys)
            # Now and then all of them are deleted.
            value = None if number % 7 == 0 else b"%d" % number
            store.write([Change(key, version, value, 600) for key, (version, _) in zip(keys, held, strict=True)])
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    halves = []
    while not over.is_set():
        seen = store.read(keys)
        if len({*seen}) != 1:
            halves.append(seen)
    writer.join()
    assert not halves


COUNTING = """
import sys, threading
from agentpolicy.stores import Change, RedisStore, SqliteStore
kind, place, rounds, honest = sys.argv[1:]
store = (SqliteStore if kind == "sqlite" else RedisStore)(place)
ready, go = threading.Barrier(5), threading.Event()

def write(version, value):
    if honest == "yes":
        return store.write([Change("sum", version, value, 600)])
    while not store.write([Change("sum", store.read(["sum"])[0][0], value, 600)]):
        pass
    return True

def count():
    for turn in range(int(rounds)):
        (version, value), = store.read(["sum"])
        if turn == 0:
            ready.wait()
            go.wait()
        while not write(version, b"%d" % (int(value or b"0") + 1)):
            (version, value), = store.read(["sum"])

threads = [threading.Thread(target=count) for _ in range(4)]
for thread in threads: thread.start()
ready.wait()
print("ready", flush=True)
sys.stdin.readline()
go.set()
for thread in threads: thread.join()
store.close()
"""


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
@pytest.mark.parametrize("honest", [True, False])
def test_two_processes_of_four_threads_count_exactly_if_versions_are_compared(
    kind: str, honest: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No thread of either process writes before all threads of both have read."""
    place = request.getfixturevalue("server").url if kind == "redis" else str(tmp_path / "state.db")
    rounds = 20 if honest else 1
    command = [sys.executable, "-c", COUNTING, kind, place, str(rounds), "yes" if honest else "no"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    store = House(kind, place).open()
    total = int(value_of(store, "sum") or b"0")
    store.close()
    assert total == (8 * rounds if honest else 1)


WRITING = """
import sys
from agentpolicy.stores import Change, RedisStore, SqliteStore
kind, place = sys.argv[1:]
store = (SqliteStore if kind == "sqlite" else RedisStore)(place)
number = 0
while True:
    number += 1
    held = store.read(["a", "b"])
    store.write([Change(key, version, b"%06d" % number * 20000, None) for key, (version, _) in zip("ab", held)])
    print(number, flush=True)
"""


@posix
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_process_killed_while_it_writes_leaves_whole_writes(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = request.getfixturevalue("server").url if kind == "redis" else str(tmp_path / "state.db")
    for lines in (1, 4):
        with subprocess.Popen(
            [sys.executable, "-c", WRITING, kind, place], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(lines)][-1]
            process.kill()
        store = House(kind, place).open()
        (_, a), (_, b) = store.read(["a", "b"])
        assert a == b
        assert a is not None
        # What was answered is there, and at most the write after it.
        assert int(a[:6]) >= int(said)
        assert put(store, "c", b"goes on")
        store.close()


FORKING = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what this is about
from agentpolicy.stores import Change, MemoryStore, RedisStore, SqliteStore
kind, place, leave = sys.argv[1:]
store = MemoryStore() if kind == "memory" else (SqliteStore if kind == "sqlite" else RedisStore)(place)

def put(key, value):
    while not store.write([Change(key, store.read([key])[0][0], value, None)]):
        pass

put("a", b"parent")
over = threading.Event()
busy = threading.Event()
def keep_busy():
    while not over.is_set():
        put("busy", b"x" * 1000)
        busy.set()
thread = threading.Thread(target=keep_busy)
thread.start()
busy.wait()
child = os.fork()
if not child:
    fine = store.read(["a"])[0][1] == b"parent"
    put("b", b"child")
    fine = fine and store.read(["b"])[0][1] == b"child"
    getattr({"os": os, "sys": sys}[leave.split(".")[0]], leave.split(".")[1])(0 if fine else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
over.set()
thread.join()
put("c", b"parent again")
print(status, [value for _, value in store.read(["a", "b", "c"])])
store.close()
"""


@posix
@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
@pytest.mark.parametrize("leave", ["os._exit", "sys.exit"])
def test_a_forked_child_goes_on_with_connections_of_its_own(
    kind: str, leave: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place = request.getfixturevalue("server").url if kind == "redis" else str(tmp_path / "state.db")
    done = run(FORKING, kind, place, leave)
    child = None if kind == "memory" else b"child"
    assert done.stdout == f"0 {[b'parent', child, b'parent again']}\n", done.stderr
    if kind != "memory":
        store = House(kind, place).open()
        assert [value for _, value in store.read(["a", "b", "c"])] == [b"parent", b"child", b"parent again"]
        store.close()


def test_importing_stores_loads_neither_redis_nor_sqlite() -> None:
    done = run(
        "import sys; from agentpolicy.stores import MemoryStore, Store; MemoryStore().close();"
        "print([name for name in ('redis', 'sqlite3') if name in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr
    assert set(stores.__all__) <= set(dir(stores))
    with pytest.raises(AttributeError, match="OtherStore"):
        stores.OtherStore  # noqa: B018


# Time


STEP = st.one_of(
    st.tuples(st.just("read"), st.lists(st.sampled_from("abc"), max_size=3)),
    st.tuples(
        st.just("write"),
        st.dictionaries(
            st.sampled_from("abc"),
            st.tuples(st.booleans(), st.sampled_from([b"1", b"2", None]), st.sampled_from([None, 0.0, 5.0, 50.0])),
            min_size=1,
        ),
    ),
    st.tuples(st.just("clock"), st.floats(-100, 100)),
)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@given(steps=st.lists(STEP, max_size=25))
@settings(max_examples=60)
def test_a_store_does_what_a_dict_with_versions_does_whatever_the_clock_does(kind: str, steps: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        house = House(kind, os.path.join(directory, "state.db"))
        store = house.open()
        try:
            _hold_to_the_model(house, store, steps)
        finally:
            store.close()


def _hold_to_the_model(house: House, store: Store, steps: list[Any]) -> None:
    held: dict[str, tuple[int, bytes, float | None]] = {}
    swept: set[str] = set()
    highest = 0

    def look(key: str) -> tuple[int, bytes | None]:
        """What must be read; keys that may have been swept out are compared apart."""
        if key not in held:
            return 0, None
        version, value, expires = held[key]
        if expires is not None and expires <= house.clock.now:
            del held[key]
            return 0, None
        return version, value

    def read(keys: list[str]) -> list[tuple[int, bytes | None]]:
        found = store.read(keys)
        for key, seen in zip(keys, found, strict=True):
            if seen == (0, None) and key in swept:
                # It had expired when something was written, before the clock was set back.
                held.pop(key, None)
                swept.discard(key)
            assert seen == look(key)
        return found

    for what, how in steps:
        if what == "clock":
            house.clock.now += how
        elif what == "read":
            read(how)
        else:
            before = dict(zip(how, read(list(how)), strict=True))
            changes = [
                Change(key, before[key][0] + (0 if right else 1), value, ttl)
                for key, (right, value, ttl) in how.items()
            ]
            done = store.write(changes)
            assert done == all(right for right, _, _ in how.values())
            if done:
                swept |= {key for key, (_, _, at) in held.items() if at is not None and at <= house.clock.now}
                for key, _, value, ttl in changes:
                    held.pop(key, None)
                    swept.discard(key)
                    ((version, _),) = store.read([key])
                    if value is None or ttl == 0.0:
                        assert not version
                    else:
                        held[key] = (version, value, None if ttl is None else house.clock.now + ttl)
                fresh = {held[key][0] for key in how if key in held}
                assert len(fresh) <= 1
                assert all(version > highest for version in fresh)
                highest = max([highest, *fresh])


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_clock_set_back_takes_no_fresh_key_away_and_brings_no_expired_one_back(kind: str, tmp_path: Path) -> None:
    house = House(kind, str(tmp_path / "state.db"))
    store = house.open()
    put(store, "old", b"old", 10)
    house.clock.now += 1_000_000
    assert value_of(store, "old") is None
    house.clock.now -= 1_000_000
    assert value_of(store, "old") is None
    house.clock.now += 1_000_000
    put(store, "ahead", b"ahead", 10)
    house.clock.now -= 1_000_000
    put(store, "fresh", b"fresh", 10)
    assert [value for _, value in store.read(["old", "ahead", "fresh"])] == [None, b"ahead", b"fresh"]
    house.clock.now += 9
    for number in range(100):
        put(store, f"other {number}", b"x", 1)
    assert [value for _, value in store.read(["old", "ahead", "fresh"])] == [None, b"ahead", b"fresh"]
    house.clock.now += 1
    assert value_of(store, "fresh") is None
    store.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_versions_count_on_whatever_the_clock_does(kind: str, tmp_path: Path) -> None:
    house = House(kind, str(tmp_path / "state.db"))
    store = house.open()
    versions = []
    for jump in (0, -500_000, 1_000_000, -2_000_000, 0, 5):
        house.clock.now += jump
        put(store, "a", b"x")
        versions.append(store.read(["a"])[0][0])
    store.close()
    assert versions == sorted(set(versions))


def test_memory_forgets_what_has_expired_and_keeps_no_list_of_old_moments() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    for number in range(1000):
        put(store, "same", b"x", 1e6)
        put(store, f"short {number}", b"x", 10)
        put(store, f"deleted {number}", b"x", 1e6)
        put(store, f"deleted {number}", None)
    assert len(store._due) < 3 * len(store._entries) + 100
    clock.now += 20
    for _ in range(40):
        put(store, "same", b"x", 1e6)
    assert len(store._entries) == 1
    assert len(store._due) < 100
    many = [Change(f"many {number}", 0, b"x", 1) for number in range(500)]
    store.write(many)
    clock.now += 2
    store.write([Change(f"more {number}", 0, b"x", None) for number in range(500)])
    assert len(store._entries) == 501


def test_sqlite_forgets_what_has_expired(file: tuple[SqliteStore, Path, Clock]) -> None:
    store, path, clock = file
    store.write([Change(f"short {number}", 0, b"x", 10) for number in range(100)])
    clock.now += 20
    for _ in range(200):
        clock.now += 0.000_001
        put(store, "same", b"x")
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM entries").fetchone() == (1,)


def test_a_file_put_back_from_a_copy_repeats_no_version(tmp_path: Path) -> None:
    clock = Clock()
    store = SqliteStore(tmp_path / "state.db", clock=clock)
    put(store, "a", b"x")
    store.close()
    shutil.copy(tmp_path / "state.db", tmp_path / "copy.db")
    seen = set()
    for name in ("state.db", "copy.db"):
        clock.now += 1
        store = SqliteStore(tmp_path / name, clock=clock)
        put(store, "a", b"y")
        ((version, _),) = store.read(["a"])
        assert version not in seen
        seen.add(version)
        store.close()


# The SQLite file


def test_a_file_and_its_directory_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "er" / "odd ?#%20'é.db"
    store = SqliteStore(path)
    put(store, "a", b"one")
    assert store.paths() == tuple(f"{path}{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))
    assert {entry.name for entry in path.parent.iterdir()} == {path.name + suffix for suffix in ("", "-wal", "-shm")}
    if os.name == "posix":
        assert {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()


def test_what_was_written_outlives_the_process(tmp_path: Path) -> None:
    code = (
        "import sys; from agentpolicy.stores import Change, SqliteStore; store = SqliteStore(sys.argv[1]);"
        "store.write([Change('a', 0, b'one', 600)])"
    )
    assert run(code, str(tmp_path / "state.db")).returncode == 0
    store = SqliteStore(tmp_path / "state.db")
    assert value_of(store, "a") == b"one"
    store.close()


def test_processes_may_make_the_same_file_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from agentpolicy.stores import Change, SqliteStore; print(flush=True); sys.stdin.readline();"
        "store = SqliteStore(sys.argv[1]); assert store.write([Change(sys.argv[2], 0, b'x', None)]); store.close()"
    )
    path = str(tmp_path / "state.db")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, path, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
    assert [process.returncode for process in processes] == [0] * 4
    store = SqliteStore(path)
    assert [value for _, value in store.read(["0", "1", "2", "3"])] == [b"x"] * 4
    store.close()


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch(0o600)
    store = SqliteStore(tmp_path / "state.db")
    assert put(store, "a", b"one")
    store.close()


@pytest.mark.parametrize("name", ["", "somewhere/", ":memory:"])
def test_what_names_no_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        SqliteStore(name)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode={journal}")
        other.execute("CREATE TABLE entries (key BLOB)")
        other.commit()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="database of something else"):
        SqliteStore(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _spoil(path: Path, *lines: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        for line in lines:
            other.execute(line)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "state.db").close()
    _spoil(tmp_path / "state.db", "PRAGMA user_version=2")
    with pytest.raises(StoreError, match="another version"):
        SqliteStore(tmp_path / "state.db")


def test_a_store_that_somebody_added_a_trigger_to_is_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "state.db").close()
    _spoil(tmp_path / "state.db", "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END")
    with pytest.raises(StoreError, match="damaged"):
        SqliteStore(tmp_path / "state.db")


@pytest.mark.parametrize(
    "line", ["UPDATE entries SET value = 'text'", "UPDATE entries SET version = 'x'", "DELETE FROM counter"]
)
def test_rows_that_no_store_wrote_are_damage(file: tuple[SqliteStore, Path, Clock], line: str) -> None:
    store, path, _ = file
    put(store, "a", b"one")
    _spoil(path, line)
    with pytest.raises(StoreError, match="damaged"):
        put(store, "a", b"two")


@posix
def test_links_and_other_names_are_refused(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "state.db").close()
    (tmp_path / "link.db").symlink_to(tmp_path / "state.db")
    (tmp_path / "dangling.db").symlink_to(tmp_path / "made by following.db")
    for name in ("link.db", "dangling.db", "."):
        with pytest.raises(StoreError, match="is a link"):
            SqliteStore(tmp_path / name if name != "." else tmp_path)
    assert not (tmp_path / "made by following.db").exists()
    for suffix in ("-wal", "-shm", "-journal"):
        planted = tmp_path / f"state.db{suffix}"
        planted.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="is a link"):
            SqliteStore(tmp_path / "state.db")
        planted.unlink()
    (tmp_path / "hard.db").hardlink_to(tmp_path / "state.db")
    with pytest.raises(StoreError, match="another name"):
        SqliteStore(tmp_path / "state.db")


@posix
def test_what_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "open" / "state.db"
    SqliteStore(path).close()
    path.chmod(0o602)
    with pytest.raises(StoreError, match="written by everybody"):
        SqliteStore(path)
    path.chmod(0o600)
    path.parent.chmod(0o777)
    with pytest.raises(StoreError, match=r"directory .* written by everybody"):
        SqliteStore(path)
    # The sticky bit keeps others from putting their file in its place.
    path.parent.chmod(0o1777)
    SqliteStore(path).close()


@posix
def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteStore(tmp_path / "state.db").close()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreError, match="another user"):
        SqliteStore(tmp_path / "state.db")


@posix
def test_a_directory_in_a_directory_that_is_a_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = SqliteStore(tmp_path / "link" / "state.db")
    assert store.paths()[0] == os.path.realpath(tmp_path / "real" / "state.db")
    store.close()


@posix
def test_a_place_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        SqliteStore(tmp_path / "file" / "state.db")


@posix
@pytest.mark.parametrize("what", ["deleted", "replaced"])
def test_a_file_that_went_away_is_an_error_and_not_an_empty_store(
    file: tuple[SqliteStore, Path, Clock], what: str
) -> None:
    store, path, _ = file
    put(store, "a", b"one")
    if what == "replaced":
        SqliteStore(path.with_name("other.db")).close()
        path.with_name("other.db").replace(path)
    else:
        path.unlink()
    for use in (lambda: store.read(["a"]), lambda: store.write([Change("a", 0, b"two", None)])):
        with pytest.raises(StoreError, match="not there any more" if what == "deleted" else "replaced"):
            use()
    assert path.exists() == (what == "replaced")


@pytest.mark.parametrize("where", [0, 24])
def test_a_file_with_a_damaged_header_is_refused(tmp_path: Path, where: int) -> None:
    path = tmp_path / "state.db"
    SqliteStore(path).close()
    data = bytearray(path.read_bytes())
    data[where : where + 60] = b"\xff" * 60
    path.write_bytes(data)
    with pytest.raises(StoreError):
        SqliteStore(path)
    assert path.read_bytes() == data


def test_a_damaged_page_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    put(store, "a", b"one")
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="damaged"):
        store.read(["a"])
    store.close()


def test_a_file_that_others_keep_locked_is_an_error_in_bounded_time(file: tuple[SqliteStore, Path, Clock]) -> None:
    store, path, _ = file
    put(store, "a", b"one")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        with pytest.raises(StoreError, match="locked by somebody else"):
            put(store, "a", b"two")
        assert time.monotonic() - begun < 2
        # Readers wait for nobody.
        assert value_of(store, "a") == b"one"
        # A store may be opened meanwhile.
        SqliteStore(path).close()
        other.execute("ROLLBACK")
    assert put(store, "a", b"two")
    with store._connections.writing, pytest.raises(StoreError, match="other threads"):
        put(store, "a", b"three")


def test_making_a_store_waits_for_whoever_is_making_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.touch(0o600)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            SqliteStore(path, timeout=0.05)


def test_a_full_disk_is_an_error_and_nothing_is_changed(file: tuple[SqliteStore, Path, Clock]) -> None:
    store, _, _ = file
    put(store, "a", b"one")
    connection = store._connections.take()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 5}")
    store._connections.give(connection)
    before = store.read(["a", "b"])
    with pytest.raises(StoreError, match="no room left"):
        store.write([Change("b", 0, b"two", None), Change("a", before[0][0], bytes(100_000), None)])
    assert store.read(["a", "b"]) == before
    # The next connection has room again.
    assert put(store, "a", b"three")


FILLING = """
import os, resource, sys
from agentpolicy.stores import Change, SqliteStore, StoreError
store = SqliteStore(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for number in range(1000):
    held = store.read(["a", "b"])
    try:
        store.write([Change(key, held[i][0], b"%06d" % number * 2000, None) for i, key in enumerate("ab")])
    except StoreError as error:
        print(number, [value[:6] for _, value in store.read(["a", "b"])], str(error).partition("` ")[2], flush=True)
        os._exit(0)
"""


@posix
def test_a_log_that_may_not_grow_leaves_whole_writes(tmp_path: Path) -> None:
    done = run(FILLING, str(tmp_path / "state.db"))
    number, _, rest = done.stdout.partition(" ")
    last = b"%06d" % (int(number) - 1)
    assert rest.startswith(f"{[last, last]} met an error of its disk"), done
    store = SqliteStore(tmp_path / "state.db")
    (_, a), (_, b) = store.read(["a", "b"])
    assert a == b == last * 2000
    store.close()


KILLED = """
import os, signal, sys
from agentpolicy.stores import Change, SqliteStore
store = SqliteStore(sys.argv[1])
assert store.write([Change("a", 0, b"one", None), Change("b", 0, b"one", None)])
connection = store._connections.take()
connection.set_trace_callback(lambda line: line == "COMMIT" and os.kill(os.getpid(), signal.SIGKILL))
store._connections.give(connection)
held = store.read(["a"]) + store.read(["b"])
# More than SQLite keeps in memory, so that half of it is in the log already.
store.write([Change(key, held[i][0], b"two" * 2_000_000, None) for i, key in enumerate("ab")])
"""


@posix
def test_a_process_killed_before_its_commit_has_written_nothing(tmp_path: Path) -> None:
    done = run(KILLED, str(tmp_path / "state.db"))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "state.db-wal").stat().st_size > 1_000_000
    store = SqliteStore(tmp_path / "state.db")
    assert [value for _, value in store.read(["a", "b"])] == [b"one", b"one"]
    assert put(store, "a", b"three")
    store.close()


READ_ONLY = """
import os, sys, tempfile
from agentpolicy.stores import Change, SqliteStore, StoreError
directory, user = tempfile.mkdtemp(), 65534
if os.geteuid() == 0:
    os.chown(directory, user, user)
    os.setegid(user)
    os.seteuid(user)
path = os.path.join(directory, "state.db")
store = SqliteStore(path)
assert store.write([Change("a", 0, b"one", None)])
store.close()
os.chmod(path, 0o400)
try:
    store = SqliteStore(path)
    store.write([Change("b", 0, b"two", None), Change("a", store.read(["a"])[0][0], b"two", None)])
except StoreError as error:
    print(str(error).partition("` ")[2])
assert [value for _, value in store.read(["a", "b"])] == [b"one", None]
store.close()
for name in os.listdir(directory):
    os.unlink(os.path.join(directory, name))
os.chmod(directory, 0o500)
try:
    SqliteStore(path)
except StoreError as error:
    print(str(error).partition("` ")[2])
os.chmod(directory, 0o700)
os.rmdir(directory)
"""


@posix
def test_what_may_not_be_written_is_told() -> None:
    done = run(READ_ONLY)
    first, second = done.stdout.splitlines()
    assert first.startswith("may not be written"), done
    assert second == "cannot be made or read: Permission denied"


def test_a_connection_that_came_through_a_fork_is_neither_used_nor_closed(
    file: tuple[SqliteStore, Path, Clock],
) -> None:
    """A fork that Python does not know of, made by a library in C."""
    store, _, _ = file
    put(store, "a", b"one")
    connection = store._connections.take()
    store._connections.give(connection)
    store._connections._process = -1
    assert value_of(store, "a") == b"one"
    assert connection not in store._connections._idle
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.close()


def test_a_fork_waits_for_what_is_under_way_but_not_for_ever(
    file: tuple[SqliteStore, Path, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, _ = file
    lent = store._connections.take()
    begun = threading.Event()
    held = threading.Event()

    def fork() -> None:
        begun.set()
        store._connections.hold()
        held.set()
        store._connections.go_on()

    forking = threading.Thread(target=fork)
    forking.start()
    begun.wait()
    assert not held.wait(0.05)
    reading = threading.Thread(target=lambda: store.read(["a"]))
    reading.start()
    store._connections.give(lent)
    assert held.wait(5)
    forking.join()
    reading.join()

    monkeypatch.setattr(connections, "_PATIENCE", 0.01)
    lent = store._connections.take()
    store._connections.hold()
    store._connections.go_on()
    store._connections.give(lent)
    assert put(store, "a", b"one")


def test_few_connections_are_kept_and_none_after_closing(file: tuple[SqliteStore, Path, Clock]) -> None:
    store, _, _ = file
    lent = [store._connections.take() for _ in range(20)]
    for connection in lent:
        store._connections.give(connection)
    assert len(store._connections._idle) == 8
    late = store._connections.take()
    store.close()
    store._connections.give(late)
    assert not store._connections._idle
    with pytest.raises(sqlite3.ProgrammingError):
        late.execute("SELECT 1")


def test_an_interrupt_in_the_middle_of_a_write_undoes_it(
    file: tuple[SqliteStore, Path, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, _ = file

    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_next", interrupt)
    with pytest.raises(KeyboardInterrupt):
        put(store, "a", b"one")
    monkeypatch.undo()
    assert value_of(store, "a") is None
    assert put(store, "a", b"two")


# The Redis server


def test_a_server_that_dies_is_an_error_and_one_that_comes_back_with_its_data_goes_on(own_server: Server) -> None:
    store = RedisStore(own_server.url, timeout=0.5)
    put(store, "a", b"one")
    own_server.kill()
    for use in (lambda: store.read(["a"]), lambda: store.write([Change("a", 0, b"two", None)])):
        begun = time.monotonic()
        with pytest.raises(StoreError, match="did not answer"):
            use()
        assert time.monotonic() - begun < 1
    with pytest.raises(StoreError, match="did not answer"):
        RedisStore(own_server.url)
    own_server.start()
    assert value_of(store, "a") == b"one"
    assert put(store, "a", b"two")
    store.close()


def test_a_server_that_hangs_is_an_error_in_time_and_a_write_is_not_sent_again(own_server: Server) -> None:
    store = RedisStore(own_server.url, timeout=0.2)
    put(store, "a", b"one")
    ((version, _),) = store.read(["a"])
    with own_server.client() as client:
        client.config_resetstat()
        own_server.process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(StoreError, match="did not answer"):
            store.write([Change("a", version, b"two", None)])
        with pytest.raises(StoreError, match="did not answer"):
            store.read(["a"])
        assert time.monotonic() - begun < 2
        own_server.process.send_signal(signal.SIGCONT)
        # The server had the write in its hands: it does it once, whatever was told to the caller.
        for _ in range(200):
            if value_of(store, "a") == b"two":
                break
            time.sleep(0.01)
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
    # The answers that came too late are no answers to later questions.
    assert store.read(["a", "b"])[1] == (0, None)
    assert put(store, "a", b"three")
    store.close()


@pytest.mark.parametrize("emptied", ["flushed", "restarted"])
def test_a_server_that_lost_what_it_held_is_an_error_and_not_an_empty_store(
    forgetful_server: Server, emptied: str
) -> None:
    server = forgetful_server
    store = RedisStore(server.url)
    careless = RedisStore(server.url, evicts_ok=True)
    put(store, "a", b"one")
    ((version, _),) = store.read(["a"])
    if emptied == "restarted":
        server.kill()
        server.start()
    else:
        with server.client() as client:
            client.flushall()
    for _ in range(2):
        with pytest.raises(StoreError, match="lost what it held"):
            store.read(["a"])
        with pytest.raises(StoreError, match="lost what it held"):
            store.write([Change("a", 0, b"two", None)])
        # Who said that it may forget goes on, and whoever comes anew. No version comes back.
        assert put(careless, "a", b"three")
        assert careless.read(["a"])[0][0] > version
        fresh = RedisStore(server.url)
        assert value_of(fresh, "a") == b"three"
        fresh.close()
    careless.close()
    store.close()


def test_a_server_that_may_evict_is_refused_unless_told_otherwise(server: Server) -> None:
    with server.client() as client:
        client.config_set("maxmemory-policy", "volatile-lru")
        try:
            with pytest.raises(StoreError, match="may evict keys"):
                RedisStore(server.url)
            store = RedisStore(server.url, evicts_ok=True)
            assert put(store, "a", b"one")
            store.close()
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_a_server_that_keeps_its_settings_to_itself_is_taken(server: Server) -> None:
    with server.client() as client:
        # What docs/stores.md says that the store needs.
        needed = ["+get", "+set", "+mget", "+getrange", "+del", "+time", "+eval", "+evalsha"]
        client.acl_setuser(
            "limited", enabled=True, passwords=["+word"], keys=["agentpolicy:*"], commands=["-@all", *needed]
        )
        store = RedisStore(f"redis://limited:word@127.0.0.1:{server.port}")
        client.script_flush()
        assert put(store, "a", b"one", 60)
        assert put(store, "a", None)
        store.close()
        client.acl_setuser("limited", enabled=True, commands=["-@all"])
        with pytest.raises(StoreError, match="refused"):
            RedisStore(f"redis://limited:word@127.0.0.1:{server.port}")
        client.acl_deluser("limited")


def test_a_server_without_memory_refuses_the_whole_write(server: Server) -> None:
    store = RedisStore(server.url)
    put(store, "a", b"one")
    before = store.read(["a", "b"])
    with server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            with pytest.raises(StoreError, match="refused"):
                store.write([Change("a", before[0][0], b"two", None), Change("b", 0, b"two", None)])
            assert store.read(["a", "b"]) == before
            RedisStore(server.url).close()
        finally:
            client.config_set("maxmemory", 0)
    assert put(store, "a", b"two")
    store.close()


def test_a_server_that_forgot_the_script_is_sent_it_again(server: Server) -> None:
    store = RedisStore(server.url)
    with server.client() as client:
        for _ in range(2):
            client.script_flush()
            assert put(store, "a", b"one")
    store.close()


def test_versions_of_a_server_count_on_when_its_clock_was_set_back(server: Server) -> None:
    store = RedisStore(server.url)
    put(store, "a", b"one")
    ahead = 9_000_000_000_000_000
    with server.client() as client:
        client.setrange("agentpolicy:counter", 0, b"%d" % ahead)
    for step in (1, 2):
        put(store, "a", b"two")
        assert store.read(["a"])[0][0] == ahead + step
    store.close()


def test_what_no_store_has_written_is_an_error(server: Server) -> None:
    store = RedisStore(server.url)
    with server.client() as client:
        client.set("agentpolicy:key:a", b"not a version and a value")
        client.rpush("agentpolicy:key:list", b"x")
        with pytest.raises(StoreError, match="no store has written"):
            store.read(["a"])
        with pytest.raises(StoreError, match="refused"):
            store.write([Change("b", 0, b"new", None), Change("list", 0, b"new", None)])
        assert value_of(store, "b") is None
        client.set("agentpolicy:counter", b"x")
        with pytest.raises(StoreError, match="no store has written"):
            RedisStore(server.url)
    store.close()


def test_stores_with_different_prefixes_do_not_meet(server: Server) -> None:
    first, second = RedisStore(server.url), RedisStore(server.url, prefix="other\ud800:")
    put(first, "a", b"one")
    assert second.read(["a"]) == [(0, None)]
    assert first.paths() == ()
    first.close()
    second.close()


def test_a_client_of_the_host_stays_the_hosts(server: Server) -> None:
    client = server.client(retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    store = RedisStore(client)
    put(store, "a", b"one")
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.read(["a"])
    assert client.ping()
    client.close()


def _clients() -> dict[str, Callable[[], Any]]:
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    twice = redis.retry.Retry(redis.backoff.NoBackoff(), 1)
    return {
        "a `socket_timeout`": lambda: redis.Redis(retry=once, socket_timeout=None),
        "send a command again": lambda: redis.Redis(retry=twice, socket_timeout=1),
        "`decode_responses`": lambda: redis.Redis(retry=once, socket_timeout=1, decode_responses=True),
        "neither an address": lambda: 7,
    }


@pytest.mark.parametrize("says", list(_clients()))
def test_a_client_that_will_not_do_is_refused(says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        RedisStore(_clients()[says]())


def test_an_address_cannot_turn_the_care_off() -> None:
    for option in ("decode_responses=true", "socket_timeout=0"):
        with pytest.raises(ValueError):
            RedisStore(f"redis://127.0.0.1:1/?{option}")
    with pytest.raises(ValueError):
        RedisStore("http://127.0.0.1")


class _Cluster(redis.RedisCluster):
    """A client of a cluster, without the cluster."""

    def __init__(self, retries: int = 0, *, replicas: bool = False) -> None:
        self.retry = redis.retry.Retry(redis.backoff.NoBackoff(), retries)
        self.read_from_replicas = replicas
        self.load_balancing_strategy = None

    def __del__(self) -> None:
        pass

    def get_connection_kwargs(self) -> dict[str, Any]:
        return {"socket_timeout": 1.0}


@pytest.mark.parametrize(
    ("client", "prefix", "says"),
    [
        (_Cluster(), "agentpolicy:", "part in braces"),
        (_Cluster(), "agentpolicy{}:", "part in braces"),
        (_Cluster(retries=1), "{agentpolicy}:", "send a command again"),
        (_Cluster(replicas=True), "{agentpolicy}:", "replicas"),
    ],
)
def test_a_client_of_a_cluster_that_will_not_do_is_refused(client: _Cluster, prefix: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RedisStore(client, prefix=prefix)


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"pip install 'agentpolicy-engine\[redis\]'"):
        RedisStore("redis://127.0.0.1")
