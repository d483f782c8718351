"""The lines of a generated function that look an effect up in the tables of its action.

They leave the lowest rank that is certain in ``best``, and the ranks that are still to be asked in ``more``.
"""

from __future__ import annotations

from typing import Any

from agentpolicy.language.vocabulary import family


def lookup_lines(action: str, prefix: str, tables: dict[str, Any]) -> list[str]:
    """The lines for one action; its tables go by ``prefix`` and the table's name."""
    write = {"fs": _fs_lines, "exec": _exec_lines, "net": _net_lines}.get(family(action), _tool_lines)
    return write(tables, prefix, action)


def _take(entry: str) -> list[str]:
    return [
        f"    sure, open = {entry}",
        "    if sure < best:",
        "        best = sure",
        "    if open:",
        "        more += open",
    ]


def _probe(expression: str) -> list[str]:
    return [f"hit = {expression}", "if hit is not None:", *_take("hit")]


def _rest(tables: dict[str, Any], prefix: str) -> list[str]:
    return [f"more += {prefix}_rest"] if tables["rest"] else []


def _fs_lines(tables: dict[str, Any], prefix: str, action: str) -> list[str]:
    lines = [f"best, more = {prefix}_everywhere", "p = e.path"]
    if tables["keys"]:
        lines += [
            f"i = bisect({prefix}_keys, p) - 1",
            f"while i >= 0 and not p.startswith({prefix}_keys[i]):",
            f"    i = {prefix}_parents[i]",
            "if i >= 0:",
            *_take(f"{prefix}_trees[i]"),
        ]
    if tables["exact"]:
        lines += _probe(f"{prefix}_exact.get(p)")
    if tables["names"] or tables["endings"]:
        lines.append("name = p[p.rfind('/') + 1:]")
    if tables["names"]:
        lines += _probe(f"{prefix}_names.get(name)")
    if tables["endings"]:
        lines += [
            "i = name.rfind('.')",
            "if i >= 0:",
            *("    " + line for line in _probe(f"{prefix}_endings.get(name[i:])")),
        ]
    return lines + _rest(tables, prefix)


def _exec_lines(tables: dict[str, Any], prefix: str, action: str) -> list[str]:
    careful = f"return careful(e, s, {action!r})"
    first = "first = argv[1] if len(argv) > 1 else ''"
    moved = "first[:1] == '-' or depth > 1 and any(word[:1] == '-' for word in argv[2:depth + 1])"
    # A program without a directory is found in one look; one under a directory by its base name and by its name.
    lines = ["argv = e.argv", "program = e.program", f"found = {prefix}_plain.get(program)", "if found is not None:"]
    lines.append("    own, verbs, depth = found")
    if any(count > 1 for count in tables["deep"].values()):
        lines += ["    if depth > 1:", f"        {first}", f"        if {moved}:", f"            {careful}"]
    lines += [
        "    hit = verbs.get(argv[1]) if len(argv) > 1 else own",
        "    if hit is None:",
        "        if depth and argv[1][:1] == '-':",
        f"            {careful}",
        "        hit = own",
        "    best, more = hit",
        "else:",
        f"    best, more = {prefix}_everywhere",
    ]
    directory: list[str] = []
    if tables["wide"]:
        directory += ["base = program.rpartition('/')[2]", f"depth = {prefix}_deep.get(base)"]
        directory += [f"if depth and ({moved}):", f"    {careful}"]
    for way, key in (("wide", "base"), ("narrow", "program")):
        if tables[way]:
            directory += [f"found = {prefix}_{way}.get({key})", "if found is not None:"]
            directory += _take("found[1].get(first, found[0])")
    if directory:
        lines += ["    if '/' in program:", *("        " + line for line in (first, *directory))]
    return lines + _rest(tables, prefix)


def _net_lines(tables: dict[str, Any], prefix: str, action: str) -> list[str]:
    lines = [f"best, more = {prefix}_everywhere", "host = e.host"]
    found = _take("found[1] if e.usual_port else found[0]")
    if tables["hosts"]:
        lines += [f"found = {prefix}_hosts.get(host)", "if found is not None:", *found]
    for count in tables["counts"]:
        lines += [
            f"labels = host.rsplit('.', {count})",
            f"if len(labels) > {count}:",
            f"    found = {prefix}_domains.get(host[len(labels[0]) + 1:])",
            "    if found is not None:",
            *("    " + line for line in found),
        ]
    return lines + _rest(tables, prefix)


def _tool_lines(tables: dict[str, Any], prefix: str, action: str) -> list[str]:
    lines = [f"best, more = {prefix}_everywhere"]
    return lines + (_probe(f"{prefix}_names.get(e.name)") if tables["names"] else []) + _rest(tables, prefix)
