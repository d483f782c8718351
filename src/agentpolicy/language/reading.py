"""Reads a policy file: bounded, UTF-8 only, and clear about what is wrong with it."""

from __future__ import annotations

import hashlib
import os
import stat

from agentpolicy.language.source import Diagnostic, PolicyError, Source
from agentpolicy.language.tree import NOWHERE, Span

#: A policy file has this many bytes at most.
MAX_BYTES = 32_000_000

_UTF_8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
#: Never wait for a pipe to be written to, never change line ends.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def read_source(path: str, name: str | None = None) -> tuple[Source, str]:
    """The text of a policy file, and the SHA-256 of all its bytes in hexadecimal.

    A byte-order mark at the start is dropped; offsets into the text count from behind it.

    Args:
        path: the file.
        name: what diagnostics call it; the path unless given.

    Raises:
        PolicyError: AP401 where there is no such file or it cannot be read, AP408 where it is no regular file,
            AP120 where it is not UTF-8, AP121 where it is binary, AP122 where it is larger than 32 MB.
    """
    shown = path if name is None else name
    data = _read(path, shown)
    if len(data) > MAX_BYTES:
        raise _refused(
            shown, "AP122", f"the file is larger than {MAX_BYTES // 10**6} MB", "split it with `import` or `extends`"
        )
    return Source(shown, decode(data, shown)), hashlib.sha256(data).hexdigest()


def source_of(name: str, text: str) -> Source:
    """A policy that is there as text already; a byte-order mark at its start is dropped."""
    return Source(name, text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))


def missing_file(name: str) -> PolicyError:
    """The error for a file that is not there, AP401."""
    return _refused(name, "AP401", f"there is no file `{name}`", "check the path")


def decode(data: bytes, name: str) -> str:
    """The text that the bytes of a policy file hold.

    Raises:
        PolicyError: AP120 where they are not UTF-8, AP121 where they hold NUL; the place is that of the byte.
    """
    mark = _OTHER_MARKS.get(data[:2])
    if mark is not None:
        raise _refused(name, "AP120", f"the file is {mark}, not UTF-8", "save it as UTF-8")
    data = data.removeprefix(_UTF_8_MARK)
    problem: UnicodeDecodeError | None = None
    text = ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = error
    nul = data.find(b"\x00")
    if nul >= 0 and (problem is None or nul < problem.start):
        help = "save it as UTF-8" if nul < 2 and data[1 - nul :: 2][:8].isascii() else "name a policy file"
        raise _at_byte(name, data, nul, "AP121", "the file holds NUL, it is not text", help)
    if problem is not None:
        message = f"the byte 0x{data[problem.start]:02x} is not UTF-8"
        raise _at_byte(name, data, problem.start, "AP120", message, "save the file as UTF-8")
    return text


def _read(path: str, shown: str) -> bytes:
    try:
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                what = "a directory" if stat.S_ISDIR(mode) else "no regular file"
                raise _refused(shown, "AP408", f"`{shown}` is {what}", "name a policy file")
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise missing_file(shown) from None
    except IsADirectoryError:
        raise _refused(shown, "AP408", f"`{shown}` is a directory", "name a policy file in it") from None
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise _refused(
            shown, "AP401", f"`{shown}` cannot be read: {reason}", "check the path and its permissions"
        ) from None
    except ValueError:
        raise _refused(shown, "AP401", "no file can have this name", "check the path") from None


def _refused(name: str, code: str, message: str, help: str | None) -> PolicyError:
    return PolicyError((Diagnostic(code, message, Source(name, ""), NOWHERE, help),))


def _at_byte(name: str, data: bytes, at: int, code: str, message: str, help: str) -> PolicyError:
    """An error at a byte, shown behind the text that can be read before it."""
    before = data[:at].decode("utf-8", "replace")
    source = Source(name, before + "\N{REPLACEMENT CHARACTER}")
    line = source.line_column(len(before))[0]
    span = Span(len(before), len(before) + 1)
    return PolicyError((Diagnostic(code, f"{message} (line {line})", source, span, help),))
