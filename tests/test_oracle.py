"""The compiled policy and the reference evaluator give the same answer, rule and reason on random policies and calls."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentpolicy.compiler import emit, reference
from agentpolicy.compiler.bind import bind_params
from agentpolicy.compiler.compile import compile_program
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, SqlEffect, ToolEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.effects.tools import BadCall, effects_of
from agentpolicy.effects.urls import net_effect, seen_urls
from agentpolicy.engine.policy import Policy, bindings_on, text_reader
from agentpolicy.engine.situation import Agent, Situation, User
from agentpolicy.language.load import load_program
from agentpolicy.language.vocabulary import FAMILIES

HOME = "/home/u"
LINKS = {"/w/link": "/etc", "/w/up": "/w", "/tmp": "/private/tmp", "/w/loop": "/w/loop"}
HOST = Host(cwd="/w", home=HOME, files=MemoryFiles(LINKS), os_name="linux")

# --- patterns -----------------------------------------------------------------------

SEGMENTS = ("w", "a", "b", "etc", "tmp", ".git", "x.py", "y.pem", "link")
path_part = st.sampled_from((*SEGMENTS, "*", "**", "*.py", "a*", "{a,b}"))
path_patterns = st.one_of(
    st.sampled_from(
        (
            "${ws}/**",
            "/w/a",
            "/etc/**",
            "**/.git/**",
            "**/x.py",
            "**/*.pem",
            "~/**",
            "/tmp/**",
            "/**",
            "**",
            "/w/*/b/**",
            "/",
        )
    ),
    st.lists(path_part, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.lists(path_part, min_size=1, max_size=3).map(lambda parts: "**/" + "/".join(parts)),
)
argv_word = st.sampled_from(("push", "status", "-f", "--force", "*", "**", "x*", "{push,pull}", "origin"))
argv_patterns = st.builds(
    lambda program, words: " ".join((program, *words)),
    st.sampled_from(("git", "/usr/bin/git", "rm", "*", "g*", "make", "{git,rm}")),
    st.lists(argv_word, max_size=3),
)
url_patterns = st.sampled_from(
    (
        "*", "a.example", "*.a.example", "b.a.example", "https://a.example/**", "https://*.example/api/**", "https://a.example/*/y", "https://a.example/api/", "a.example:8080",
        "http://a.example", "*.example:*", "a*.example", "10.0.0.1", "[::1]", "https://a.example/x", "{a,b}.example",
    )
)  # fmt: skip
table_patterns = st.sampled_from(
    (
        "users",
        "crm.users",
        "crm.*",
        "hr.**",
        "**.users",
        "*.users",
        "u*",
        "CRM.Users",
        "a.crm.users",
        "*",
        "**",
        "{hr,crm}.pay",
    )
)
tool_patterns = st.sampled_from(("mail", "s/*", "s/get_*", "*", "**", "{mail,chat}", "s/get_x"))

# --- conditions -----------------------------------------------------------------------

CONDITIONS: dict[str, tuple[str, ...]] = {
    "fs": (
        'name == "x.py"', 'suffix in [".py", ".pem"]', 'path like "/w/**"', 'not path like "/w/a/**"', "size < 10KB",
        "path in places", 'name like "x*"',
    ),
    "exec": (
        'flags has "-f"', 'flags has any ["-f", "--force"]', 'flags has only ["-f"]', 'program == "git"', 'argv has "origin"',
        'cwd like "/w/**"', 'cwd == "/w"', "elevated", "readonly", "not readonly", "env == []", 'env has "PATH"', "not elevated",
    ),
    "net": ("private", "not private", "port == 443", "port in [80, 443]", 'scheme == "https"', "host in hosts", 'method == "GET"', 'path == "/x"'),
    "sql": ('database == "main"', 'database in ["main", "test"]', 'table == "crm.users"', "table in tables", "table not in tables", 'table like "crm.*"'),
    "tool": ('arg.to == "ana"', "arg.n > 3", 'arg.to in ["ana", "ben"]', 'arg.list has only ["ana"]', 'arg.to like "a*"', 'server == "s"', "arg.url in bad", "arg.url not in bad", 'arg.url like "https://ok.example/**"', "arg.host in hosts", "arg.hosts has any hosts", "arg.hosts has only hosts", 'arg.host like "*"'),
    "": (
        "flag", "not flag", 'word == "yes"', 'word in ["yes", "no"]', "count >= 2", 'list has "ana"', "maybe", "ci", "opaque", "not opaque",
        'agent.role == "ci"', 'user.groups has any ["ops"]', "time.hour >= 18", 'host.os == "linux"', 'result == "ok"', 'opt == "yes"',
        'word == "${who}"', "agent.name == user.name",
    ),
}  # fmt: skip


def conditions(family: str) -> st.SearchStrategy[str]:
    leaf = st.sampled_from((*CONDITIONS[family], *CONDITIONS[""]))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda a, b, op: f"({a} {op} {b})", inner, inner, st.sampled_from(("and", "or"))),
            inner.map(lambda a: f"not ({a})"),
        ),
        max_leaves=4,
    )


PATTERNS = {
    "fs": path_patterns,
    "exec": argv_patterns,
    "net": url_patterns,
    "sql": table_patterns,
    "tool": tool_patterns,
}


@st.composite
def rules(draw: st.DrawFn, at: int) -> str:
    family = draw(st.sampled_from(("fs", "exec", "net", "sql", "tool")))
    kinds = list(FAMILIES[family])
    actions = draw(st.sampled_from([[family], *[[kind] for kind in kinds], kinds[:2]]))
    quoted = st.lists(PATTERNS[family].map(lambda text: f'"{text}"'), min_size=1, max_size=3).map(", ".join)
    text = f"{draw(st.sampled_from(('allow', 'ask', 'deny')))} r{at}: {', '.join(actions)} {draw(st.one_of(st.just('any'), quoted, quoted))}"
    if draw(st.integers(0, 3)) == 0:
        text += f" except {draw(quoted)}"
    if draw(st.booleans()):
        text += f" {draw(st.sampled_from(('when', 'unless')))} {draw(conditions(family))}"
    return text + f' because "reason {at}"'


defaults = st.lists(
    st.builds(
        lambda outcome, scope: f"default {outcome}" + (f" for {scope}" if scope else ""),
        st.sampled_from(("allow", "ask", "deny", "none")),
        st.sampled_from(("", "", "fs", "net", "net.post", "exec", "sql", "sql.select", "tool")),
    ),
    max_size=2,
    unique_by=lambda text: text.partition(" for ")[2],
)

PREAMBLE = """
param ws: path
param who: text = "yes"
fact flag: bool
fact word: text
fact count: number = 2
fact list: [text] = ["ana"]
fact maybe: bool
fact opt: text?
set places: path = "/w/a/**", "**/x.py"
set tables: table = "crm.*", "users", "HR.Pay"
set hosts: host = "*.a.example", "10.0.0.1"
set bad: url = "https://evil.example/**", "*.bad.example", "https://a.example/{x,y}/**", "b.example:8080"
define ci = agent.role == "ci" and not flag
"""


@st.composite
def layers(draw: st.DrawFn) -> list[str]:
    texts = []
    for at in range(draw(st.integers(1, 2))):
        count = draw(st.integers(0, 7))
        body = [draw(rules(number)) for number in range(count)]
        texts.append("\n".join([f'policy layer{at} version "1"', PREAMBLE, *draw(defaults), *body]))
    return texts


# --- effects ---------------------------------------------------------------------------

paths = st.one_of(
    st.lists(st.sampled_from((*SEGMENTS, "up", "loop", "..", "private")), max_size=5).map(
        lambda parts: "/" + "/".join(parts)
    ),
    st.sampled_from(("~/a", "a/b", "/w", "/", "/tmp/a", "/w/link/x.py", "/w/up/a", "/home/u/a", "/w/loop/a")),
)
commands = st.lists(
    st.sampled_from(("push", "status", "-f", "-fu", "--force", "origin", "-C", "x", "--", "pull", "-x=1")), max_size=4
)
programs = st.sampled_from(("git", "/usr/bin/git", "rm", "make", "./git", "gx", "sudo"))
urls = st.sampled_from(
    (
        "https://a.example/x", "https://a.example//x", "https://a.example/api/", "https://a.example//api//y", "http://a.example/api/y", "https://b.a.example:8080/", "http://10.0.0.1/", "http://[::1]/", "https://a.example/a%2fb",
        "nonsense", "https://a.example:443/x", "http://c.b.a.example/api", "ws://b.example/", "http://a\\@b.example/", "https://ab.example/api",
    )
)  # fmt: skip
args = st.fixed_dictionaries(
    {},
    optional={
        "to": st.sampled_from(("ana", "ben", "x", 3, None)),
        "url": st.sampled_from(
            (
                "https://evil.example/x",
                "https://evil.example\\@b/x",
                "https://evil.example/%2f",
                "evil.example/x",
                "http://x.bad.example/",
                3,
                "https://a.example//x/y",
                "https://a.example/x/",
                "https://b.example:8080/",
                "ftp://b.example:8080",
            )
        ),
        "host": st.sampled_from(("x.a.example", "x.a.example:80", "a.example", "x.\u200ba.example", "10.0.0.1", "")),
        "hosts": st.lists(st.sampled_from(("x.a.example", "x.a.example:80", "a.example")), max_size=2),
        "n": st.sampled_from((1, 4, 4.5, True, "4")),
        "list": st.sampled_from((["ana"], [], ["ana", "x"], "ana", [1])),
    },
)


@st.composite
def many_files(draw: st.DrawFn, call: ToolCall) -> Effect:
    """One effect on many files: recursion, a shell pattern, what an unknown program may touch."""
    try:
        effect = effects_of(call, {}, HOST)[0]
    except BadCall:
        return FileEffect("fs.read", None, None)
    assert isinstance(effect, FileEffect)
    effect.single = False
    effect.possible = draw(st.booleans())
    effect.many = draw(st.booleans())
    if effect.many:
        effect.glob = draw(st.sampled_from((None, "*.py", "*", "**/x.py", "a*", "**/*", "*/b")))
        base = effect.resolved or "/w"
        effect.hidden = draw(st.booleans())
        there = draw(st.sampled_from((None, [], [f"{base}/x.py"], [f"{base}/a/.env", f"{base}/a/b/x.py"])))
        effect.inside = lambda: there
    return effect


@st.composite
def loose_commands(draw: st.DrawFn, words: list[str]) -> Effect:
    """A command with words that are not known, a wrapper, one whose last words are read later."""
    argv: list[str | None] = list(words)
    loose: set[int] = set()
    for at in range(len(argv)):
        kind = draw(st.integers(0, 5))
        if kind == 0 and (at or draw(st.booleans())):
            argv[at] = None
        if kind in (0, 1) and at:
            loose |= {at} if draw(st.booleans()) else set()
    return ExecEffect(
        tuple(argv),
        cwd="/w",
        loose=frozenset(loose),
        more=draw(st.booleans()),
        wrapper=draw(st.booleans()),
        opaque=draw(st.booleans()),
        readonly=draw(st.sampled_from((True, False, None))),
        elevated=draw(st.integers(0, 4)) == 0,
    )


@st.composite
def effects(draw: st.DrawFn) -> Effect:
    family = draw(st.sampled_from(("fs", "exec", "net", "sql", "tool")))
    if family == "fs":
        call = ToolCall.of(draw(st.sampled_from(FAMILIES["fs"])), draw(paths))
        if draw(st.integers(0, 3)) == 0:
            return draw(many_files(call))
    elif family == "exec":
        kind = draw(st.integers(0, 4))
        words = [draw(programs), *draw(commands)]
        if kind == 4:
            return draw(loose_commands(words))
        if kind == 0:
            return ExecEffect(None, cwd="/w", program=draw(st.sampled_from((None, "git", "run"))))
        if kind == 1:
            env = draw(st.sampled_from((None, {"PATH": "/x"}, {"LANG": "C"})))
            return ExecEffect(
                tuple(words), cwd=draw(st.sampled_from(("/w", "/etc", None))), env=env, elevated=draw(st.booleans())
            )
        call = ToolCall.of("exec", words if kind == 2 else " ".join(words))
    elif family == "sql":
        table = draw(st.sampled_from(("users", "crm.users", "CRM.Users", "hr.pay", "main.crm.users", "t", None)))
        database = draw(st.sampled_from(("main", "other", None)))
        return SqlEffect(draw(st.sampled_from(FAMILIES["sql"])), table, database, opaque=draw(st.integers(0, 4)) == 0)
    elif family == "net":
        action = draw(st.sampled_from(FAMILIES["net"]))
        if action == "net.connect" and draw(st.booleans()):
            return net_effect(action, draw(st.sampled_from(("a.example:443", "a.example", "10.0.0.1:22"))))
        call = ToolCall.of(action, draw(urls))
        if draw(st.integers(0, 5)) == 0:
            seen_urls.clear()
            effect = net_effect("net.connect", draw(urls))
            effect.possible = True
            seen_urls.clear()
            return effect
    else:
        return ToolEffect(
            draw(st.sampled_from(("mail", "chat", "s/get_x", "s/put", "t/x"))), draw(args), answered=draw(st.booleans())
        )
    try:
        return effects_of(call, {}, HOST)[0]
    except BadCall:
        return FileEffect("fs.read", None, None)


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    facts: dict[str, Any] = {"count": 2, "list": ("ana",)}
    for name, values in {
        "flag": (True, False), "word": ("yes", "no"), "maybe": (True, False), "opt": ("yes", None), "count": (1, 3), "list": (("ben",), ()),
    }.items():  # fmt: skip
        if draw(st.integers(0, 5)):
            value = draw(st.sampled_from(values))
            if value is not None:
                facts[name] = value
    return {
        "facts": facts,
        "agent.name": draw(st.sampled_from((None, "bot"))),
        "agent.role": draw(st.sampled_from((None, "ci", "dev"))),
        "user.name": draw(st.sampled_from((None, "bot", "ana"))),
        "user.groups": draw(st.sampled_from((None, (), ("ops",)))),
        "host.os": "linux",
        "time.hour": draw(st.sampled_from((3, 20))),
    }


def compare(texts: list[str], found: list[Effect], given_situation: dict[str, Any]) -> None:
    names = [f"/policies/p{at}.agp" for at in range(len(texts))]
    read = text_reader(names[0], texts[0], dict(zip(names, texts, strict=True)))
    program = load_program(names, read)
    params = bind_params(program, {"ws": "/w"})
    bindings = bindings_on(params, HOST)
    policy = Policy(compile_program(program, bindings))
    facts = given_situation["facts"]
    context = {key: value for key, value in given_situation.items() if key != "facts" and value is not None}
    context["time.weekday"] = "mon"
    lacking = any(name not in facts for name in ("flag", "word", "maybe"))
    hour = given_situation["time.hour"]
    situation = Situation(
        facts,
        lacking=lacking,
        agent=Agent(given_situation["agent.name"], given_situation["agent.role"]),
        user=User(given_situation["user.name"], given_situation["user.groups"]),
        host_os="linux",
        session_id=None,
        clock=lambda: 1704067200.0 + 3600 * hour,
        local=time.gmtime,
    )
    oracle = reference.Bindings(
        params=params, home=HOME, resolve=lambda path: HOST.files.resolve(path) or path, which=HOST.files.which
    )
    for effect in found:
        expected = reference.judge(program, oracle, effect, reference.Situation(facts=facts, context=context))
        verdict = policy.judge(effect, situation)
        if verdict is None:
            assert expected.rule == "answered", (effect, expected)
            continue
        got = (verdict.outcome, verdict.rule, verdict.reason, verdict.layer)
        assert got == (expected.outcome, expected.rule, expected.reason, expected.layer), (
            f"{effect!r}\n" + "\n---\n".join(texts)
        )


CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(suppress_health_check=CHECKS, deadline=None)
@given(layers(), st.lists(effects(), min_size=1, max_size=12), situations())
def test_a_small_policy_answers_as_the_reference_does(
    texts: list[str], found: list[Effect], given_situation: dict[str, Any]
) -> None:
    compare(texts, found, given_situation)


@settings(suppress_health_check=CHECKS, deadline=None)
@given(layers(), st.lists(effects(), min_size=1, max_size=12), situations())
def test_tables_answer_as_the_reference_does(
    texts: list[str], found: list[Effect], given_situation: dict[str, Any]
) -> None:
    before = emit.INLINE_MAX
    emit.INLINE_MAX = -1
    try:
        compare(texts, found, given_situation)
    finally:
        emit.INLINE_MAX = before
