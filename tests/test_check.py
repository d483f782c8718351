"""Names and types: each mistake is told with its code, the underlined text, and what to write instead."""

from __future__ import annotations

import hashlib

import pytest

from agentpolicy.language.load import Reader, check_program
from agentpolicy.language.source import Diagnostic, Source

HEAD = """policy p version "1" language 1
param workspace: path
param team: text = "core"
fact branch: text
fact groups: [text] = []
fact urgent: bool = false
set places: path = "/a/**"
set hosts: host = "*.example.org"
set words: text = "a*"
define ci = agent.role == "ci"
tool send(to: [text], body: text, amount: number = 1, from: text = "") returns mailbox
tool bash(command: shell, cwd: path = "${workspace}") does only exec command in cwd
tool twin(to: text)
allow uses: fs.read places when ci and branch in words
allow more: net.get hosts
"""


def reader(files: dict[str, str]) -> Reader:
    def read(path: str) -> tuple[Source, str]:
        return Source(path, files[path]), hashlib.sha256(files[path].encode()).hexdigest()

    return read


def check(text: str) -> list[Diagnostic]:
    _, findings = check_program(["/p.agp"], reader({"/p.agp": text}))
    return list(findings.all)


def found(text: str, code: str) -> tuple[str, str, str | None]:
    """The message, underlined text and help of the only finding with a code."""
    hits = [one for one in check(text) if one.code == code]
    assert len(hits) == 1, [(one.code, one.message) for one in check(text)]
    (hit,) = hits
    return hit.message, hit.source.text[hit.span.start : hit.span.end], hit.help


def test_the_head_of_these_tests_is_clean() -> None:
    assert check(HEAD) == []


