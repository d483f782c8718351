"""Makes `knowledge.json`, which the package reads, from the TOML tables of programs. Run by `make programs`."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "src/agentpolicy/effects/knowledge"
ROLES = frozenset(
    "text read write append delete list change move dest expose tree dir chdir script code shell program command appended "
    "away-command away-shell words-shell assign url url-get url-post url-put url-delete url-head url-patch url-options "
    "url-connect host host-or-path name remote remote-read remote-write remote-delete remote-push bucket-read bucket-write database "
    "file-or-text file-uri secret form volume package module config method beside beside-kept prefix variable split output-dir output url-saved urlencoded cookie route image tree-or-url source "
    "package-command command-or-script placeholder opaque".split()
)
FORM = {
    "when": str,
    "unless": str,
    "operands": list,
    "does": list,
    "bare": list,
    "readonly": bool,
    "opaque": str,
    "flags": str,
    "values": dict,
}
ENTRY = {
    **FORM, "also": list, "open": bool, "style": str, "many": str, "keys": dict, "forms": list, "sub": dict,
    "unknown": str, "elevates": bool, "special": str, "reveal": str, "plus": str, "visible": bool,
}  # fmt: skip
STYLES = frozenset({"gnu", "posix", "single", "words", "keys", "tar"})


def check(where: str, row: dict[str, Any], known: dict[str, type]) -> list[str]:
    """What is wrong with a table."""
    found = [f"{where}: `{key}` is no key" for key in row if key not in known]
    found += [
        f"{where}: `{key}` is not a {known[key].__name__}"
        for key in row
        if key in known and type(row[key]) is not known[key]
    ]
    for roles in (row.get("operands", []), row.get("values", {}).values(), row.get("keys", {}).values()):
        found += [f"{where}: `{role}` is no role" for role in roles if role.rstrip("*?") not in ROLES]
    found += [
        f"{where}: `{one}` is no effect"
        for one in (*row.get("does", []), *row.get("bare", []))
        if one.partition(" ")[0].removesuffix("-many") not in ROLES
    ]
    for options in (*row.get("values", {}), row.get("flags", ""), row.get("many", "").replace("*", "")):
        found += [f"{where}: `{one}` is no option" for one in options.split() if one[:1] not in "-+"]
    if row.get("style", "gnu") not in STYLES:
        found.append(f"{where}: `{row['style']}` is no style")
    for at, form in enumerate(row.get("forms", [])):
        found += check(f"{where}.forms[{at}]", form, FORM)
    for name, sub in row.get("sub", {}).items():
        found += check(f"{where} {name}", sub, ENTRY)
    return found


def tables() -> dict[str, Any]:
    """Every program's table by its name.

    Raises:
        ValueError: with all that is wrong.
    """
    found: dict[str, Any] = {}
    wrong: list[str] = []
    owners: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for name, row in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if name in found:
                wrong.append(f"{path.name}: `{name}` is there twice")
            found[name] = row
            for other in (name, *row.get("also", ())):
                if other in owners:
                    wrong.append(f"{path.name}: `{other}` is a name of `{owners[other]}` already")
                owners[other] = name
            wrong += check(f"{path.name}: {name}", row, ENTRY)
    if wrong:
        raise ValueError("\n".join(wrong))
    return found


def text() -> str:
    """The compact form of all tables."""
    from agentpolicy.effects.programs import complete

    return json.dumps(complete(tables()), sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n"


if __name__ == "__main__":
    try:
        (FOLDER / "knowledge.json").write_text(text(), encoding="utf-8")
    except ValueError as error:
        sys.exit(str(error))
