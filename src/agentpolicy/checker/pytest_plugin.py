"""Collects the tests and proofs inside ``*.agp`` files for pytest.

Nothing of agentpolicy is imported before such a file is met.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agentpolicy.checker.testing import Outcome


def pytest_addoption(parser: pytest.Parser) -> None:
    """``agentpolicy_files``: which policy files are collected."""
    parser.addini("agentpolicy_files", "glob patterns of policy files to collect", type="args", default=["*.agp"])


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> PolicyFile | None:
    """A policy file, if it is wanted."""
    if file_path.suffix != ".agp":
        return None
    wanted = parent.config.getini("agentpolicy_files")
    if not any(file_path.match(pattern) for pattern in wanted):
        return None
    collected: PolicyFile = PolicyFile.from_parent(parent, path=file_path)
    return collected


class PolicyFile(pytest.File):
    """One policy file: an item for each test and proof, or one that fails where the file is broken."""

    def collect(self) -> Iterator[PolicyItem]:
        """Run the file once; each item tells how its part ended."""
        from agentpolicy.checker.testing import run_file

        report = run_file(str(self.path))
        if report.broken:
            yield PolicyItem.from_parent(self, name="the file loads", diagnostics=report.broken)
        for outcome in report.outcomes:
            yield PolicyItem.from_parent(self, name=outcome.title, outcome=outcome)


class PolicyItem(pytest.Item):
    """One test or proof."""

    def __init__(self, *, outcome: Outcome | None = None, diagnostics: tuple[Any, ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._diagnostics = diagnostics if outcome is None else outcome.diagnostics
        self._line = 0 if outcome is None else outcome.place.line - 1

    def runtest(self) -> None:
        """Fail with what was found."""
        if self._diagnostics:
            from agentpolicy.language.source import PolicyError

            raise PolicyError(self._diagnostics)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The rendered diagnostics, without a traceback."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test stands."""
        return self.path, self._line, self.name
