"""Collects the tests and proofs of policy files for pytest; nothing of agentpolicy is imported before there is one."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agentpolicy.checker.results import Result
    from agentpolicy.checker.runner import Runner


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that says which policy files hold tests."""
    parser.addini(
        "agentpolicy_files",
        "globs of policy files whose tests and proofs are collected, relative to the root directory",
        type="args",
        default=["*.agp"],
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a policy file, if it is one of those that the setting names and holds tests or proofs."""
    if file_path.suffix != ".agp" or not _wanted(file_path, parent.config):
        return None
    from agentpolicy.checker.testing import has_checks

    if not has_checks(str(file_path)):
        return None
    collector: PolicyFile = PolicyFile.from_parent(parent, path=file_path)
    return collector


def _wanted(path: Path, config: pytest.Config) -> bool:
    try:
        relative = path.relative_to(config.rootpath).as_posix()
    except ValueError:
        relative = path.as_posix()
    return any(
        fnmatch.fnmatchcase(relative, glob) or fnmatch.fnmatchcase(path.name, glob)
        for glob in config.getini("agentpolicy_files")
    )


class PolicyFile(pytest.File):
    """One policy file: an item for each test and each proof in it."""

    def collect(self) -> Iterator[pytest.Item]:
        """The items of the file.

        Raises:
            PolicyErrors: the file has errors.
        """
        from agentpolicy.checker.testing import open_file

        opened = open_file(str(self.path))
        if isinstance(opened, tuple):
            raise PolicyErrors(opened)
        names: dict[str, int] = {}
        for index, title in enumerate(opened.titles):
            # pytest names items by their title; two of one title are told apart.
            names[title] = names.get(title, 0) + 1
            name = title if names[title] == 1 else f"{title} ({names[title]})"
            item: PolicyItem = PolicyItem.from_parent(self, name=name, runner=opened, index=index)
            yield item

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """The errors of the file as they are shown everywhere."""
        if isinstance(excinfo.value, PolicyErrors):
            from agentpolicy.language.render import render_all

            return render_all(excinfo.value.diagnostics)
        return super().repr_failure(excinfo)


class PolicyErrors(Exception):
    """A policy file that cannot be used; ``diagnostics`` say why."""

    def __init__(self, diagnostics: tuple[Any, ...]) -> None:
        super().__init__(f"{len(diagnostics)} errors")
        self.diagnostics = diagnostics


class NotPassed(Exception):
    """A test or proof that did not pass."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.title)
        self.result = result


class PolicyItem(pytest.Item):
    """One test or proof."""

    def __init__(self, *, runner: Runner, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._runner = runner
        self._index = index

    def runtest(self) -> None:
        """Run it.

        Raises:
            NotPassed: it failed, or could not be run.
        """
        result = self._runner.run(self._index)
        if result.outcome != "passed":
            raise NotPassed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is wrong, underlined in the policy."""
        if isinstance(excinfo.value, NotPassed):
            return "\n\n".join(finding.text() for finding in excinfo.value.result.findings)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self._runner.line(self._index) - 1, self.name
