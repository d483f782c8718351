"""Numbers, amounts, dates and times of day in one form each, however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

_MONTHS: Final = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
    "oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_NUMBER_OF: Final = {
    name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}
# Every pattern is tried at the digits of a text alone: at most a few dozen characters from each.
_DIGITS: Final = re.compile(r"\d++")
_DATE: Final = re.compile(
    r"(?<![\d./\-])(?:"
    r"(\d{4})([\-/.])(\d{1,2})\2(\d{1,2})"
    r"|(\d{1,2})([\-/.])(\d{1,2})\6(\d{4}|\d{2})"
    rf"|(\d{{1,2}})(?:st|nd|rd|th)?[ \-](?:of )?({_MONTHS})\b\.?(?:,? ?\-?(\d{{4}})\b)?"
    r")(?!\d)"
)
_MONTH_BEFORE: Final = re.compile(rf"(?<![^\W_])({_MONTHS})[. \-]{{1,2}}\Z").search
_DAY: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\b(?:,? (\d{4})\b)?").match
_TIME: Final = re.compile(
    r"(?<![\d:.])(?:(\d{1,2}):(\d{2})(?::\d{2}(?:\.\d{1,6})?)?(?: ?([ap])\.?m\b)?(?![\d:])|(\d{1,2}) ?([ap])\.?m\b)"
).match
_LIKE_MOMENT: Final = re.compile(r"(?:[a-z]{3,9}[,.]? ){0,2}\d").match
_MOMENT_REST: Final = re.compile(
    r"(?:[\s,\-–]|utc|gmt|z|at|on|to|and|[+]\d\d:?\d\d|(?:mon|tues|wednes|thurs|fri|satur|sun)day)*+"
).fullmatch
_NUMBER: Final = re.compile(
    r"(?<![\d.,'])(?:\d{1,3}(?:([,.'’ ])\d{3})(?:\1\d{3})*+(?:[.,]\d{1,8})?|\d++[.,]\d++)(?![\d])"
).match
_CURRENCY: Final = "|".join(
    """usd eur gbp chf jpy cny rmb cad aud inr krw sek nok dkk pln czk huf ron brl mxn zar nzd sgd hkd try ils thb rub
    btc eth""".split()
)
_WRITTEN: Final = r"\d{1,3}(?:[,.'’ ]\d{3}){1,12}(?:[.,]\d{1,8})?|\d{1,40}(?:[.,]\d{1,40})?"
_AMOUNT: Final = re.compile(
    rf"[+\-]?(?:(?:{_CURRENCY}) ?|[a-z]{{0,2}}[$€£¥₹₩₽₿] ?)?[+\-]?({_WRITTEN})"
    rf"(?: ?(?:{_CURRENCY})| ?[$€£¥₹₩₽₿]| ?%| (?:dollars?|euros?|pounds?))?"
).fullmatch


def canonical_number(value: float | Decimal) -> str | None:
    """A number without sign, exponent and needless zeros; None where it is no finite one."""
    number = (Decimal(repr(value)) if isinstance(value, float) else Decimal(value)).copy_abs()
    if not number.is_finite() or number.adjusted() > 300 or number.adjusted() < -300:
        return None
    return _tidy(f"{number:f}")


def number_readings(written: str) -> list[str]:
    """What a number may be, in its one form: ``1.234`` is 1234 to some and 1.234 to others."""
    plain = written.replace("'", "").replace("’", "").replace(" ", "")
    comma, dot = plain.rfind(","), plain.rfind(".")
    if comma < 0 and dot < 0:
        return [_tidy(plain)]
    mark = "," if comma > dot else "."
    whole, _, rest = plain.rpartition(mark)
    if comma >= 0 and dot >= 0:
        if mark in whole:
            return [_tidy(re.sub("[,.]", "", plain))]
        return [_tidy(f"{re.sub('[,.]', '', whole)}.{rest}")]
    if mark in whole:
        return [_tidy(plain.replace(mark, ""))]
    decimal = _tidy(f"{whole}.{rest}")
    return [_tidy(whole + rest), decimal] if len(rest) == 3 and 1 <= len(whole) <= 3 else [decimal]


def numbers_in(folded: str) -> Iterator[str]:
    """The numbers of a folded text that are written with a separator, in every reading."""
    for at in _starts(folded):
        found = _NUMBER(folded, at)
        if found is not None:
            yield from number_readings(found.group())


def dates_in(folded: str) -> Iterator[tuple[str | None, str]]:
    """The dates of a folded text: with the year where there is one (``d2024-05-15``), and without (``d05-15``)."""
    for _, _, readings in _dates(folded):
        yield from readings


def times_in(folded: str) -> Iterator[str]:
    """The times of day of a folded text: ``t14:00``."""
    for at in _starts(folded):
        found = _TIME(folded, at)
        if found is not None and (told := _time(found)) is not None:
            yield told


def without_moments(folded: str) -> tuple[str, str]:
    """A folded text without its dates and times, and those alone."""
    kept: list[str] = []
    taken: list[str] = []
    at = 0
    times = ((found.start(), found.end()) for start in _starts(folded) if (found := _TIME(folded, start)) is not None)
    for begin, end in sorted([*((begin, end) for begin, end, _ in _dates(folded)), *times]):
        if begin >= at:
            kept.append(folded[at:begin])
            taken.append(folded[begin:end])
            at = end
    return " ".join([*kept, folded[at:]]), " ".join(taken)


def amount(folded: str) -> list[str]:
    """The readings of a text that is one number or amount of money as a whole, none where it is something else."""
    found = _AMOUNT(folded)
    return [] if found is None else number_readings(found[1])


def moment(folded: str) -> tuple[list[tuple[str | None, str]], list[str]] | None:
    """The readings of the date, and the times, of a text that is a date, a time or both as a whole."""
    if len(folded) > 64 or _LIKE_MOMENT(folded) is None:
        return None
    dates: list[tuple[str | None, str]] = []
    rest = folded
    for begin, end, readings in reversed(list(_dates(folded))):
        dates.extend(readings)
        # ISO 8601 writes a `T` between the date and the time.
        rest = f"{rest[:begin]} {rest[end + 1 :] if rest[end : end + 1] == 't' else rest[end:]}"
    times: list[str] = []
    for at in reversed(list(_starts(rest))):
        found = _TIME(rest, at)
        if found is not None and (told := _time(found)) is not None:
            times.append(told)
            rest = f"{rest[:at]} {rest[found.end() :]}"
    if not (dates or times) or _MOMENT_REST(rest) is None:
        return None
    return dates, times


def _starts(folded: str) -> Iterator[int]:
    for found in _DIGITS.finditer(folded):
        yield found.start()


def _dates(folded: str) -> Iterator[tuple[int, int, list[tuple[str | None, str]]]]:
    for at in _starts(folded):
        found = _DATE.match(folded, at)
        if found is not None:
            yield at, found.end(), _date(found)
            continue
        before = _MONTH_BEFORE(folded[max(at - 12, 0) : at])
        day = None if before is None else _DAY(folded, at)
        if before is not None and day is not None:
            yield at - len(before.group()), day.end(), _day(day[2], _NUMBER_OF[before[1][:3]], int(day[1]))


def _tidy(number: str) -> str:
    whole, _, rest = number.partition(".")
    rest = rest.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{rest}" if rest else whole


def _date(found: re.Match[str]) -> list[tuple[str | None, str]]:
    if found[1] is not None:
        return _day(found[1], int(found[3]), int(found[4]))
    if found[5] is not None:
        year = found[8] if len(found[8]) == 4 else f"20{found[8]}"
        first, second = int(found[5]), int(found[7])
        # The day first in most of the world, the month first in the United States.
        return list(dict.fromkeys([*_day(year, second, first), *_day(year, first, second)]))
    return _day(found[11], _NUMBER_OF[found[10][:3]], int(found[9]))


def _day(year: str | None, month: int, day: int) -> list[tuple[str | None, str]]:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return []
    short = f"{month:02}-{day:02}"
    return [(None if year is None else f"d{year}-{short}", f"d{short}")]


def _time(found: re.Match[str]) -> str | None:
    hour = int(found[1] or found[4])
    minute = int(found[2] or 0)
    half = found[3] or found[5]
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"t{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None
