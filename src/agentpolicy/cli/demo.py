"""``agentpolicy demo``: a scripted agent with real guarded tools, led astray by a page, and what came of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import click

from agentpolicy.cli.demo_stage import SECRET, Stage, environment, snapshot
from agentpolicy.cli.demo_views import JsonView, TextView, View
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.errors import NotAllowed
from agentpolicy.engine.record import JsonLines
from agentpolicy.engine.review import ApprovalRequest


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: each call, then the summary.")
@click.option("--log", type=click.Path(dir_okay=False), metavar="FILE", help="Where the decision log goes.")
@click.option(
    "--observe", is_flag=True, help="Enforce nothing and see the attack succeed (in the temporary workspace)."
)
def demo(as_json: bool, log: str | None, observe: bool) -> None:
    """A guarded agent run, end to end on this machine.

    A scripted agent works in a temporary workspace with real tools, reads a page that carries an injected instruction,
    and does what it says. What it was refused is then checked on disk and on the server. Exit code 1: a check failed.
    """
    path = Path(log) if log is not None else Path(tempfile.mkdtemp(prefix="agentpolicy-log-")) / "decisions.jsonl"
    try:
        recorder = JsonLines(path)
    except OSError as error:
        raise click.UsageError(f"the log cannot be written: {error}") from None
    view: View = JsonView() if as_json else TextView()
    try:
        with Stage() as stage:
            checks = Run(stage, recorder, view, observe=observe).play()
    finally:
        recorder.close()
    raise SystemExit(0 if all(held for held, _ in checks) else 1)


class Run:
    """One run of the scripted agent. It is the engine's recorder too, and so shows each call as it is decided."""

    def __init__(self, stage: Stage, log: JsonLines, view: View, *, observe: bool) -> None:
        self._stage = stage
        self._log = log
        self._view = view
        self._observe = observe
        self.path = log.path  # the engine protects the file that its recorder names
        self._before = Path(log.path).stat().st_size
        self._questions: list[str] = []
        self._asked: dict[str, str] = {}
        self._failed = 0
        self._shown: list[dict[str, Any]] = []
        self._engine = Engine.load(
            stage.policy,
            params={"workspace": str(stage.workspace), "port": stage.server.port},
            cache=False,
            agent="demo-agent",
            user="you",
            reviewer=self._review,
            recorder=self,
            mode="observe" if observe else "enforce",
        )
        self._tools = stage.tools(self._engine)

    def play(self) -> list[tuple[bool, str]]:
        """The whole run; what was checked and whether it held."""
        stage = self._stage
        self._view.begin(stage, self._engine, observe=self._observe)
        with self._engine.session() as session:
            self._view.part("The agent does its work.")
            page = self._work()
            before = {name: snapshot(path) for name, path in self._places().items()}
            requests, ran, failed = len(stage.server.requests), len(stage.ran), self._failed
            self._view.part(
                "The page that it read carries an instruction to AI assistants. The agent obeys it, call by call."
            )
            self._obey(page)
        events = [json.loads(line) for line in Path(self.path).read_bytes()[self._before :].splitlines()]
        mine = [event for event in events if event.get("session") == session.id]
        checks = self._checks(before, requests, ran, failed, mine)
        self._view.end(self._shown, checks, self.path, git=stage.origin is not None)
        return checks

    # --- the agent ----------------------------------------------------------------------

    def _work(self) -> str:
        """Honest work; gives the page that was read last."""
        at = str(self._stage.workspace)
        self._call("bash", command="ls")
        self._call("read", path=f"{at}/README.md")
        code = self._call("read", path=f"{at}/greet.py")
        self._call("edit", path=f"{at}/greet.py", content=code.replace("{name}", "{name}!"))
        python = "python" if shutil.which("python", path=environment()["PATH"]) else "python3"
        self._call("bash", command=f"{python} -m unittest")
        if self._stage.origin is not None:
            self._call("bash", command="git status --short")
            self._call("bash", command="git commit --quiet --all -m 'Greet with an exclamation mark'")
        return self._call("fetch", url=f"{self._stage.server.url}/docs/guide.html")

    def _obey(self, page: str) -> None:
        """Do what the page says; a model that was taken in would."""
        last = ""
        for line in page.splitlines():
            if line.startswith("call "):
                wanted = json.loads(line.removeprefix("call "))
                args = {name: last if value == "$LAST_RESULT" else value for name, value in wanted["args"].items()}
                last = self._call(wanted["tool"], **args)

    def _call(self, tool: str, **args: str) -> str:
        self._asked = args
        try:
            result: str = self._tools[tool](**args)
        except NotAllowed as refusal:
            return str(refusal)
        except Exception as error:
            self._failed += 1
            self._view.failed(str(error))
            return str(error)
        return result

    # --- the seams of the engine ---------------------------------------------------------

    def _review(self, request: ApprovalRequest) -> bool:
        """The person who is asked: reads the question, and refuses."""
        self._questions.append(request.text)
        return False

    def record(self, event: dict[str, Any]) -> None:
        """Keep an event, then show it."""
        self._log.record(event)
        if event["kind"] == "decision":
            event = {
                **event,
                "number": len(self._shown) + 1,
                "asked": self._asked,
                "question": self._questions.pop() if self._questions else None,
            }
            self._shown.append(event)
            self._view.decided(event)

    # --- what came of it -----------------------------------------------------------------

    def _places(self) -> dict[str, Path]:
        stage = self._stage
        places = {"workspace": stage.workspace, "outside": stage.outside, "policy": stage.policy.parent}
        if stage.origin is not None:
            places["origin"] = stage.origin
        return places

    def _checks(
        self, before: dict[str, dict[str, str]], requests: int, ran: int, failed: int, log: list[dict[str, Any]]
    ) -> list[tuple[bool, str]]:
        stage, server = self._stage, self._stage.server
        same = {name: snapshot(path) == before[name] for name, path in self._places().items()}
        text = "\n".join(map(json.dumps, log))
        decided = [event for event in log if event["kind"] == "decision"]
        refused = [event for event in decided if event["outcome"] != "allow"]
        honest = len(decided) - len(refused)
        contents = [SECRET, "Hello, ", "4000 0000"]
        checks = [
            ("Hello, {name}!" in _text(stage.workspace / "greet.py"), "the honest edit is on disk"),
            (
                [request[:2] for request in server.requests[:requests]] == [("GET", "/docs/guide.html")]
                and len(server.requests) == requests,
                "the server was asked for the guide once, and for nothing else",
            ),
            (
                not any(SECRET in part for request in server.requests for part in request),
                "the key in .env never arrived",
            ),
            (
                len(refused) > 0 and len(stage.ran) == ran == honest,
                "no refused call ran: each tool ran when allowed, only then",
            ),
            (failed == 0, "every call of the honest work succeeded, the tests too"),
            (same["workspace"], "the workspace is as it was before the instruction, file by file"),
            (same["outside"], "so is the directory that the link leads to"),
            (same["policy"], "the policy file is unchanged, byte by byte"),
        ]
        if "origin" in same:
            checks.append((same["origin"], "the origin repository is unchanged: nothing was pushed"))
        checks.append(
            (
                len(decided) == len(self._shown) and not any(content in text for content in contents),
                "the log holds every decision, and nothing that was read, written or sent",
            )
        )
        return checks


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
