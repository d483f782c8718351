"""Settings of ``sandbox``, ``approval`` and ``telemetry`` blocks: known words, values of the right kind."""

from __future__ import annotations

from collections.abc import Callable

from agentpolicy.language import tree as t
from agentpolicy.language.findings import Findings
from agentpolicy.language.scope import Scope, suggestion
from agentpolicy.language.vocabulary import DURATIONS, LEVELS, SCOPES, SETTINGS, SIZES


def check_block(block: t.Block, scope: Scope, findings: Findings) -> None:
    """Report unknown and repeated settings and values of the wrong kind."""
    known = SETTINGS[block.kind]
    seen: set[str] = set()
    for setting in block.settings:
        word = " ".join(setting.words)
        place = scope.place(setting.span)
        kind = known.get(word)
        if kind is None:
            findings.add(
                "AP210",
                f"`{block.kind}` has no setting `{word}`",
                place,
                help=suggestion(word, known, "settings are " + ", ".join(known)),
            )
            continue
        if word in seen:
            findings.add("AP202", f"the setting `{word}` is there twice", place, help="join the two")
        seen.add(word)
        wanted = _KINDS[kind]
        many = kind in {"names", "words", "texts", "groups", "samples", "fields"}
        if kind == "nothing":
            if setting.values:
                findings.add("AP308", f"`{word}` takes no value", place)
        elif not setting.values or (len(setting.values) > 1 and not many):
            findings.add(
                "AP308", f"`{word}` takes {'one value or more' if many else 'one value'}", place, help=wanted[1]
            )
        else:
            for value in setting.values:
                if not wanted[0](value):
                    findings.add("AP308", f"`{word}` cannot have this value", scope.place(value.span), help=wanted[1])


def _plain(value: t.SettingValue) -> bool:
    return value.outcome is None and value.per is None and value.then is None


def _unit(value: t.SettingValue, units: object) -> bool:
    return isinstance(value.atom, t.Unit) and value.atom.unit in units  # type: ignore[operator]


def _count(value: t.SettingValue) -> bool:
    return isinstance(value.atom, t.Number) and isinstance(value.atom.value, int) and value.atom.value > 0


def _word(value: t.SettingValue) -> str | None:
    return value.atom.text if isinstance(value.atom, t.Ref) and len(value.atom.parts) == 1 else None


def _percent(value: t.SettingValue) -> bool:
    return isinstance(value.atom, t.Percent) and 0 <= value.atom.amount <= 100


def _field(value: t.SettingValue) -> bool:
    return isinstance(value.atom, t.FieldRef) or (isinstance(value.atom, t.Ref) and len(value.atom.parts) > 1)


_KINDS: dict[str, tuple[Callable[[t.SettingValue], bool], str]] = {
    "names": (lambda v: _plain(v) and _word(v) is not None, "names, such as `PATH, HOME`"),
    "words": (lambda v: _plain(v) and _word(v) is not None, "words, separated by commas"),
    "texts": (lambda v: _plain(v) and isinstance(v.atom, t.Text | t.Ref), 'quoted paths, such as `"~/.ssh/**"`'),
    "groups": (lambda v: _plain(v) and isinstance(v.atom, t.Group), "groups, such as `@maintainers`"),
    "count": (lambda v: _plain(v) and _count(v), "a whole number above 0"),
    "size": (lambda v: _plain(v) and _unit(v, SIZES), "a size, such as `2GB`"),
    "duration": (lambda v: _plain(v) and _unit(v, DURATIONS), "a duration, such as `15m`"),
    "duration-then": (
        lambda v: v.outcome is None and v.per is None and _unit(v, DURATIONS) and v.then in {None, "deny"},
        "a duration and what then, such as `5m -> deny`",
    ),
    "scope": (lambda v: _plain(v) and _word(v) in SCOPES, "one of " + ", ".join(SCOPES)),
    "rate": (
        lambda v: v.outcome is None and v.then is None and _count(v) and v.per is not None and v.per.unit in DURATIONS,
        "a number per duration, such as `10 per 1h`",
    ),
    "percent": (lambda v: _plain(v) and _percent(v), "a share, such as `5%`"),
    "level": (lambda v: _plain(v) and _word(v) in LEVELS, "one of " + ", ".join(LEVELS)),
    "samples": (
        lambda v: v.outcome is not None and v.per is None and v.then is None and _percent(v),
        "shares by answer, such as `allow 10%, deny 100%`",
    ),
    "fields": (lambda v: _plain(v) and _field(v), "fields, such as `exec.env` or `send.subject`"),
    "nothing": (lambda v: False, "no value"),
}
