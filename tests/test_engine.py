"""What an engine answers, and that everything that goes wrong in answering is a deny with its reason."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from agentpolicy import (
    Agent,
    ApprovalRequest,
    ApprovalRequired,
    Denied,
    Engine,
    FactError,
    Policy,
    PolicyError,
    ToolCall,
    User,
)
from agentpolicy.compiler.runtime import LayerRuntime
from agentpolicy.testing import (
    FakeClock,
    FakeReviewer,
    MemoryRecorder,
    assert_allows,
    assert_asks,
    assert_denies,
    engine_from_text,
    memory_host,
)

POLICY = """policy p version "1" language 1
param workspace: path
default deny because "nothing allows this"
tool bash(command: shell, cwd: path = "${workspace}") does only exec command in cwd
tool edit(path: path, content: text = "") does only fs.write path
tool both(path: path) does fs.read path
tool send(to: text, body: text? )
tool many(paths: [path], into: path) does fs.read paths, fs.write into
tool call(url: url, method: text = "GET") does only net url
tool run_code(code: code) does only exec code
allow write: fs.write "${workspace}/**" except "${workspace}/keep/**"
allow read: fs.read "${workspace}/**", "/usr/**"
allow status: exec "git status **"
ask push: exec "git push **" because "a push leaves this machine"
ask main: exec "git push ** main" because "main is shared"
deny force: exec "git push **" when flags has any ["-f", "--force"] because "history is not yours"
allow get: net.get "a.example"
ask post: net.post "a.example" because "it leaves"
deny big: tool edit when arg.content like "*secret*" because "no secrets"
allow send: tool send when to == "ana"
allow code: exec any when opaque and program == "run_code"
"""


def engine(text: str = POLICY, **options: Any) -> Engine:
    return engine_from_text(text, params={"workspace": "/w"} if "param workspace" in text else {}, **options)


def bash(command: str, **args: Any) -> ToolCall:
    return ToolCall("bash", {"command": command, **args})


def test_the_strictest_rule_wins_and_the_first_in_file_order_is_reported() -> None:
    e = engine()
    assert_allows(e, bash("git status"), by="status")
    decision = assert_asks(e, bash("git push origin main"), by="push")
    assert [one.rule for one in decision.asks] == ["push", "main"]
    assert_denies(e, bash("git push -f origin main"), by="force")
    assert_denies(e, bash("ls"), by="default")


def test_a_decision_says_everything_the_contract_wants() -> None:
    told = engine().decide(bash("git push origin main")).as_json()
    assert list(told) == ["outcome", "rule", "reason", "layer", "effects", "approvals", "digest", "policy"]
    assert told["layer"] == "p"
    assert told["effects"] == [
        {
            "action": "exec", "program": "git", "argv": ["git", "push", "origin", "main"], "cwd": "/w", "flags": [],
            "env": {}, "elevated": False, "opaque": False, "outcome": "ask", "rule": "push",
        }
    ]  # fmt: skip
    assert [one["rule"] for one in told["approvals"]] == ["push", "main"]
    assert told["digest"].startswith("sha256:")
    assert told["policy"].startswith("sha256:")


def test_the_digest_changes_with_every_part_of_a_call() -> None:
    e = engine()
    calls = [
        bash("git status"),
        bash("git status -s"),
        bash("git status", cwd="/w/a"),
        ToolCall("bash", {"command": "git status"}, cwd="/w"),
        ToolCall("bash", {"command": "git status"}, env={"X": "1"}),
    ]
    digests = {e.decide(call).digest for call in calls} | {e.decide(calls[0], e.session(agent="a")).digest}
    assert len(digests) == len(calls) + 1
    assert e.decide(bash("git status")).digest == e.decide(bash("git status")).digest


@pytest.mark.parametrize(
    ("call", "rule", "reason"),
    [
        (ToolCall("nope", {}), "builtin:unknown-tool", "nobody declares the tool `nope`"),
        (ToolCall("edit", {}), "builtin:missing-argument", "needs the argument `path`"),
        (ToolCall("edit", {"path": None}), "builtin:missing-argument", "path"),
        (ToolCall("edit", {"path": "/w/a", "mode": 1}), "builtin:undeclared-argument", "mode"),
        (ToolCall("edit", {"path": 3}), "builtin:wrong-type", "a path"),
        (ToolCall("edit", {"path": "/w/\x00"}), "builtin:bad-text", "NUL"),
        (ToolCall("edit", {"path": "/w/\ud800"}), "builtin:bad-text", "surrogate"),
        (ToolCall("send", {"to": "ana", "body": object()}), "builtin:wrong-type", "text"),
        (ToolCall("send", {"to": "ana", 3: "x"}), "builtin:undeclared-argument", "name is not text"),  # type: ignore[dict-item]
        (ToolCall("call", {"url": "https://a.example/", "method": "BREW"}), "builtin:bad-method", "BREW"),
        (ToolCall.of("fs.burn", "/w"), "builtin:unknown-action", "fs.burn"),
        (ToolCall.of("fs.read", 3), "builtin:wrong-type", "target"),  # type: ignore[arg-type]
        (ToolCall("bash", {"command": "git status"}, cwd="rel"), "builtin:bad-directory", "not absolute"),
        (ToolCall("bash", [1]), "builtin:not-json", "not a map"),  # type: ignore[arg-type]
        (ToolCall(3), "builtin:unknown-tool", ""),  # type: ignore[arg-type]
    ],
)
def test_a_bad_call_is_denied_with_its_reason(call: ToolCall, rule: str, reason: str) -> None:
    decision = engine().decide(call)
    assert decision.outcome == "deny"
    assert reason in (decision.reason or "")
    assert decision.rule == rule or decision.rule.startswith("builtin:")
    assert decision.digest.startswith("sha256:")
    assert decision.as_json()["outcome"] == "deny"


def test_hostile_calls_are_answered_in_full() -> None:
    nested: dict[str, Any] = {}
    inner = nested
    for _ in range(20_000):
        inner["a"] = inner = {}
    calls: list[Any] = [
        ToolCall("edit", {"path": "/w/a", "content": nested}),
        ToolCall("nope", nested),
        ToolCall("send", {"to": "ana", "body": {1: 2, "a": object()}}),
        ToolCall.of("fs.read", nested),  # type: ignore[arg-type]
        ToolCall("bash", {"command": "x" * 3_000_000}),
        None,
        "git status",
    ]
    for call in calls:
        decision = engine().decide(call)
        assert decision.outcome == "deny"
        assert decision.as_json()["digest"].startswith("sha256:")


def test_large_numbers_tell_calls_apart() -> None:
    e = engine('policy p version "1"\ntool pay(amount: number)\nask a: tool pay because "x"\n')
    first, second = (e.decide(ToolCall("pay", {"amount": 2**80 + at})) for at in range(2))
    assert first.outcome == second.outcome == "ask"
    assert first.digest != second.digest


def test_path_objects_tell_calls_apart() -> None:
    e = engine('policy p version "1"\ntool open_it(path: path)\nask a: tool open_it because "x"\n')
    first, second = (e.decide(ToolCall("open_it", {"path": Path(f"/w/{at}")})) for at in range(2))
    assert first.outcome == second.outcome == "ask"
    assert first.digest != second.digest


def test_every_effect_of_a_call_must_be_allowed() -> None:
    e = engine()
    assert_denies(e, ToolCall("many", {"paths": ["/w/a", "/etc/x"], "into": "/w/b"}), by="default")
    # A plain `does` leaves the tool itself to be allowed too.
    decision = assert_denies(e, ToolCall("both", {"path": "/w/a"}), by="default")
    assert [one.outcome for one in decision.verdicts] == ["allow", "deny"]


def test_ask_and_deny_rules_still_judge_a_tool_that_its_effects_answer_for() -> None:
    e = engine()
    assert_allows(e, ToolCall("edit", {"path": "/w/a", "content": "hello"}), by="write")
    assert_denies(e, ToolCall("edit", {"path": "/w/a", "content": "a secret"}), by="big")


def test_the_kind_of_an_address_comes_from_the_method() -> None:
    e = engine()
    assert_allows(e, ToolCall("call", {"url": "https://a.example/x"}), by="get")
    assert_asks(e, ToolCall("call", {"url": "https://a.example/x", "method": "post"}), by="post")
    assert_denies(e, ToolCall("call", {"url": "https://a.example/x", "method": "DELETE"}), by="default")


def test_an_opaque_effect_is_allowed_only_by_a_rule_that_says_opaque() -> None:
    e = engine()
    assert_allows(e, ToolCall("run_code", {"code": "print(1)"}), by="code")
    # A deny by default is stricter than the question whether the push rules match what cannot be read.
    assert_denies(e, bash("git $(echo status)"), by="default")
    lax = engine(POLICY + "default allow for exec\n")
    decision = assert_asks(lax, bash("git $(echo status)"), by="push")
    assert "cannot be told whether the rule `push` matches" in (decision.reason or "")


def test_a_file_is_judged_under_both_its_names() -> None:
    host = memory_host(cwd="/w", links={"/w/out": "/etc", "/w/lib": "/usr/lib"})
    e = engine(host=host)
    assert_denies(e, ToolCall.of("fs.read", "/w/out/passwd"), by="default")
    assert_allows(e, ToolCall.of("fs.read", "/w/lib/x"), by="read")
    assert_denies(e, ToolCall.of("fs.write", "/w/lib/x"), by="default")


def test_an_exception_of_an_allow_rule_covers_the_directory_itself() -> None:
    assert_denies(engine(), ToolCall.of("fs.write", "/w/keep"), by="default")
    assert_denies(engine(), ToolCall.of("fs.write", "/w"), by="default")
    assert_allows(engine(), ToolCall.of("fs.read", "/w"), by="read")


def test_elevated_and_changed_environments_need_a_rule_that_reads_them() -> None:
    text = 'policy p version "1"\nallow ls: exec "ls **"\nallow cc: exec "cc **" when env has only ["CC_X"]\ndefault allow for fs\n'
    e = engine(text)
    assert_allows(e, ToolCall.of("exec", ["ls"]), by="ls")
    assert_allows(e, ToolCall("", {}, env={"LANG": "C"}).of("exec", ["ls"], env={"LANG": "C"}), by="ls")
    assert_denies(e, ToolCall.of("exec", ["ls"], env={"LD_PRELOAD": "/x"}), by="default")
    assert_allows(e, ToolCall.of("exec", ["cc"], env={"CC_X": "1"}), by="cc")
    assert_denies(e, ToolCall.of("exec", ["sudo", "ls"]), by="default")


def test_an_elevated_command_is_not_allowed_by_a_default() -> None:
    e = engine('policy p version "1"\ndefault allow\n')
    assert_allows(e, ToolCall.of("exec", ["ls"]), by="default")
    decision = assert_denies(e, ToolCall.of("exec", ["ls"], env={"PATH": "/x"}), by="default")
    assert "elevated" in (decision.reason or "")


FACTS = """policy p version "1"
fact branch: text
fact n: number = 1
fact note: text?
allow ok: exec "ls **"
allow up: exec "up **" when branch == "main"
deny late: exec "late **" when branch == "main" because "x"
deny hard: exec "hard **" because "never"
allow hard2: exec "hard **" when branch == "main"
ask maybe: exec "maybe **" when note == "x" because "noted"
allow maybe2: exec "maybe **"
"""


def test_a_missing_fact_denies_the_calls_that_a_rule_reading_it_concerns() -> None:
    e = engine(FACTS)
    assert_allows(e, ToolCall.of("exec", ["ls"]), by="ok")
    for program in ("up", "late"):
        decision = assert_denies(e, ToolCall.of("exec", [program]), by="builtin:missing-fact")
        assert "`branch` was not supplied" in (decision.reason or "")
    assert_denies(e, ToolCall.of("exec", ["hard"]), by="hard")
    assert_allows(e, ToolCall.of("exec", ["up"], facts={"branch": "main"}), by="up")
    assert_denies(e, ToolCall.of("exec", ["up"], facts={"branch": 3}), by="builtin:bad-fact")
    assert_denies(e, ToolCall.of("exec", ["up"], facts={"brnch": "x"}), by="builtin:bad-fact")


def test_an_optional_fact_that_is_absent_is_unknown() -> None:
    e = engine(FACTS, facts={"branch": "main"})
    decision = assert_asks(e, ToolCall.of("exec", ["maybe"]), by="maybe")
    assert "cannot be told" in (decision.reason or "")
    assert_allows(e, ToolCall.of("exec", ["maybe"], facts={"note": "y"}), by="maybe2")


def test_facts_of_the_wrong_name_or_type_are_refused_where_they_are_given() -> None:
    with pytest.raises(FactError, match="declares no fact `x`"):
        engine(FACTS, facts={"x": 1})
    with pytest.raises(FactError, match="is a `number`"):
        engine(FACTS, facts={"n": "1"})
    with pytest.raises(FactError, match="is a `number`"):
        engine(FACTS, facts={"branch": "m"}).session(facts={"n": True})
    with pytest.raises(FactError, match="declares none"):
        engine('policy p version "1"\n', facts={"x": 1})


def test_rules_may_read_who_acts_for_whom_and_when() -> None:
    text = """policy p version "1"
