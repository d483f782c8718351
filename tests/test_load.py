"""Files of a policy: imports bring names, layers stand outermost first, circles and bad files are told where they are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentpolicy import PolicyError, ToolCall
from agentpolicy.language.load import MAX_FILES, check_program, load_program, locate
from agentpolicy.testing import assert_allows, assert_denies, engine_from_text


def codes(error: PolicyError) -> list[str]:
    return [one.code for one in error.diagnostics]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_imports_bring_names_and_never_rules() -> None:
    library = """set files: path = "**/.env"
define night = time.hour < 6
fact branch: text = "main"
param root: path
tool look(path: path) does only fs.read path
set inner: path = "${root}/**", files
deny everything: fs any because "a rule of a library"
"""
    main = """policy p version "1"
import "lib/names.agp" as names
deny secrets: fs.read names.files because "secret"
allow look: fs.read names.inner unless names.night or names.branch == "x"
ask tool: tool names.look when path == "/r/odd" because "odd"
"""
    engine = engine_from_text(main, files={"lib/names.agp": library}, params={"root": "/r"})
    assert_allows(engine, ToolCall("look", {"path": "/r/a"}), by="look")
    assert_denies(engine, ToolCall("look", {"path": "/r/.env"}), by="secrets")
    assert engine.decide(ToolCall("look", {"path": "/r/odd"})).rule == "tool"


def test_imports_reach_through_imports() -> None:
    files = {"a.agp": 'import "b.agp" as b\n', "b.agp": 'set s: path = "/x/**"\n'}
    engine = engine_from_text('policy p version "1"\nimport "a.agp" as a\nallow r: fs.read a.b.s\n', files=files)
    assert_allows(engine, ToolCall.of("fs.read", "/x/y"), by="r")


def test_layers_stand_outermost_first_and_each_once() -> None:
    files = {
        "base.agp": 'policy base version "1"\ndefault none\n',
        "team.agp": 'policy team version "1"\nextends "base.agp"\ndefault none\n',
    }
    text = 'policy mine version "1"\nextends "team.agp"\nextends "base.agp"\n'
    engine = engine_from_text(text, files=files)
    assert [layer["name"] for layer in engine.policy.artifact["layers"]] == ["base", "team", "mine"]


def test_a_file_without_header_is_named_after_itself(tmp_path: Path) -> None:
    write(tmp_path, {"plain.agp": 'allow x: exec "ls"\n'})
    program = load_program([str(tmp_path / "plain.agp")])
    assert program.layers[0].name == "plain"


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        ({"p.agp": 'extends "p.agp"\n'}, "AP402", "extends go in a circle: p.agp → p.agp"),
        ({"p.agp": 'extends "q.agp"\n', "q.agp": 'extends "p.agp"\n'}, "AP402", "extends go in a circle"),
        ({"p.agp": 'import "q.agp" as q\n', "q.agp": 'import "p.agp" as p\n'}, "AP402", "imports go in a circle"),
        ({"p.agp": 'import "nowhere.agp" as n\n'}, "AP401", "nowhere.agp"),
        ({"p.agp": 'extends "nowhere.agp"\n'}, "AP401", "nowhere.agp"),
        ({"p.agp": 'extends "preset:nowhere"\n'}, "AP401", "there is no preset `nowhere`"),
        ({"p.agp": 'extends ""\n'}, "AP401", "a file's name is plain text"),
        ({"p.agp": 'import "${x}.agp" as n\n'}, "AP401", "a file's name is plain text"),
        ({"p.agp": 'import "q.agp" as q\nimport "q.agp" as q\n', "q.agp": ""}, "AP202", "the name `q` is taken"),
        ({"p.agp": 'import "q.agp" as q\nset q: path = "/x"\nallow r: fs.read q\n', "q.agp": ""}, "AP202", "is taken on line 2"),
        ({"p.agp": 'import "q.agp" as q\n', "q.agp": "allow\n"}, "AP101", ""),
        ({"p.agp": 'extends "q.agp"\nparam a: path\n', "q.agp": "param a: text\n"}, "AP407", "the parameter `a` is `text`"),
        ({"p.agp": 'import "q.agp" as q\nfact a: bool\n', "q.agp": "fact a: text\n"}, "AP407", "`a` is `text` here"),
        ({"p.agp": 'extends "q.agp"\ntool t(a: text)\n', "q.agp": "tool t(a: number)\n"}, "AP406", "`t` takes `a: number`"),
        (
            {"p.agp": 'import "q.agp" as q\nimport "r.agp" as r\n', "q.agp": "tool t()\n", "r.agp": "tool t()\n"},
            "AP406",
            "the tool `t` is declared in",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_among_files_is_told(tmp_path: Path, files: dict[str, str], code: str, message: str) -> None:
    write(tmp_path, files)
    with pytest.raises(PolicyError) as caught:
        load_program([str(tmp_path / "p.agp")])
    hits = [one for one in caught.value.diagnostics if one.code.startswith(code[:3]) and message in one.message]
    assert hits, str(caught.value)
    if code != "AP101":
        assert code in codes(caught.value)
    assert all(one.source.name for one in hits)


def test_a_missing_file_is_underlined_where_it_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"p.agp": 'policy p version "1"\nextends "gone.agp"\n'})
    with pytest.raises(PolicyError) as caught:
        load_program([str(tmp_path / "p.agp")])
    (one,) = caught.value.diagnostics
    assert one.source.text[one.span.start : one.span.end] == '"gone.agp"'


def test_chains_and_numbers_of_files_are_bounded(tmp_path: Path) -> None:
    write(tmp_path, {f"c{at}.agp": f'extends "c{at + 1}.agp"\n' for at in range(60)})
    with pytest.raises(PolicyError) as caught:
        load_program([str(tmp_path / "c0.agp")])
    assert codes(caught.value) == ["AP402"]
    wide = "".join(f'import "w{at}.agp" as w{at}\n' for at in range(MAX_FILES + 5))
    write(tmp_path, {f"w{at}.agp": "" for at in range(MAX_FILES + 5)} | {"wide.agp": wide})
    with pytest.raises(PolicyError) as caught:
        load_program([str(tmp_path / "wide.agp")])
    assert any("files at most" in one.message for one in caught.value.diagnostics)


def test_presets_are_found_by_name() -> None:
    assert locate("preset:read-only").endswith("read-only.agp")
    with pytest.raises(PolicyError) as caught:
        locate("preset:read-onyl")
    assert caught.value.diagnostics[0].help == "did you mean `read-only`?"
    program, findings = check_program(["preset:nowhere"])
    assert program is None
    assert [one.code for one in findings.all] == ["AP401"]
    with pytest.raises(PolicyError):
        load_program([])


REMEMBERED = """policy p version "1"
mark secret on fs.read any for 1h
clear secret on fs.write any when result == "ok"
define leaky = session has secret
deny out: net any when leaky because "x"
allow pay: tool pay when to from user limit 3 per 1h budget 1MB per session
ask more: tool pay over 3 per 1h per to because "x"
tool pay(to: text)
"""


def test_a_policy_that_relies_on_a_missing_meaning_does_not_load() -> None:
    text = (
        REMEMBERED
        + """ask ok: exec any via people because "x"
