"""Every code that the sources can emit has a page in docs/errors, and what the page shows is what really happens.

``python tests/test_error_pages.py`` brings the shown messages of all pages up to date.
"""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from agentpolicy.checker.testing import run_file
from agentpolicy.compiler.bind import bind_params
from agentpolicy.compiler.compile import refuse_unready
from agentpolicy.language.load import check_program
from agentpolicy.language.parser import missing_file, source_of
from agentpolicy.language.render import render
from agentpolicy.language.source import Diagnostic, PolicyError, Source

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "errors"
_CODE = re.compile(r"\bAP[0-9]{3}\b")
_FENCE = re.compile(r"^```agp (bad|good|file=\S+)([^\n]*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"(^```agp bad[^\n]*\n.*?^```\n\n```text\n)(.*?)(^```\n)", re.MULTILINE | re.DOTALL)


class Example(NamedTuple):
    """One policy of a page: ``params`` are given where the page names them."""

    kind: str
    text: str
    params: dict[str, object] | None


class Page(NamedTuple):
    """What one page shows."""

    code: str
    text: str
    examples: tuple[Example, ...]
    files: dict[str, str]


def emitted_codes() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "src" / "agentpolicy").rglob("*.py"):
        found.update(_CODE.findall(path.read_text(encoding="utf-8")))
    return found


def page_paths() -> list[Path]:
    return sorted(PAGES.glob("AP*.md"))


def read_page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    examples: list[Example] = []
    files: dict[str, str] = {}
    for found in _FENCE.finditer(text):
        word, rest, body = found.groups()
        if word.startswith("file="):
            files[word.removeprefix("file=")] = body
            continue
        given = rest.strip().removeprefix("params=")
        examples.append(Example(word, body, ast.literal_eval(given) if given else None))
    return Page(path.stem, text, tuple(examples), files)


def findings(example: Example, files: dict[str, str]) -> tuple[Diagnostic, ...]:
    """Everything that checking an example, loading it, and running its tests and proofs finds."""
    known = {str(Path(name).resolve()): text for name, text in {**files, "policy.agp": example.text}.items()}

    def read(name: str) -> tuple[Source, str]:
        text = known.get(str(Path(name).resolve()))
        if text is None:
            raise missing_file(name)
        return source_of(name, text), hashlib.sha256(text.encode()).hexdigest()

    program, found = check_program(["policy.agp"], read)
    if program is None or any(one.severity == "error" for one in found.all):
        return found.all
    try:
        refuse_unready(program)
        if example.params is not None:
            bind_params(program, example.params)
    except PolicyError as error:
        return (*found.all, *error.diagnostics)
    ran = run_file("policy.agp", read=read)
    failed = [one.diagnostic for result in ran.results for one in result.findings]
    return (*found.all, *ran.diagnostics, *failed)


def rewritten(page: Page) -> str:
    """The page's text with the messages that its bad examples give now."""
    texts = iter(
        [
            "".join(f"{render(one)}\n" for one in findings(example, page.files) if one.code == page.code).rstrip()
            + "\n"
            for example in page.examples
            if example.kind == "bad"
        ]
    )
    return _SHOWN.sub(lambda found: found.group(1) + next(texts) + found.group(3), page.text)


def test_every_code_has_a_page_and_no_page_is_without_a_code() -> None:
    codes, pages = emitted_codes(), {path.stem for path in page_paths()}
    assert codes - pages == set(), "codes without a page"
    assert pages - codes == set(), "pages without a code"


def test_the_index_links_every_page_once() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\]\((AP[0-9]{3})\.md\)", index)) == [path.stem for path in page_paths()]


@pytest.mark.parametrize("path", page_paths(), ids=lambda path: path.stem)
def test_a_page_opens_with_its_code_and_says_why(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.stem}: ")
    assert "\n## Why\n" in text
    assert "```text\n" in text, "a page shows what is printed"


@pytest.mark.parametrize("path", page_paths(), ids=lambda path: path.stem)
def test_the_examples_of_a_page_do_what_it_says(path: Path) -> None:
    page = read_page(path)
    for example in page.examples:
        codes = {one.code for one in findings(example, page.files)}
        if example.kind == "bad":
            assert page.code in codes, f"the bad example gives {codes or 'nothing'}"
        else:
            # What the engine lacks is told of good examples too: they are good for other reasons.
            assert not codes - {"AP501"}, f"the good example gives {codes}"
            assert page.code not in codes


@pytest.mark.parametrize("path", page_paths(), ids=lambda path: path.stem)
def test_the_messages_that_a_page_shows_are_those_that_are_printed(path: Path) -> None:
    page = read_page(path)
    assert rewritten(page) == page.text, "bring the pages up to date: python tests/test_error_pages.py"


if __name__ == "__main__":
    for each in page_paths():
        each.write_text(rewritten(read_page(each)), encoding="utf-8")
