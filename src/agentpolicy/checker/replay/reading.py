"""Files and directories of records to runs and logged decisions; whatever cannot be read is told."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Any, TypeAlias, cast

import orjson

from agentpolicy.checker.replay.agentdojo import BadRun, run_from_json
from agentpolicy.checker.replay.logged import BadEvent, Logged, is_event, logged_from_json
from agentpolicy.checker.replay.runs import Run, Unreadable

Record: TypeAlias = Run | Logged | Unreadable
#: What is looked for in directories.
ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
#: One JSON value may take so many bytes, unpacked.
MAX_BYTES = 1 << 29


def files(paths: Sequence[str]) -> list[str]:
    """The files that paths name, and those of directories at any depth, hidden ones left out.

    Raises:
        OSError: there is no such file, or a directory cannot be listed.
    """
    found: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            os.stat(path)
            found.append(path)
            continue
        for directory, below, names in os.walk(path, onerror=_raise):
            below[:] = sorted(name for name in below if not name.startswith("."))
            found += [
                os.path.join(directory, name)
                for name in sorted(names)
                if name.endswith(ENDINGS) and not name.startswith(".")
            ]
    return list(dict.fromkeys(found))


def _raise(error: OSError) -> None:
    raise error


def read(path: str) -> Iterator[Record]:
    """What a file holds: JSON objects one a line, or one JSON value that is an object or a list of them.

    Nothing is raised: a file or a part of one that cannot be read gives an ``Unreadable``.
    """
    try:
        with _opened(path) as file:
            for origin, value in _values(path, file):
                if isinstance(value, Unreadable):
                    yield value
                else:
                    yield from _records(origin, value)
    except (OSError, EOFError, zlib.error) as error:
        yield Unreadable(path, f"the file cannot be read ({getattr(error, 'strerror', None) or error})")


def _opened(path: str) -> IO[bytes]:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if packed else open(path, "rb")


def _values(path: str, file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file with where each stands; what is none is an ``Unreadable``."""
    lines = enumerate(iter(lambda: file.readline(MAX_BYTES), b""), 1)
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        yield path, Unreadable(path, "the file is empty")
        return
    if _is_json(first[1]):
        yield from (_value(path, number, line) for number, line in itertools.chain([first], lines) if line.strip())
        return
    # One value over many lines, or lines of which the first is broken.
    rest = file.read(MAX_BYTES)
    if _is_json(first[1] + rest):
        yield path, _parsed(first[1] + rest)
        return
    yield _value(path, *first)
    for number, line in enumerate(rest.split(b"\n"), first[0] + 1):
        if line.strip():
            yield _value(path, number, line)


def _value(path: str, number: int, line: bytes) -> tuple[str, Any]:
    where = f"{path}:{number}"
    try:
        return where, _parsed(line)
    except ValueError as error:
        return where, Unreadable(where, f"the line is no JSON: {error}")


def _is_json(text: bytes) -> bool:
    try:
        _parsed(text)
    except ValueError:
        return False
    return True


def _parsed(text: bytes) -> Any:
    """A JSON value; what the standard library writes beyond JSON is read too: ``NaN``, halves of characters."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def _records(origin: str, value: Any) -> Iterator[Record]:
    if isinstance(value, list):
        for place, one in enumerate(value, 1):
            yield from _record(f"{origin}[{place}]", one)
    else:
        yield from _record(origin, value)


def _record(origin: str, value: Any) -> Iterator[Record]:
    """A run or a logged decision; other events of the log are passed over."""
    try:
        if isinstance(value, dict) and is_event(value):
            event = logged_from_json(value, origin)
            if event is not None:
                yield event
        else:
            yield run_from_json(value, origin)
    except (BadRun, BadEvent) as error:
        yield Unreadable(origin, str(error))
