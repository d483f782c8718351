"""What the documents show is true: their Python runs, their policies check."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from agentpolicy.checker.testing import run_file
from agentpolicy.language.load import check_program
from agentpolicy.language.parser import missing_file, source_of
from agentpolicy.language.render import render_all
from agentpolicy.language.source import Source

ROOT = Path(__file__).parent.parent
POLICIES = ("README.md", "docs/language.md", "docs/api.md", "docs/cli.md")
CODE = ("README.md", "docs/api.md")
LINKED = (*POLICIES, "ARCHITECTURE.md", "docs/README.md", "docs/errors/README.md")
_FENCE = re.compile(r"^```(agp|python)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Fence(NamedTuple):
    """One fenced block: ``file`` is the name under which later blocks find it."""

    kind: str
    file: str | None
    text: str
    line: int


def fences(document: str, kind: str) -> list[Fence]:
    text = (ROOT / document).read_text(encoding="utf-8")
    found: list[Fence] = []
    for one in _FENCE.finditer(text):
        word, rest, body = one.groups()
        name = re.search(r"file=(\S+)", rest)
        if word == kind:
            found.append(Fence(word, name.group(1) if name else None, body, text.count("\n", 0, one.start()) + 1))
    return found


def policies() -> list[object]:
    return [
        pytest.param(document, fence, id=f"{document}:{fence.line}")
        for document in POLICIES
        for fence in fences(document, "agp")
    ]


@pytest.mark.parametrize(("document", "fence"), policies())
def test_a_policy_in_a_document_checks_and_passes_its_own_tests(document: str, fence: Fence) -> None:
    name = fence.file or "here.agp"
    texts = {one.file: one.text for one in fences(document, "agp") if one.file} | {name: fence.text}
    known = {str(Path(path).resolve()): text for path, text in texts.items()}

    def read(path: str) -> tuple[Source, str]:
        text = known.get(str(Path(path).resolve()))
        if text is None:
            raise missing_file(path)
        return source_of(path, text), hashlib.sha256(text.encode()).hexdigest()

    _, findings = check_program([name], read)
    assert not findings.all, render_all(findings.all)
    report = run_file(name, read=read)
    assert report.passed, [found.text() for result in report.results for found in result.findings]


@pytest.mark.parametrize("document", CODE)
def test_the_python_of_a_document_runs(document: str, tmp_path: Path) -> None:
    """All blocks of a document run one after the other, in a directory that holds the policies it shows."""
    for fence in fences(document, "agp"):
        if fence.file:
            path = tmp_path / fence.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fence.text, encoding="utf-8")
    blocks = fences(document, "python")
    assert blocks
    (tmp_path / "document.py").write_text("\n".join(one.text for one in blocks), encoding="utf-8")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "src"),
        "AGENTPOLICY_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "document.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", LINKED)
def test_what_a_document_links_to_is_there(document: str) -> None:
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{document} links to {target}"


def test_the_architecture_names_every_room_and_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "agentpolicy"
    for floor in ("language", "effects", "compiler", "stores", "engine", "checker", "cli"):
        section = text.partition(f"\n### {floor}/")[2].partition("\n#")[0]
        rooms = {
            str(path.relative_to(package / floor))
            for path in (package / floor).rglob("*.py")
            if path.name != "__init__.py"
        }
        rows = [row for row in section.splitlines() if row.startswith("| `")]
        assert {name for row in rows for name in re.findall(r"`([\w/]+\.py)`", row.split("|")[1])} == rooms, floor