RULE = 'because "x"'
CASES = [
    # line, code, part of the message, underlined text, part of the help
    ('allow r: fs.raed "/x"', "AP203", "there is no action `fs.raed`", "fs.raed", "fs.read"),
    ("allow r: fs.read placs", "AP204", "no set is called `placs`", "placs", "places"),
    ("allow r: tool sned", "AP204", "no tool or set of tools is called `sned`", "sned", "send"),
    ("allow r: exec places", "AP302", "is a set of `path`", "places", None),
    ('allow r: fs.read any when nmae == "x"', "AP201", "`nmae` is not known here", "nmae", "name"),
    ("allow r: fs.read any when port == 1", "AP201", "`port` is not known here", "port", None),
    ('allow r: net any when port == "x"', "AP306", "a value of type `number`", '"x"', None),
    ('allow r: net any when host < "x"', "AP301", "`<` compares numbers", 'host < "x"', "=="),
    ("allow r: net any when port", "AP301", "is `number`, not true or false", "port", "compare it"),
    ("allow r: net any when private == branch", "AP301", "`branch` is `text`", "branch", None),
    ('allow r: exec any when flags in ["-f"]', "AP301", "is a list", 'flags in ["-f"]', "has any"),
    ('allow r: exec any when program has "-f"', "AP301", "`has` asks about a list", 'program has "-f"', "like"),
    ('allow r: exec any when flags has any ["-rf"]', "AP309", "`-rf` is never one flag", '["-rf"]', '"-r", "-f"'),
    ('allow r: exec any when flags has "force"', "AP309", "`force` is never a flag", '"force"', "begins with"),
    ('allow r: exec any when flags has "--x=1"', "AP309", "`--x=1` is never a flag", '"--x=1"', "cut before"),
    ('allow r: net any when port like "4*"', "AP301", "`like` asks about text", 'port like "4*"', None),
    ('allow r: net any when port in ["x"]', "AP306", "[number]", '["x"]', None),
    ("allow r: net any when port in branch", "AP301", "a list or set of `number`", "branch", None),
    ('allow r: fs.read any when time.weekday == "saturday"', "AP305", "is never `saturday`", '"saturday"', "sat"),
    ('allow r: net.get any when method == "get"', "AP305", "is never `get`", '"get"', "GET"),
    ('allow r: net.get any when method in ["FETCH"]', "AP305", "is never `FETCH`", '"FETCH"', None),
    ("allow r: fs.read any when session has secret", "AP206", "no mark is called `secret`", "secret", "mark secret on"),
    ('allow r: fs.read any when session has any ["x"]', "AP301", "asks for one mark", 'session has any ["x"]', None),
    ("allow r: tool send when body from inbox", "AP208", "nothing is `from inbox`", "inbox", "mailbox"),
    ("allow r: tool send when bdy from user", "AP201", "`bdy` is not known here", "bdy", "body"),
    ('allow r: tool send when arg.tos == "x"', "AP201", "no tool here has a parameter `tos`", "arg.tos", "to"),
    ('allow r: tool "other/*" when owner == "x"', "AP201", "`owner` is not known here", "owner", "arg.owner"),
    ("allow r: fs.read any when session.mark", "AP201", "`session.mark` is not known here", "session.mark", "session has MARK"),
    ("allow r: fs.read any when nothing", "AP201", "`nothing` is not known here", "nothing", None),
    ('allow r: fs.read, exec "x"', "AP304", "cannot serve `fs` and `exec`", 'fs.read, exec "x"', "one rule for each"),
    ('allow r: fs.read "x/y"', "AP303", "is relative", '"x/y"', '"**/x/y"'),
    ('allow r: fs.read "/x/"', "AP303", "does not end in `/`", '"/x/"', '"/x/**"'),
    ('allow r: fs.read "/x//y"', "AP303", "empty segment", '"/x//y"', None),
    ('allow r: fs.read "/x/../y"', "AP303", "never holds `..`", '"/x/../y"', None),
    ('allow r: fs.read "/x/a**"', "AP303", "`**` stands alone", '"/x/a**"', "`*`"),
    ('allow r: fs.read "~bob/x"', "AP303", "only `~` itself", '"~bob/x"', None),
    ('allow r: fs.read "C:\\\\x"', "AP303", "never a backslash", '"C:\\\\x"', None),
    ('allow r: fs.read ""', "AP303", "a pattern is empty", '""', "any"),
    ('allow r: fs.read "/x{a"', "AP303", "never closed", '"/x{a"', None),
    ('allow r: fs.read "/xa}"', "AP303", "no `{` before", '"/xa}"', None),
    ('allow r: fs.read "/' + "{a,b}" * 11 + '"', "AP303", "more than 1024", '"/' + "{a,b}" * 11 + '"', None),
    ('allow r: fs.read "/${wrkspace}/x"', "AP311", "names no parameter", '"/${wrkspace}/x"', "${workspace}"),
    ('allow r: fs.read "/a${team}/x"', "AP311", "whole path segment", '"/a${team}/x"', "separator"),
    ('allow r: fs.read "/x/${team"', "AP311", "never closed", '"/x/${team"', "\\$"),
    ('allow r: exec "  "', "AP303", "needs a program", '"  "', None),
    ('allow r: exec "ls | wc"', "AP303", "joins commands", '"ls | wc"', None),
    ("allow r: exec \"echo 'x'\"", "AP303", "quotes", "\"echo 'x'\"", "leave the quotes out"),
    ('allow r: exec "echo a**"', "AP303", "any number of arguments", '"echo a**"', None),
    ('allow r: net.get "example.org/x"', "AP303", "neither a host nor a URL", '"example.org/x"', "https://example.org/x"),
    ('allow r: net.get "HTTPS://x"', "AP303", "no URL scheme", '"HTTPS://x"', "lower-case"),
    ('allow r: net.get "https://x/?a"', "AP303", "query", '"https://x/?a"', None),
    ('allow r: net.get "https://u@x/"', "AP303", "user name", '"https://u@x/"', None),
    ('allow r: net.get "https://x:99999/"', "AP303", "no port", '"https://x:99999/"', "65535"),
    ('allow r: net.get "x:"', "AP303", "port is missing", '"x:"', None),
    ('allow r: net.get "::1"', "AP303", "brackets", '"::1"', None),
    ('allow r: net.get "[::1"', "AP303", "closing", '"[::1"', None),
    ('allow r: net.get "[zz]"', "AP303", "no IPv6", '"[zz]"', None),
    ('allow r: net.get "a..b"', "AP303", "is no host", '"a..b"', None),
    ('allow r: net.get "a b"', "AP303", "no host has", '"a b"', None),
    ('allow r: tool "a/"', "AP303", "no tool name", '"a/"', None),
    ('set t2: table = "a..b"\nallow r: fs.read places', "AP303", "no table name", '"a..b"', None),
    ('deny r: fs.read any because "x" because "y"', "AP202", "twice in the rule", 'because "y"', "keep one"),
    ('deny r: fs.read any limit 1 per 1m because "x"', "AP307", "stands on allow rules", "limit 1 per 1m", None),
    ("allow r: fs.read any over 1 per 1m", "AP307", "stands on ask and deny", "over 1 per 1m", None),
    ("allow r: fs.read any via ops", "AP207", "no approval is called `ops`", "ops", "approval ops"),
    ("allow r: fs.read any limit 1 per 1MB", "AP213", "no unit of time", "1MB", None),
    ("allow r: fs.read any limit 1 per 1m per sesion", "AP308", "nothing is counted per `sesion`", "sesion", "session"),
    ("allow r: fs.read any limit 1 per 1m per hosst", "AP308", "it is not an attribute of `fs.read`", "hosst", "host"),
    ("allow r: fs.read any limit 1 per 1m per tenant", "AP308", "counted per `tenant`", "tenant", "known here: session"),
    ('ask r: tool send over 9 of amuont per 1d because "x"', "AP308", "`amuont` does not add up", "amuont", "amount"),
    ('ask r: tool send over 9 of body per 1d because "x"', "AP301", "only numbers add up", "body", None),
    ("allow r: fs.read any budget 1m per session", "AP213", "no unit of size", "1m", None),
    ("allow r: fs.read any budget 5 per session", "AP308", "a budget is a size", None, "200MB"),
    ("allow r: fs.read any budget 5MB per sesion", "AP308", "nothing is counted per `sesion`", "sesion", "session"),
    ("allow r: fs.read any log loud", "AP308", "no level `loud`", "loud", "debug"),
    ("ask r: fs.read any", "AP601", "gives no reason", "r", "because"),
    ("allow uses: fs.read any", "AP202", "the rule id `uses` is taken on line 14", "uses", "unique"),
    ("allow default: fs.read any", "AP202", "the id of defaults", "default", "another"),
    ('set places: path = "/b"', "AP202", "`places` is taken on line 7", "places", "another"),
    ("fact session: text", "AP202", "a word of its own", "session", "another"),
    ("fact x: txt", "AP212", "there is no type `txt`", "txt", "text"),
    ('fact x: number = "a"', "AP306", "`number` is needed", '"a"', None),
    ('set x: number = "a"', "AP302", "a set cannot be of type `number`", "number", "path"),
    ("set x: path = x", "AP209", "is made of itself", "x", "circle"),
    ("define x = not x", "AP209", "is made of itself", "x", "circle"),
    ('define x = nmae == "x"', "AP201", "`nmae` is not known here", "nmae", "name"),
    ("tool send(x: text)", "AP202", "declared twice in this file", "send", "join"),
    ('tool "a b"()', "AP303", "cannot be a tool's name", '"a b"', None),
    ("tool t(x: text, x: text)", "AP202", "is there twice", "x", None),
    ("tool t(x: text) does fs.write x", "AP310", "is read from `path`", "x", "path"),
    ("tool t(x: path) does fs.write y", "AP201", "no parameter `y`", "y", None),
    ("tool t(x: path) does fs.wriet x", "AP203", "no action `fs.wriet`", "fs.wriet", "fs.write"),
    ("tool t(x: path) does tool x", "AP310", "not another tool", "tool", None),
    ("tool t(x: sql) does sql.selct x", "AP203", "no action `sql.selct`", "sql.selct", "sql.select"),
    ("tool t(u: url) does net u", "AP310", "a parameter `method`", "net", "net.get"),
    ("tool t(x: shell, d: number) does exec x in d", "AP310", "a directory is a `path`", "d", None),
    ("default ask for nett", "AP203", "no action `nett`", "nett", "net"),
    ("default ask for net\ndefault deny for net", "AP202", "default for `net` already", "default deny for net", "keep one"),
    ("clear tested on exec any", "AP206", "no mark is called `tested`", "tested", None),
    ("mark tested on exec any for 5MB", "AP213", "no unit of time", "5MB", None),
    ("prove nevr allow fs.write any", "AP701", "a proof is `never` or `always`", "nevr", "never"),
    ('prove never allow fs.write any given (workspce = "/x")', "AP201", "no parameter, fact or context name", "workspce", "workspace"),
    ('test "t" { fs.raed "/x" }', "AP203", "no action `fs.raed`", "fs.raed", "fs.read"),
    ('test "t" { fs.read "/x" (reslt: "ok") }', "AP702", "a step knows no `reslt`", 'reslt: "ok"', "result"),
    ('test "t" { fs.read "/x" -> allow by usess }', "AP211", "no rule is called `usess`", "usess", "uses"),
    ('test "t" { wait 5MB }', "AP213", "no unit of time", "5MB", None),
    ('test "t" { agent says "x" }', "AP702", "does not speak", "agent", "user says"),
    ('test "t" { given (branch = 3) }', "AP306", "`text` is needed", "3", None),
    ("sandbox { memry 2GB }", "AP210", "has no setting `memry`", None, "memory"),
    ("sandbox { memory 5m }", "AP308", "cannot have this value", "5m", "2GB"),
    ("sandbox { memory 1GB memory 2GB }", "AP202", "is there twice", None, "join"),
    ("approval a { quorum 0 }", "AP308", "cannot have this value", "0", "above 0"),
    ("approval a { ttl 15m }\napproval a { ttl 15m }", "AP202", "declared twice", None, None),
    ("telemetry { sample allow 200% }", "AP308", "cannot have this value", None, "shares"),
    ('allow r: fs.read any when result == "ok"', "AP604", "known only after a call", 'result == "ok"', None),
    ('allow r: fs.read any when branch == "${nope}"', "AP311", "names no parameter", '"${nope}"', "\\$"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "message", "under", "help"), CASES, ids=[case[0][:60] for case in CASES])
