"""What a reviewer is shown: the canonical call, deceptive characters visible, every ask rule, nothing of the agent's own words."""

from __future__ import annotations

from agentpolicy import ApprovalRequest, ToolCall
from agentpolicy.engine.review import render
from agentpolicy.testing import engine_from_text, memory_host

POLICY = """policy p version "1"
default ask because "ask about everything"
tool bash(command: shell, cwd: path = "/w") does only exec command in cwd
tool put(path: path, content: text) does only fs.write path
tool call(url: url) does net.get url
ask one: exec any because "first"
ask two: exec any when not elevated because "second"
allow odd: tool call
"""


def shown(call: ToolCall) -> str:
    engine = engine_from_text(POLICY, host=memory_host(cwd="/w", links={"/w/link": "/etc", "/w/loop": "/w/loop"}))
    return ApprovalRequest(engine.decide(call)).text


def test_the_canonical_command_and_every_reason_are_shown() -> None:
    text = shown(ToolCall("bash", {"command": "git  push 'a b'"}, cwd="/x", env={"A": "1"}))
    assert text.splitlines() == [
        "tool     bash",
        "  command = git  push 'a b'",
        "in       /x",
        "with     A=1",
        "effect   exec git push 'a b'  [ask by one]",
        "because  first  (one)",
        "because  second  (two)",
    ]


def test_deceptive_characters_are_made_visible() -> None:
    text = shown(ToolCall("put", {"path": "/w/a\u202ecod.exe", "content": "x\u200by\x1b[2J"}))
    assert "\u202e" not in text
    assert "\u200b" not in text
    assert "\x1b" not in text
    assert r"\u{202e}" in text


def test_where_a_file_leads_is_shown() -> None:
    assert "effect   fs.write /w/link/x → /etc/x" in shown(ToolCall("put", {"path": "/w/link/x", "content": ""}))
    assert "→ unknown" in shown(ToolCall("put", {"path": "/w/loop", "content": ""}))
    assert "fs.read an unknown file" in shown(ToolCall.of("fs.read", "~bob/x"))


def test_addresses_tools_and_unreadable_commands_are_shown() -> None:
    text = shown(ToolCall("call", {"url": "https://a.example:8443/x?y"}))
    assert "net.get https://a.example:8443/x" in text
    assert "effect   tool call" in text
    assert "net.connect a.example:22" in shown(ToolCall.of("net.connect", "a.example:22"))
    assert "an unknown address" in shown(ToolCall.of("net.get", "nonsense"))
    assert "(not readable)" in shown(ToolCall("bash", {"command": "a $(b"}))
    assert "exec sudo rm 'it'\\''s' (elevated)" in shown(ToolCall.of("exec", ["sudo", "rm", "it's"]))
    assert shown(ToolCall.of("exec", ["rm", ""])).startswith("action   exec\ntarget   ['rm', '']")


def test_rendering_needs_no_request() -> None:
    engine = engine_from_text('policy p version "1"\ndefault ask\n')
    assert "because  no rule decides this command  (default)" in render(engine.decide(ToolCall.of("exec", ["ls"])))