approval people { quorum 1 }
telemetry { level info }
sandbox { memory 1GB }
"""
    )
    with pytest.raises(PolicyError) as caught:
        engine_from_text(text)
    assert set(codes(caught.value)) == {"AP501"}
    named = " ".join(one.message for one in caught.value.diagnostics)
    for meaning in ("approvals", "telemetry", "sandboxes"):
        assert meaning in named
    for meaning in ("mark", "from", "limit", "budget", "over"):
        assert meaning not in named
    assert "(2 uses)" in named


def test_what_sessions_remember_is_no_missing_meaning() -> None:
    engine = engine_from_text(REMEMBERED)
    assert_denies(engine, ToolCall.of("fs.read", "/a"), by="default")


@pytest.mark.parametrize(
    "line",
    [
        'ask a: exec any via people because "x"\napproval people { quorum 1 }',
        "approval people { quorum 1 }",
        "allow a: exec any log info",
        "allow a: exec any redact exec.env",
        "telemetry { level info }",
        "sandbox { memory 1GB }",
    ],
)
def test_no_use_of_a_missing_meaning_slips_through(line: str) -> None:
    with pytest.raises(PolicyError) as caught:
        engine_from_text(f'policy p version "1"\n{line}\n')
    assert set(codes(caught.value)) == {"AP501"}


def test_tests_and_proofs_may_speak_of_meanings_to_come() -> None:
    text = 'policy p version "1"\n'
    with pytest.raises(PolicyError):
        engine_from_text(text + "approval people { quorum 1 }\n")
    engine_from_text(text + 'test "t" { approve "ana" }\n')
