"""How the tests run: Hypothesis profiles, servers, and which tests may be skipped where."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
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


def _free_port() -> int:
    """A port below those that clients get, so that none of them is there when a server starts again."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class Server:
    """A Redis server of the test's own."""

    def __init__(self, place: Path, *settings: str) -> None:
        self.place = place
        self.settings = settings or ("--appendonly", "no")
        self.port = _free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *self.settings]
        self.process = subprocess.Popen(
            [*command, "--dir", str(self.place), "--loglevel", "warning"], stdout=subprocess.DEVNULL
        )
        with redis.Redis(port=self.port, socket_timeout=5) as client:
            for _ in range(500):
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    return
                time.sleep(0.01)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def client(self, **settings: Any) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5, **settings)


@pytest.fixture(scope="session")
def start_server() -> Callable[..., Server]:
    """Starts a Redis server, given its directory and its settings; skips where there is none."""

    def start(place: Path, *settings: str) -> Server:
        if shutil.which("redis-server") is None:
            pytest.skip("needs redis-server")
        return Server(place, *settings)

    return start


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
