"""How the tests run: Hypothesis profiles, and which tests may be skipped where."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("quick"), max_examples=5000)
settings.load_profile(os.environ.get("AGENTPOLICY_TESTS", "quick"))

#: Reasons for which a test may be skipped where everything should run. Any other skip there is a failure.
EXPECTED_SKIPS = (
    "needs a user whom a directory can refuse",  # the checks run as root in containers
    "needs the conformance data",  # lies beside the project, not in it
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the cache of whoever runs it."""
    cache: Path = tmp_path_factory.getbasetemp() / "policy-cache"
    monkeypatch.setenv("AGENTPOLICY_CACHE", str(cache))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell of skips that are not expected."""
    for text in _unexpected(terminalreporter):
        terminalreporter.write_line(f"unexpected skip: {text}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip that nobody expects fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and isinstance(reporter, pytest.TerminalReporter) and _unexpected(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _unexpected(reporter: pytest.TerminalReporter) -> list[str]:
    found = []
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not any(expected in reason for expected in EXPECTED_SKIPS):
            found.append(f"{report.nodeid}: {reason}")
    return found