def test_a_mistake_is_told_with_its_place_and_remedy(
    line: str, code: str, message: str, under: str | None, help: str | None
) -> None:
    told, underlined, remedy = found(HEAD + line + "\n", code)
    assert message in told
    assert under is None or underlined == under
    assert help is None or (remedy is not None and help in remedy), remedy


GOOD = [
    'allow r: tool send when to has only words and amount > 1 and arg.from == "x"',
    'allow r: tool send, twin when body like "*x*"',
    'allow r: tool "srv/{a,b}_*" when arg.anything == 3 and arg.list has "x"',
    "allow r: tool any when arg.x in [1, 2]",
    'allow r: fs any when urgent and suffix == ".py"',
    'allow r: net.get "https://*.example.org:8443/a/**", "[::1]:80", "*" when host in hosts',
    'allow r: exec "${workspace}/bin/x **" when cwd like "${workspace}/**"',
    'allow r: exec any when opaque and program == "run"',
    'allow r: fs.read "/${team}/x", "**/{a,b}/*.py", "~/.x"',
    'allow r: fs.read any unless branch == "${team}" or groups has any ["x"] or branch in groups',
    'default none\ndefault ask for net, exec because "x"',
    "fact size: number = 3\nallow r: net any when arg_free or port == 443\nfact arg_free: bool",
    'approval ops { from @a, @b quorum 2 ttl 15m scope session rate 10 per 1h timeout 5m -> deny not self reason required cool-down 1 per 1m canaries 5% }\nask r: exec any via ops because "x"',
    "telemetry { level info sample allow 10%, ask 100% quota 5 per 1s redact exec.env digest send.body retain 30d audit required }",
    'sandbox { env PATH, HOME memory 2GB processes 4 files 9 timeout 5m network none degrade landlock mask "~/.ssh/**" }',
    'mark m on exec any when result == "ok" for 5m\nclear m on fs.write any\ndeny r: net any when session has m because "x"',
    'deny r: tool send when body from untrusted or to from mailbox because "x"',
    'deny r: tool any over 5 of amount per 1d per user because "x"\nallow s: net.get any limit 1 per 1m per host budget 5MB per session out',
    'prove always deny fs.write "/x" given (workspace = "/r", agent.role = "x")',
    'test "t" { given (workspace = "/r", branch = "b") user says "x" wait 5m bash(command: "x") (result: "ok") -> deny by default }',
]  # fmt: skip


