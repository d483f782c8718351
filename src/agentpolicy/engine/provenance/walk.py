"""The texts inside of a result: strings, bytes, numbers, errors, and what lists, maps and objects hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any, Final

from agentpolicy.engine.provenance.quantities import canonical_number

#: Values that are looked at in one result.
_MOST_VALUES: Final = 200_000
_LISTS: Final = (list, tuple, set, frozenset)
#: Objects that hold what their attributes say, and modules whose objects say all that they hold as text.
_NAMED: Final = (SimpleNamespace, CompletedProcess)
_WRITTEN: Final = frozenset(["datetime", "decimal", "enum", "fractions", "ipaddress", "pathlib", "uuid", "zoneinfo"])


def texts_of(value: object, most: int) -> tuple[list[str], bool]:
    """The texts of a value in their order, ``most`` characters at most, and whether something was left out.

    Never raises: what cannot be read is left out. Iterators and files are left out, because reading them uses them up.
    """
    if isinstance(value, str):
        return [value[:most]], len(value) > most
    texts: list[str] = []
    left, values, partial = most, _MOST_VALUES, False
    entered: set[int] = set()
    keep: list[object] = []  # what was made on the way stays alive, so that its id is not used twice
    waiting: list[Iterator[object]] = [iter((value,))]
    while waiting:
        try:
            one = next(waiting[-1])
        except StopIteration:
            waiting.pop()
            continue
        except Exception:  # a container of the host's that fails
            waiting.pop()
            partial = True
            continue
        values -= 1
        if values < 0:
            return texts, True
        text = _text(one, left)
        if text is not None:
            if len(text) > left:
                texts.append(text[:left])
                return texts, True
            texts.append(text)
            left -= len(text) + 1
            if left <= 0:
                return texts, True
        elif one is not None and not isinstance(one, bool) and id(one) not in entered:
            entered.add(id(one))
            keep.append(one)
            inner = _inside(one)
            if inner is None:
                partial = True
            else:
                waiting.append(iter(inner))
    return texts, partial


def _text(value: object, left: int) -> str | None:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if value.bit_length() < 4096 else hex(value)
    if isinstance(value, float):
        return canonical_number(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[: left * 4 + 4]).decode(errors="replace")
    return None


def _inside(value: object) -> Iterable[object] | None:
    """What a container or an object holds, None where that cannot be told."""
    try:
        if isinstance(value, Mapping):
            return _pairs(value)
        if isinstance(value, _LISTS):
            return value
        if isinstance(value, BaseException):
            return _error(value)
        return _fields(value)
    except Exception:
        return None


def _pairs(value: Mapping[Any, object]) -> Iterator[object]:
    for key, inner in value.items():
        yield key
        yield inner


def _error(value: BaseException) -> list[object]:
    return [
        type(value).__name__,
        str(value),
        value.args,
        getattr(value, "__notes__", None),
        value.__cause__,
        value.__context__,
        vars(value),
        *(value.exceptions if isinstance(value, BaseExceptionGroup) else ()),
    ]


def _fields(value: object) -> Iterable[object] | None:
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return [dump()]
    if is_dataclass(value) and not isinstance(value, type):
        return [{one.name: getattr(value, one.name, None) for one in fields(value)}]
    named: tuple[Any, ...] = getattr(type(value), "__attrs_attrs__", ())
    if named:
        return [{one.name: getattr(value, one.name, None) for one in named}]
    if isinstance(value, Iterator) or hasattr(value, "read"):
        return None
    held = getattr(value, "__dict__", None)
    plain = type(value).__str__ is not object.__str__ or type(value).__repr__ is not object.__repr__
    found: list[object] = [str(value)] if plain else []
    if isinstance(held, dict) and not isinstance(value, type):
        found.append(held)
    if isinstance(value, (type, *_NAMED)) or type(value).__module__ in _WRITTEN:
        return found
    return _and_more(found)


def _and_more(found: list[object]) -> Iterator[object]:
    """What was read of an object whose whole nobody knows: properties, tables that are shown in part."""
    yield from found
    raise LookupError("an object may say more than was read")