allow ci: exec "a" when agent.role == "ci" and agent.name == "bot"
allow ops: exec "b" when user.groups has "ops" and user.name == "ana"
allow day: exec "c" when time.hour >= 8 and time.hour < 18 and time.weekday != "sun"
allow me: exec "d" when session.id == "s1" and host.os == "linux"
"""
    clock = FakeClock()
    e = engine(text, clock=clock)
    session = e.session(agent=Agent("bot", "ci"), user=User("ana", ["ops"]), id="s1")
    for program in ("a", "b", "d"):
        assert_allows(e, ToolCall.of("exec", [program]), session=session)
        assert_denies(e, ToolCall.of("exec", [program]))
    sunday = 1704024000.0 - 12 * 3600
    assert e.decide(ToolCall.of("exec", ["c"], time=sunday)).outcome == "deny"


def test_layers_answer_each_and_the_strictest_stands() -> None:
    outer = 'policy outer version "1"\ndefault none\ndeny etc: fs.write "/etc/**" because "system"\nask env: fs.read "**/.env" because "secret"\n'
    inner = 'policy inner version "1"\nextends "outer.agp"\ndefault allow\n'
    e = engine_from_text(inner, files={"outer.agp": outer})
    assert_denies(e, ToolCall.of("fs.write", "/etc/x"), by="etc")
    assert e.decide(ToolCall.of("fs.write", "/etc/x")).layer == "outer"
    assert_asks(e, ToolCall.of("fs.read", "/x/.env"), by="env")
    assert_allows(e, ToolCall.of("fs.write", "/x"), by="default")
    silent = engine_from_text('policy s version "1"\ndefault none\n')
    assert_denies(silent, ToolCall.of("fs.write", "/x"), by="default")


def test_undeclared_tools_are_known_only_by_a_rule_that_names_them() -> None:
    e = engine('policy p version "1"\nallow read: tool "srv/get_*"\nallow all: tool any\ndefault allow\n')
    assert_allows(e, ToolCall("srv/get_x", {"id": 1}), by="read")
    assert_denies(e, ToolCall("srv/put_x", {}), by="builtin:unknown-tool")
    assert_denies(e, ToolCall("srv/get_x", {"id": {1, 2}}), by="builtin:not-json")


# --- letting calls go ---------------------------------------------------------------


def test_an_allowed_call_is_recorded_before_it_is_let_go() -> None:
    recorder = MemoryRecorder()
    e = engine(recorder=recorder)
    decision = e.authorize(bash("git status"))
    assert decision.allowed
    (event,) = recorder.events
    assert (event["outcome"], event["rule"], event["released"], event["approved"]) == ("allow", "status", True, False)
    assert event["id"] == decision.id
    assert "args" not in event


def test_a_refused_call_raises_a_text_for_the_agent() -> None:
    recorder = MemoryRecorder()
    with pytest.raises(Denied, match=r"`bash` is not allowed: nothing allows this \(rule default\)") as caught:
        engine(recorder=recorder).authorize(bash("ls"))
    assert caught.value.decision.outcome == "deny"
    assert recorder.events[0]["released"] is False


def test_a_question_without_a_reviewer_needs_approval() -> None:
    with pytest.raises(ApprovalRequired, match="needs a person's approval"):
        engine().authorize(bash("git push"))
    with pytest.raises(ApprovalRequired):
        asyncio.run(engine().aauthorize(bash("git push")))


def test_a_reviewer_approves_or_refuses() -> None:
    recorder = MemoryRecorder()
    yes = FakeReviewer()
    assert engine(reviewer=yes, recorder=recorder).authorize(bash("git push origin main")).outcome == "ask"
    assert yes.requests[0].rules == ("push", "main")
    assert "git push origin main" in yes.requests[0].text
    assert recorder.events[-1]["approved"] is True
    with pytest.raises(Denied, match="the reviewer refused"):
        engine(reviewer=FakeReviewer(answer=False)).authorize(bash("git push"))


@pytest.mark.parametrize("answer", ["yes", 1, None, object()])
def test_only_true_approves(answer: Any) -> None:
    with pytest.raises((Denied, ApprovalRequired)):
        engine(reviewer=lambda request: answer).authorize(bash("git push"))


def test_a_reviewer_that_fails_refuses() -> None:
    def broken(request: ApprovalRequest) -> bool:
        raise RuntimeError("gone")

    recorder = MemoryRecorder()
    e = engine(reviewer=broken, recorder=recorder)
    with pytest.raises(Denied, match=r"the reviewer failed \(RuntimeError\)"):
        e.authorize(bash("git push"))
    with pytest.raises(Denied, match="the reviewer failed"):
        asyncio.run(e.aauthorize(bash("git push")))
    assert all(not event["released"] for event in recorder.events)


def test_an_async_reviewer_answers_async_calls_only() -> None:
    async def review(request: ApprovalRequest) -> bool:
        return True

    e = engine(reviewer=review)
    assert asyncio.run(e.aauthorize(bash("git push"))).outcome == "ask"
    with pytest.raises(ApprovalRequired, match="aauthorize"):
        e.authorize(bash("git push"))


def test_an_approval_does_not_outlive_a_change_of_the_call_or_the_policy() -> None:
    call = bash("git push origin a")

    def swap(request: ApprovalRequest) -> bool:
        call.args["command"] = "git push origin b"  # type: ignore[index]
        return True

    with pytest.raises(Denied, match="changed while it was reviewed"):
        engine(reviewer=swap).authorize(call)

    e = engine()

    def tighten(request: ApprovalRequest) -> bool:
        host = memory_host()
        e.swap(
            Policy.from_text(
                'policy q version "1"\ndeny all: exec any because "closed"\n'
                + "\n".join(POLICY.splitlines()[3:4]).replace("${workspace}", "/w"),
                host=host,
            )
        )
        return True

    e.reviewer = tighten
    with pytest.raises(Denied, match="closed"):
        e.authorize(bash("git push"))


def test_what_cannot_be_recorded_does_not_run() -> None:
    recorder = MemoryRecorder()
    recorder.fail = True
    with pytest.raises(Denied, match=r"could not be recorded \(OSError\)"):
        engine(recorder=recorder).authorize(bash("git status"))


def test_observe_mode_lets_everything_run_and_records_the_answer() -> None:
    recorder = MemoryRecorder()
    e = engine(recorder=recorder, mode="observe", reviewer=FakeReviewer(answer=False))
    assert e.authorize(bash("rm -rf /")).outcome == "deny"
    assert asyncio.run(e.aauthorize(bash("git push"))).outcome == "ask"
    assert [(event["mode"], event["outcome"], event["released"]) for event in recorder.events] == [
        ("observe", "deny", True),
        ("observe", "ask", True),
    ]
    recorder.fail = True
    assert e.authorize(bash("ls")).outcome == "deny"
    with pytest.raises(ValueError, match="mode is"):
        engine(mode="off")


def test_an_exception_in_our_own_code_is_a_deny(monkeypatch: pytest.MonkeyPatch) -> None:
    e = engine()
    monkeypatch.setattr("agentpolicy.effects.reader.effects_of", lambda *_, **__: 1 / 0)
    decision = e.decide(bash("git status"))
    assert (decision.outcome, decision.rule) == ("deny", "builtin:internal-error")
    assert "ZeroDivisionError" in (decision.reason or "")


def test_an_error_in_generated_code_names_the_policy_line(monkeypatch: pytest.MonkeyPatch) -> None:
    e = engine('policy p version "1"\n\nallow a: exec "ls" when cwd like "/w/**"\n')
    layer = e.policy._layers[0]
    for name in [name for name in layer._names if name == "matched"]:
        monkeypatch.setitem(layer._names, name, lambda *_: 1 / 0)
    decision = e.decide(ToolCall.of("exec", ["ls"], cwd="/w"))
    assert decision.outcome == "deny"
    assert decision.reason == "the call could not be judged (ZeroDivisionError at <policy>:3)"


def test_a_tool_named_as_an_action_is_as_unknown() -> None:
    e = engine('policy p version "1"\ndefault allow\nallow x: tool "known"\n')
    assert_denies(e, ToolCall.of("tool", "nope"), by="builtin:unknown-tool")
    assert_allows(e, ToolCall.of("tool", "known"), by="x")


def test_a_condition_that_breaks_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'policy p version "1"\nallow a: net.get "a.example" when agent.role == "x"\ndeny b: net.get any when user.name == "y" because "no"\n'
    e = engine(text)
    layer: LayerRuntime = e.policy._layers[0]

    def broken(*_: object) -> bool:
        raise ZeroDivisionError

    for row in layer.rules("net.get"):
        monkeypatch.setattr(row, "condition", broken)
    effect = e.decide(ToolCall.of("net.get", "https://a.example/")).effects[0]
    verdict = layer.careful(effect, e._state.situation, "net.get")
    assert verdict is not None
    assert (verdict.outcome, verdict.rule) == ("deny", "default")


# --- sessions, swaps and threads -----------------------------------------------------


def test_the_session_of_the_context_is_found_and_ends_with_it() -> None:
    e, other = engine(), engine()
    assert e.current_session() is None
    with e.session(id="s") as session:
        assert e.current_session() is session
        assert other.current_session() is None
        with session:
            assert e.current_session() is session
        assert not session.ended
        assert session.decide(bash("git status")).session == "s"
        assert session.authorize(bash("git status")).allowed
        assert asyncio.run(session.aauthorize(bash("git status"))).allowed
    assert e.current_session() is None
    with pytest.raises(Denied, match="the session has ended"):
        session.authorize(bash("git status"))


def test_a_session_of_another_engine_is_refused() -> None:
    assert_denies(engine(), bash("git status"), by="builtin:wrong-session", session=engine().session())


def test_a_reviewer_taken_away_while_it_is_needed_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    e = engine(reviewer=FakeReviewer())
    asks = e._asks

    def vanish(*args: Any) -> bool:
        told = asks(*args)
        e.reviewer = None
        return told

    monkeypatch.setattr(e, "_asks", vanish)
    with pytest.raises(Denied, match="the reviewer failed"):
        e.authorize(bash("git push"))


def test_sessions_of_tasks_do_not_mix() -> None:
    e = engine()

    async def one(name: str) -> str:
        with e.session(id=name):
            await asyncio.sleep(0)
            session = e.current_session()
            assert session is not None
            return session.id

    async def both() -> list[str]:
        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(both()) == ["a", "b"]


def test_a_swap_keeps_the_old_policy_on_any_error(tmp_path: Path) -> None:
    file = tmp_path / "p.agp"
    file.write_text('policy p version "1"\nallow ls: exec "ls **"\nask rm: exec "rm **" because "x"\n')
    e = Engine.load(file, cache=False)
    before = e.policy
    assert e.reload().changed is False
    file.write_text("allow broken")
    with pytest.raises(PolicyError):
        e.reload()
    assert e.policy is not None and e.policy.digest == before.digest
    file.write_text('policy p version "1"\nallow ls: exec "ls **", "cat **"\nallow more: exec "x"\ndefault ask\n')
    told = e.reload()
    assert told.changed
    assert told.wider == (
        "p: the rule `rm` is gone",
        "p: the allow rule `ls` says something else",
        "p: the allow rule `more` is new",
        "p: the default for everything is laxer",
    )
    assert e.decide(ToolCall.of("exec", ["cat"])).outcome == "allow"
    with pytest.raises(ValueError, match="swap"):
        engine().reload()


def test_facts_that_do_not_fit_a_new_policy_keep_the_old_one() -> None:
    e = engine(FACTS, facts={"branch": "main"})
    before = e.policy
    with pytest.raises(FactError):
        e.swap(Policy.from_text('policy q version "1"\n'))
    assert e.policy is before


def test_a_session_follows_a_swap() -> None:
    e = engine('policy p version "1"\nallow ls: exec "ls **"\n')
    session = e.session()
    assert session.decide(ToolCall.of("exec", ["ls"])).allowed
    e.swap(Policy.from_text('policy p version "2"\n'))
    assert not session.decide(ToolCall.of("exec", ["ls"])).allowed


def test_facts_of_every_type_are_checked() -> None:
    text = 'policy p version "1"\nfact b: bool\nfact l: [number]\nfact a: argv\nfact t: path\nallow r: exec any when b and l == [1] and a == ["x"] and t == "/x"\n'
    good = {"b": True, "l": [1], "a": ["x"], "t": "/x"}
    assert_allows(engine(text, facts=good), ToolCall.of("exec", ["ls"]), by="r")
    for name, value in {"b": 1, "l": ["1"], "a": "x", "t": 3}.items():
        with pytest.raises(FactError, match=f"the fact `{name}`"):
            engine(text, facts={**good, name: value})


def test_names_of_unknown_tools_do_not_pile_up() -> None:
    e = engine()
    for at in range(5000):
        e.decide(ToolCall(f"tool{at}", {}))
    assert len(e.policy._named) <= 4096


def test_a_policy_can_be_read(tmp_path: Path) -> None:
    e = engine()
    assert repr(e.policy).startswith("<Policy p 1 sha256:")
    assert "# K0 = " in e.policy.generated
    assert repr(e.session(id="s")) == "<Session s>"
    assert "Decision deny by default" in repr(e.decide(bash("ls")))
    assert "Verdict(deny by default" in repr(e.decide(bash("ls")).verdict)


def test_many_threads_decide_while_the_policy_is_swapped() -> None:
    e = engine('policy p version "1"\nallow ls: exec "ls **"\n')
    policies = [Policy.from_text(f'policy p version "{at}"\nallow ls: exec "ls **"\n') for at in range(3)]
    wrong: list[str] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            if e.decide(ToolCall.of("exec", ["ls", "-l"])).outcome != "allow":
                wrong.append("allow")
            if e.decide(ToolCall.of("exec", ["rm"])).outcome != "deny":
                wrong.append("deny")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for at in range(60):
        e.swap(policies[at % 3])
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- homes --------------------------------------------------------------------------


def test_a_call_may_bring_the_home_that_tilde_means(tmp_path: Path) -> None:
    file = tmp_path / "p.agp"
    file.write_text(
        'policy p version "1"\nallow docs: fs.read "~/docs/**"\ndeny ssh: fs.read "~/.ssh/**" because "keys"\n'
    )
    e = Engine.load(file, cache=False, host=memory_host(home="/home/a"))
    assert_allows(e, ToolCall.of("fs.read", "~/docs/x"), by="docs")
    assert_allows(e, ToolCall.of("fs.read", "~/docs/x", home="/home/b"), by="docs")
    assert_denies(e, ToolCall.of("fs.read", "/home/b/.ssh/id", home="/home/b"), by="ssh")
    assert_denies(e, ToolCall.of("fs.read", "/home/a/docs/x", home="/home/b"), by="default")
    for at in range(10):
        assert_allows(e, ToolCall.of("fs.read", "~/docs/x", home=f"/home/{at}"), by="docs")
    text_engine = engine('policy p version "1"\n')
    assert_denies(text_engine, ToolCall.of("fs.read", "/x", home="/home/z"), by="builtin:bad-call")


# --- our own files --------------------------------------------------------------------


def test_the_policy_its_cache_and_the_log_are_denied_to_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentpolicy import JsonLines

    cache = tmp_path / "cache"
    monkeypatch.setenv("AGENTPOLICY_CACHE", str(cache))
    file = tmp_path / "own.agp"
    file.write_text(
        'policy p version "1"\ndefault allow\nallow all: fs any\nallow run: exec any\nallow opq: exec any when opaque\n'
    )
    link = tmp_path / "link"
    link.symlink_to(file)
    log = JsonLines(tmp_path / "log" / "decisions.jsonl")
    e = Engine.load(file, recorder=log, protect=[tmp_path / "keys"])
    for action in ("fs.read", "fs.write", "fs.delete"):
        for path in (file, link, cache / "x", tmp_path / "log" / "decisions.jsonl", tmp_path / "keys" / "k"):
            assert_denies(e, ToolCall.of(action, str(path)), by="builtin:own-files")
    assert_denies(e, ToolCall.of("fs.delete", str(tmp_path)), by="builtin:own-files")
    assert_allows(e, ToolCall.of("fs.write", str(tmp_path / "other")))
    for words in (["rm", str(file)], ["cat", "own.agp"], ["dd", f"of={file}"], ["cat", "./link/../own.agp"]):
        assert_denies(e, ToolCall.of("exec", words, cwd=str(tmp_path)), by="builtin:own-files")
    assert_allows(e, ToolCall.of("exec", ["cat", "own.agp.bak"], cwd=str(tmp_path)))
    for text in (
        "cat x > own.agp",
        "cd sub; tee -a ../own.agp",
        "rm -r .",
        'python3 -c \'open("own.agp", "w")\'',
        "sed -i d *",
    ):
        assert_denies(e, ToolCall.of("exec", text, cwd=str(tmp_path)), by="builtin:own-files")
    log.close()


# --- calls whose text was seen before ---------------------------------------------

SHORT = """policy p version "1" language 1
default deny because "nothing allows this"
tool sh(command: shell, cwd: path?) does only exec command in cwd
tool fetch(url: url, note: text?) does only net.get url
allow here: exec "ls **" when cwd == "/repo"
ask home: exec "echo /home/ana" because "that is a home"
allow get: net.get "a.example"
"""


def short(cwd: str = "/repo", home: str = "/home/ana") -> Engine:
    return Engine(Policy.from_text(SHORT), host=memory_host(cwd=cwd, home=home))


def twice(one: Engine, call: ToolCall) -> str:
    first, again = one.decide(call), one.decide(call)
    assert (first.outcome, first.rule, first.effects) == (again.outcome, again.rule, again.effects)
    return first.rule


def test_a_text_seen_before_is_judged_where_the_call_starts_now() -> None:
    one = short()
    assert twice(one, ToolCall("sh", {"command": "ls -l"})) == "here"
    assert twice(one, ToolCall("sh", {"command": "ls -l"}, cwd="/tmp")) == "default"
    assert twice(one, ToolCall("sh", {"command": "ls -l", "cwd": "/tmp"})) == "default"
    assert twice(one, ToolCall("sh", {"command": "ls -l"})) == "here"
    assert twice(one, ToolCall("sh", {"command": "ls -l"}, env={"LD_PRELOAD": "/x.so"})) == "default"
    assert twice(one, ToolCall("sh", {"command": "echo ~"})) == "home"


def test_a_text_seen_before_is_judged_where_the_process_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Engine(Policy.from_text(SHORT.replace("/repo", str(tmp_path))))
    call = ToolCall("sh", {"command": "ls -l"})
    monkeypatch.chdir(tmp_path)
    assert twice(one, call) == "here"
    monkeypatch.chdir("/")
    assert twice(one, call) == "default"
    monkeypatch.chdir(tmp_path)
    assert twice(one, call) == "here"


def test_a_text_that_says_it_equals_one_seen_before_is_read_itself() -> None:
    class Liar(str):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash("https://a.example/")

    one = short()
    assert twice(one, ToolCall("fetch", {"url": "https://a.example/"})) == "get"
    assert twice(one, ToolCall("fetch", {"url": Liar("https://b.example/")})) == "default"
    assert twice(one, ToolCall("fetch", {"url": "https://a.example/", "note": "x"})) == "get"
    assert twice(one, ToolCall("fetch", {"url": "https://a.example/", "other": "x"})) == "builtin:undeclared-argument"
    assert twice(one, ToolCall("fetch", {"other": "https://a.example/"})) == "builtin:missing-argument"


def test_own_files_stay_out_of_reach_of_a_text_seen_before(tmp_path: Path) -> None:
    file = tmp_path / "p.agp"
    file.write_text(SHORT + f'allow all: exec "cat **"\nallow read: fs.read "{tmp_path}/**"\n')
    call = ToolCall("sh", {"command": f"cat {file}"})
    assert twice(Engine.load(file, cache=False), call) == "builtin:own-files"
    loose = Engine(Policy.from_text(file.read_text()))
    assert twice(loose, call) == "all"
    assert twice(Engine.load(file, cache=False), call) == "builtin:own-files"


def test_what_is_no_call_is_refused() -> None:
    class Nearly:
        tool, args, terms, action = "sh", {"command": "ls"}, None, None

    for wrong in (None, "ls", {"tool": "sh"}, Nearly()):
        assert short().decide(wrong).rule == "builtin:bad-call"  # type: ignore[arg-type]