@pytest.mark.parametrize("line", GOOD)
def test_what_the_language_has_is_accepted(line: str) -> None:
    assert [one for one in check(HEAD + line + "\n") if one.severity == "error"] == []


def test_all_errors_of_a_file_are_reported_at_once_in_order() -> None:
    text = HEAD + 'allow a: fs.raed "/x"\nallow b: fs.read nope\nallow c: net any when prt == 1\n'
    assert [one.code for one in check(text)] == ["AP203", "AP204", "AP201"]


def test_a_name_that_is_both_an_argument_and_a_fact_must_be_made_clear() -> None:
    text = 'policy p version "1"\nfact body: text\ntool t(body: text)\nallow r: tool t when body == "x"\n'
    message, under, help = found(text, "AP205")
    assert under == "body"
    assert help is not None and "arg.body" in help


def test_sets_made_of_sets_expand_however_deep() -> None:
    lines = ['policy p version "1"', 'set s0: path = "/x/**"']
    lines += [f"set s{at}: path = s{at - 1}" for at in range(1, 300)]
    lines.append("allow r: fs.read s299")
    program, findings = check_program(["/p.agp"], reader({"/p.agp": "\n".join(lines) + "\n"}))
    assert program is not None
    assert findings.all == ()
    subject = program.layers[0].rules[0].subject
    assert subject is not None
    assert [glob.text for glob in subject] == ["/x/**"]


