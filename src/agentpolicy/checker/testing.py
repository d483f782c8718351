"""Finds policy files and runs the tests and proofs in them."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator

from agentpolicy.checker.coverage import Coverage
from agentpolicy.checker.results import FileReport, Finding, ProofReport, TestResult
from agentpolicy.checker.runner import Runner
from agentpolicy.language import tree as t
from agentpolicy.language.checked import Place
from agentpolicy.language.load import Reader, check_program
from agentpolicy.language.parser import parse, read_source
from agentpolicy.language.source import Diagnostic, PolicyError, Source

__all__ = [
    "FileReport",
    "ProofReport",
    "TestResult",
    "has_checks",
    "open_file",
    "policy_files",
    "run_file",
    "run_paths",
]

# --- files ------------------------------------------------------------------------


def policy_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """The files that paths mean: a file is itself, a directory every ``.agp`` file in it, hidden ones left out.

    Each file comes once, in the order of its name.
    """
    seen: set[str] = set()
    for path in [os.fspath(one) for one in paths]:
        for name in _inside(path) if os.path.isdir(path) else (path,):
            key = os.path.realpath(name)
            if key not in seen:
                seen.add(key)
                yield name


def _inside(directory: str) -> Iterator[str]:
    for here, inner, names in os.walk(directory):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (os.path.join(here, name) for name in sorted(names) if name.endswith(".agp"))


def run_paths(
    paths: Iterable[str | os.PathLike[str]],
    *,
    pattern: str | None = None,
    coverage: Coverage | None = None,
    read: Reader = read_source,
) -> tuple[FileReport, ...]:
    """Run everything that the files under some paths hold. See ``run_file``."""
    return tuple(run_file(path, pattern=pattern, coverage=coverage, read=read) for path in policy_files(paths))


def has_checks(path: str, *, read: Reader = read_source) -> bool:
    """Whether a file holds tests or proofs; true where it cannot be read, so that this does not go unseen."""
    try:
        source, _ = read(path)
        return any(isinstance(item, t.Test | t.Prove) for item in parse(source).items)
    except PolicyError:
        return True


def run_file(
    path: str, *, pattern: str | None = None, coverage: Coverage | None = None, read: Reader = read_source
) -> FileReport:
    """Run the tests and proofs of one file.

    Args:
        path: the policy file.
        pattern: only those whose title holds this text (any case), or matches it as a glob.
        coverage: is told of every rule that the tests reach.
        read: how files are read.

    Nothing is raised: what is wrong with the file stands in the report.
    """
    try:
        source, _ = read(path)
        checks = [one for one in parse(source).items if isinstance(one, t.Test | t.Prove)]
    except PolicyError as error:
        return FileReport(path, diagnostics=error.diagnostics)
    if not checks:
        return FileReport(path)
    opened = open_file(path, coverage=coverage, read=read)
    if not isinstance(opened, Runner):
        titles = [one.title for one in checks if isinstance(one, t.Test)]
        tests = tuple(_cannot_run(source, title) for title in titles if _chosen(title.value, pattern))
        return FileReport(path, tests=tests, diagnostics=opened)
    results = [opened.run(at) for at, title in enumerate(opened.titles) if _chosen(title, pattern)]
    return FileReport(
        path,
        tuple(one for one in results if isinstance(one, TestResult)),
        tuple(one for one in results if isinstance(one, ProofReport)),
    )


def open_file(
    path: str, *, coverage: Coverage | None = None, read: Reader = read_source
) -> Runner | tuple[Diagnostic, ...]:
    """What runs the tests and proofs of a file; where the policy has errors, those."""
    program, findings = check_program([path], read)
    errors = tuple(one for one in findings.all if one.severity == "error" and not one.code.startswith("AP6"))
    if program is None or errors:
        return errors or findings.all
    if coverage is not None:
        coverage.begin(program)
    return Runner(program, program.layers[-1], coverage)


def _chosen(title: str, pattern: str | None) -> bool:
    if not pattern:
        return True
    folded, wanted = title.casefold(), pattern.casefold()
    return wanted in folded or fnmatch.fnmatchcase(folded, wanted)


def _cannot_run(source: Source, title: t.Text) -> TestResult:
    diagnostic = Diagnostic("AP705", "cannot run: the policy has errors", source, title.span)
    return TestResult(title.value, Place(source, title.span), "error", (Finding(diagnostic),))
