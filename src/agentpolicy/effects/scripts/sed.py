"""Scripts of sed: which files they read and write, and whether they run commands (POSIX.1-2017 sed, GNU sed manual)."""

from __future__ import annotations

from typing import Final

_NOTHING: Final = frozenset({"/dev/stdout", "/dev/stderr", "/dev/stdin"})
_BARE: Final = frozenset("=dDgGhHnNpPxFz")
_NUMBERED: Final = frozenset("lLqQ")


class _Refused(Exception):
    pass


class _Script:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.touched: list[tuple[str, str]] = []

    def read(self) -> None:
        text = self.text
        level = 0
        while True:
            self._skip(" \t\n;")
            if self.at >= len(text):
                if level:
                    raise _Refused("a group of sed is not closed")
                return
            if text[self.at] == "#":
                self._line()
                continue
            self._addresses()
            if self.at >= len(text):
                raise _Refused("a command of sed is missing")
            letter = text[self.at]
            self.at += 1
            if letter == "{":
                level += 1
            elif letter == "}":
                level -= 1
                if level < 0:
                    raise _Refused("a group of sed is not opened")
                self._end()
            elif letter in _BARE:
                self._end()
            elif letter in _NUMBERED:
                self._skip(" \t")
                self._skip("0123456789")
                self._end()
            elif letter in "aic":
                self._text()
            elif letter in ":btT":
                while self.at < len(text) and text[self.at] not in ";\n}":
                    self.at += 1
            elif letter in "rRwW":
                self._file(letter)
            elif letter == "s":
                self._substitute()
            elif letter == "y":
                delimiter = self._delimiter()
                self._until(delimiter, False)
                self._until(delimiter, False)
                self._end()
            elif letter == "e":
                raise _Refused("the script of sed runs commands (`e`)")
            else:
                raise _Refused("a command of sed is not known")

    def _skip(self, letters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in letters:
            self.at += 1

    def _line(self) -> str:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        found = self.text[self.at : end]
        self.at = end
        return found

    def _end(self) -> None:
        """What may stand behind a command."""
        self._skip(" \t")
        if self.at < len(self.text) and self.text[self.at] not in ";\n}#":
            raise _Refused("a command of sed is followed by something that is not known")

    def _addresses(self) -> None:
        text = self.text
        for turn in range(2):
            if turn:
                self._skip(" \t")
                if not text.startswith(",", self.at):
                    break
                self.at += 1
                self._skip(" \t")
                self._skip("+~")
            here = text[self.at : self.at + 1]
            if here.isdigit():
                self._skip("0123456789")
                if text.startswith("~", self.at):
                    self.at += 1
                    self._skip("0123456789")
            elif here == "$":
                self.at += 1
            elif here in ("/", "\\") and here:
                if here == "\\":
                    self.at += 1
                delimiter = self._delimiter()
                self._until(delimiter, True)
                self._skip("IM")
            elif turn == 0:
                break
        self._skip(" \t!")

    def _delimiter(self) -> str:
        found = self.text[self.at : self.at + 1]
        if not found or found in "\n\\":
            raise _Refused("a pattern of sed has no delimiter")
        self.at += 1
        return found

    def _until(self, delimiter: str, pattern: bool) -> None:
        """Pass text up to a delimiter; where one stands in brackets, implementations differ."""
        text = self.text
        bracket = False
        while self.at < len(text):
            here = text[self.at]
            if here == delimiter:
                if bracket:
                    raise _Refused("a delimiter of sed stands inside brackets")
                self.at += 1
                return
            if here == "\\":
                self.at += 1
            elif pattern and here == "[":
                bracket = True
                if text[self.at + 1 : self.at + 2] == "]":
                    self.at += 1
                elif text[self.at + 1 : self.at + 3] == "^]":
                    self.at += 2
            elif pattern and here == "]":
                bracket = False
            self.at += 1
        raise _Refused("a pattern of sed does not end")

    def _text(self) -> None:
        """Text of `a`, `i`, `c`: to the end of the line, further where that ends in a backslash."""
        while self._line().endswith("\\") and self.at < len(self.text):
            self.at += 1

    def _file(self, letter: str) -> None:
        self._skip(" \t")
        name = self._line()
        if not name:
            raise _Refused("a file of sed has no name")
        if name not in _NOTHING:
            self.touched.append(("read" if letter in "rR" else "write", name))

    def _substitute(self) -> None:
        delimiter = self._delimiter()
        self._until(delimiter, True)
        self._until(delimiter, False)
        while self.at < len(self.text):
            here = self.text[self.at]
            if here in "gpiImM" or here.isdigit():
                self.at += 1
            elif here == "w":
                self.at += 1
                self._file("w")
                return
            elif here == "e":
                raise _Refused("the script of sed runs what it makes (`s///e`)")
            else:
                break
        self._end()


def read_sed(script: str) -> tuple[str | None, list[tuple[str, str]]]:
    """Why a script may do anything (None where it is known), and the files that it reads and writes: ``(role, name)``.

    Time is linear in the length of the script.
    """
    reader = _Script(script)
    try:
        reader.read()
    except _Refused as refused:
        return str(refused), reader.touched
    return None, reader.touched