def test_a_language_of_the_future_is_refused() -> None:
    message, under, _ = found('policy p version "1" language 2\n', "AP409")
    assert message == "language 2 is not known"


def test_unused_names_are_warned_of() -> None:
    warned = [
        one
        for one in check('policy p version "1"\nset a: path = "/x"\ndefine b = agent.role == "x"\n')
        if one.code == "AP602"
    ]
    assert [one.message for one in warned] == ["nothing uses `a`", "nothing uses `b`"]
    assert {one.severity for one in warned} == {"warning"}


def test_defines_cannot_make_a_condition_explode() -> None:
    doubling = "".join(f"define d{at} = d{at + 1} and d{at + 1}\n" for at in range(40))
    text = f'policy p version "1"\n{doubling}define d40 = opaque\nallow x: fs.read any when d0\n'
    assert {one.code for one in check(text)} == {"AP312"}


def test_defines_cannot_make_a_condition_nest_without_end() -> None:
    chain = "".join(f"define d{at} = not d{at + 1}\n" for at in range(80))
    text = f'policy p version "1"\n{chain}define d80 = opaque\nallow x: fs.read any when d0\n'
    message, _, _ = next((one.message, 0, 0) for one in check(text) if one.code == "AP312")
    assert "nests more than 64 deep" in message


def test_the_deepest_condition_that_is_accepted_compiles() -> None:
    from agentpolicy import ToolCall
    from agentpolicy.testing import engine_from_text

    nested = "opaque"
    for at in range(30):
        nested = f'not ({nested} and branch == "x")' if at % 2 else f'({nested} or note == "y")'
    text = f'policy p version "1"\nfact branch: text\nfact note: text?\nallow x: exec any when {nested}\n'
    assert engine_from_text(text, facts={"branch": "x"}).decide(ToolCall.of("exec", "a | b")).outcome in {
        "allow",
        "deny",
    }
