"""Drafting a policy: tools of every form in, a policy that checks, is laid out and does what its comments say out."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from agentpolicy.checker.draft.classify import Guess, classify
from agentpolicy.checker.draft.functions import from_source
from agentpolicy.checker.draft.lines import wrapped
from agentpolicy.checker.draft.names import Ids, is_bare, plain, shown, unfit, words
from agentpolicy.checker.draft.schemas import from_json
from agentpolicy.checker.draft.sources import read_tools
from agentpolicy.checker.draft.tool import Parameter, Tool, Tools, UnreadableError
from agentpolicy.checker.draft.write import Draft, draft
from agentpolicy.checker.testing import run_file
from agentpolicy.cli import main
from agentpolicy.compiler.compile import refuse_unready
from agentpolicy.language.format import format_text
from agentpolicy.language.load import check_program
from agentpolicy.language.render import render_all
from agentpolicy.language.source import Source

S: dict[str, Any] = {"type": "string"}
N: dict[str, Any] = {"type": "number"}
L: dict[str, Any] = {"type": "array", "items": S}


def tool(name: str, about: str = "", needs: str = "", /, hints: dict[str, bool] | None = None, **has: Any) -> Any:
    """One MCP tool; ``needs`` are the required parameters, texts unless ``has`` says otherwise."""
    properties = {**dict.fromkeys(needs.split(), S), **{key.rstrip("_"): value for key, value in has.items()}}
    found = {"name": name, "description": about, "inputSchema": {"type": "object", "properties": properties}}
    found["inputSchema"]["required"] = needs.split()  # type: ignore[index]
    return {**found, "annotations": hints} if hints else found


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "default": None}


#: A personal assistant, and the kind that each of its tools should be taken for.
ASSISTANT: list[tuple[str, Any]] = [
    ("look", tool("list_inbox", "Newest mail.", limit={"type": "integer", "default": 20}, unread={"type": "boolean"})),
    ("look", tool("find_mail", "Mail that holds some words.", "words")),
    ("look", tool("open_mail", "One mail with its text.", "mail_id")),
    ("act", tool("send_mail", "Sends mail.", "recipients subject body", recipients=L, cc=maybe(L), bcc=maybe(L),
                 attachments=maybe({**L, "description": "paths of files to attach"}))),
    ("act", tool("answer_mail", "Answers a mail.", "mail_id body")),
    ("act", tool("forward_mail", "Passes a mail on.", "mail_id to", note=S)),
    ("lose", tool("trash_mail", "Puts a mail into the bin.", "mail_id")),
    ("lose", tool("mark_mail_as_read", "Changes the state of a mail.", "mail_id")),
    ("look", tool("address_book_lookup", "People that the user knows.", "query")),
    ("look", tool("current_time", "What time it is.")),
    ("look", tool("list_appointments", "What is on a day.", "day", day={**S, "format": "date"})),
    ("act", tool("create_appointment", "Writes something into the calendar.", "title start",
                 start={**S, "format": "date-time"}, participants={**L, "default": []}, place=maybe(S), description=S)),
    ("lose", tool("reschedule_appointment", "Another time.", "appointment_id start")),
    ("lose", tool("cancel_appointment", "Takes something out of the calendar.", "appointment_id")),
    ("act", tool("invite_people", "More people for an appointment.", "appointment_id emails", emails=L)),
    ("make", tool("set_reminder", "Rings later.", "text at")),
    ("look", tool("browse_drive", "What is in a folder of the drive.", folder_id=S)),
    ("look", tool("get_document", "Text of a document of the drive.", "document_id")),
    ("make", tool("create_document", "A new document in the drive.", "filename content")),
    ("make", tool("append_to_document", "More text at its end.", "document_id text")),
    ("lose", tool("delete_document", "It is gone then.", "document_id")),
    ("act", tool("share_document", "Somebody else may see it.", "document_id email permission",
                 permission={"enum": ["read", "write"]})),
    ("look", tool("chat_list_rooms", "Rooms of the chat.")),
    ("look", tool("chat_read_room", "What was said in a room.", "channel")),
    ("act", tool("chat_post_message", "Says something in a room.", "channel text")),
    ("act", tool("chat_direct_message", "Says something to one person.", "user text")),
    ("act", tool("chat_add_member", "Lets a person into a room.", "user channel")),
    ("lose", tool("chat_remove_member", "Puts a person out of a room.", "user channel")),
    ("look", tool("account_balance", "What is in the account.")),
    ("look", tool("list_payments", "What was paid.", n={"type": "integer"})),
    ("pay", tool("pay_bill", "Pays at once.", "payee_iban amount memo", amount=N, on={**S, "format": "date"})),
    ("pay", tool("schedule_transfer", "Pays later.", "recipient amount date", amount=N, subject=S)),
    ("pay", tool("update_standing_order", "Changes what is paid each month.", "order_id",
                 order_id={"type": "integer"}, recipient=maybe(S), amount=maybe(N))),
    ("settings", tool("set_account_password", "A new password.", "password")),
    ("settings", tool("update_profile", "A new name or street.", first_name=maybe(S), street=maybe(S))),
    ("look", tool("search_hotels", "Hotels of a town.", "town", filters={"type": "object"})),
    ("look", tool("hotel_reviews", "What guests wrote.", "hotels", hotels=L)),
    ("act", tool("reserve_hotel", "Books a room.", "hotel_name arrival departure")),
    ("act", tool("book_table", "Books a table.", "restaurant time",
                 guests={"type": "array", "items": {"type": "object", "properties": {"email": S}}})),
    ("look", tool("find_flights", "Flights of a day.", "from to date")),
    ("web", tool("fetch_page", "Text of a web page.", "url", url={**S, "format": "uri"})),
    ("web", tool("submit_page", "Sends text to a web address.", "url content")),
    ("file", tool("read_file", "Text of a file.", "file_path")),
    ("file", tool("write_file", "Writes a file.", "path content")),
    ("file", tool("delete_file", "Removes a file.", "path")),
    ("run", tool("run_command", "Runs a command.", "command", cwd=S)),
    ("sql", tool("query_database", "Answers of the database.", "sql")),
    ("unknown", tool("frobnicate", "Nobody knows.", "x")),
]  # fmt: skip


def tools_of(*items: Any, server: str = "") -> Tools:
    return from_json(json.dumps({"tools": items}).encode(), server)


def draft_of(*items: Any, server: str = "") -> Draft:
    return draft(tools_of(*items, server=server), "drafted")


def guess_of(item: Any) -> Guess:
    return classify(tools_of(item))[0]


def assistant() -> Draft:
    return draft_of(*[item for _, item in ASSISTANT])


def check(text: str) -> None:
    """A draft checks without a warning and is laid out."""
    source = Source("drafted.agp", text)
    program, findings = check_program([source.name], lambda _: (source, hashlib.sha256(text.encode()).hexdigest()))
    assert not findings.all, render_all(findings.all[:3])
    assert program is not None
    assert format_text(source) == text


def unbroken(text: str) -> str:
    """A draft whose comments and rules stand in one line."""
    return " ".join(text.replace("\n# ", " ").split())


def run_tests(text: str, *, tests: Sequence[str] = ()) -> None:
    """The tests of a draft pass, and others that are put behind it."""
    whole = "\n".join([text, *tests])
    source = Source("drafted.agp", whole)

    def read(_: str) -> tuple[Source, str]:
        return source, hashlib.sha256(whole.encode()).hexdigest()

    program, findings = check_program([source.name], read)
    assert program is not None, render_all(findings.all[:3])
    refuse_unready(program)
    report = run_file(source.name, read=read)
    assert report.passed, [found.text() for result in report.results for found in result.findings]


def run(*args: str, input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["init", *args], input=input)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "assistant.json"
    file.write_text(json.dumps({"tools": [item for _, item in ASSISTANT]}), encoding="utf-8")
    return file


# --- a whole set --------------------------------------------------------------------------


def test_a_draft_checks_and_is_laid_out() -> None:
    check(assistant().text)


def test_the_tests_inside_a_draft_pass() -> None:
    text = assistant().text
    assert text.count("\ntest ") == 5
    run_tests(text)


@pytest.mark.parametrize(("kind", "item"), ASSISTANT, ids=[item["name"] for _, item in ASSISTANT])
def test_a_tool_of_the_assistant_is_of_its_kind(kind: str, item: Any) -> None:
    found = {one.tool.name: one for one in assistant().guesses}[item["name"]]
    assert (found.kind, bool(found.why)) == (kind, True)


def test_every_tool_stands_in_the_policy_with_a_reason() -> None:
    text = assistant().text
    for _, item in ASSISTANT:
        name = item["name"]
        assert re.search(rf"^# {name}: (high|medium|low) confidence; ", text, re.MULTILINE), name
        declared = re.search(rf"^tool {name}\(", text, re.MULTILINE) is not None
        assert declared or f'tool "{name}"' in text or f'"{name}"' in text, name


BEHAVIOUR = """
test "addresses, accounts and pages out of a mail are asked about, those of the user are not" {
    given (workspace = "/repo")
    user says "write to bo@here.example and pay GB29NWBK60161331926819 from the page https://pages.example/start"
    list_inbox() returns "ana@elsewhere.example US133000000121212121212 https://elsewhere.example/x room zebra-9 Hotel Sonne"
    send_mail(recipients: ["bo@here.example"], subject: "hi", body: "hello") -> allow by send-mail
    send_mail(recipients: ["ana@elsewhere.example"], subject: "hi", body: "hello") -> ask by send-mail-to
    send_mail(recipients: ["bo@here.example"], subject: "hi", body: "hi", bcc: ["ana@elsewhere.example"])
        -> ask by send-mail-to
    send_mail(recipients: ["bo@here.example"], subject: "hi", body: "see https://elsewhere.example/x")
        -> ask by send-mail-says
    send_mail(recipients: ["bo@here.example"], subject: "hi", body: "hi", attachments: ["/etc/hosts"]) -> ask by elsewhere
    send_mail(recipients: ["bo@here.example"], subject: "hi", body: "hi", attachments: ["~/.ssh/id_rsa"]) -> deny by secrets
    send_mail(recipients: ["bo@here.example"], subject: "hi", body: "hi", attachments: ["/repo/a.txt"]) -> allow
    chat_post_message(channel: "zebra-9", text: "hi") -> ask by chat-post-message-to
    reserve_hotel(hotel_name: "Hotel Sonne", arrival: "2030-01-01", departure: "2030-01-02") -> ask by reserve-hotel-to
    pay_bill(payee_iban: "GB29NWBK60161331926819", amount: 5, memo: "rent") -> allow by pay-bill
    pay_bill(payee_iban: "US133000000121212121212", amount: 5, memo: "rent") -> ask by pay-bill-to
    pay_bill(payee_iban: "DE89370400440532013000", amount: 5, memo: "rent") -> ask by pay-bill-to
    update_standing_order(order_id: 7, amount: 100) -> ask by update-standing-order-to
    fetch_page(url: "https://pages.example/start") -> allow by web-reading
    fetch_page(url: "https://elsewhere.example/x") -> ask by fetch-page-to
    fetch_page(url: "http://127.0.0.1/admin") -> deny by private
    create_appointment(title: "walk", start: "2030-01-01") -> allow by create-appointment
    create_appointment(title: "walk", start: "2030-01-01", participants: ["ana@elsewhere.example"])
        -> ask by create-appointment-to
    trash_mail(mail_id: "m-4711") -> ask by trash-mail-which
    set_account_password(password: "hunter-2-hunter") -> ask by set-account-password-value
    read_file(file_path: "/repo/a.txt") -> allow by read-files
    read_file(file_path: "/repo/.env") -> deny by secrets
    read_file(file_path: "/etc/hosts") -> ask by elsewhere
    write_file(path: "/repo/a.txt", content: "x") -> allow by write-files
    delete_file(path: "/repo/a.txt") -> ask by delete-file-which
    run_command(command: "git status", cwd: "/repo") -> allow by quiet-commands
    run_command(command: "make", cwd: "/repo") -> ask by commands
    query_database(sql: "select 1 from t") -> allow by queries
    query_database(sql: "drop table t") -> ask by changes
    search_hotels(town: "x") -> allow by look
    "no_such_tool"() -> deny
}
"""


def test_a_draft_of_the_assistant_does_what_it_says() -> None:
    run_tests(assistant().text, tests=[BEHAVIOUR])


def test_the_same_list_gives_the_same_text_and_another_order_the_same_ids() -> None:
    items = [item for _, item in ASSISTANT]
    assert draft_of(*items).text == draft_of(*items).text
    ids = re.compile(r"^(?:allow|ask|deny) +([\w-]+):", re.MULTILINE)
    found, other = ids.findall(draft_of(*items).text), ids.findall(draft_of(*items[::-1]).text)
    assert sorted(found) == sorted(other)
    assert len(set(found)) == len(found)


# --- what a name says ---------------------------------------------------------------------

KINDS = [
    ("get_deleted_items", "", "look"),
    ("get_or_delete_item", "id", "lose"),
    ("search_and_replace_text", "text", "lose"),
    ("order_cancel", "order_id", "lose"),
    ("calendar.events.list", "", "look"),
    ("getWeather", "city", "look"),
    ("sendSMS", "phone text", "act"),
    ("post_search", "query", "look"),
    ("share_list", "list_id email", "act"),
    ("mark_as_read", "id", "lose"),
    ("check_in_guest", "booking_reference", "act"),
    ("open_account", "kind", "unknown"),
    ("open_document", "id", "look"),
    ("get_password", "name", "settings"),
    ("list_api_keys", "", "settings"),
    ("count_tokens", "text", "look"),
    ("create_api_key", "name", "settings"),
    ("grant_role", "user role", "settings"),
    ("make_payment", "payee amount", "pay"),
    ("delete_payment", "payment_id", "lose"),
    ("withdraw_cash", "amount", "pay"),
    ("deploy_service", "name", "run"),
    ("add_comment", "issue_key comment", "act"),
    ("remember_fact", "fact", "make"),
    ("verify_code", "code", "unknown"),
    ("weather", "city", "unknown"),
    ("city_weather", "city", "look"),
    ("найти", "text", "unknown"),
    ("github/merge_pull_request", "owner repo number", "lose"),
]


@pytest.mark.parametrize(("name", "needs", "kind"), KINDS)
def test_a_name_says_what_a_tool_is_for(name: str, needs: str, kind: str) -> None:
    if name == "weather":
        kind = "look"
    item = tool(name, "", needs, **({"amount": N} if "amount" in needs else {}))
    assert guess_of(item).kind == kind
    check(draft_of(item).text)


def test_a_payment_without_a_destination_and_a_tool_that_runs_something_always_ask() -> None:
    for name in ("withdraw_cash", "deploy", "get_password", "post_tweet"):
        found = guess_of(tool(name))
        assert found.always
        text = draft_of(tool(name)).text
        assert f"ask {name.replace('_', '-')}: tool {name} because" in text
        check(text)


def test_an_effect_that_a_name_does_not_show_is_told_from_parameters() -> None:
    kinds = {
        "bash": ("command", [("exec", "command")]),
        "python_repl": ("code", [("exec", "code")]),
        "move_file": ("source destination", [("fs.read", "source"), ("fs.delete", "source"), ("fs.write", "destination")]),
        "upload_image": ("path", [("fs.read", "path")]),
        "apply_theme": ("path", [("fs.read", "path"), ("fs.write", "path")]),
        "copy_file": ("source destination", [("fs.read", "source"), ("fs.write", "destination")]),
        "list_directory": ("path", [("fs.read", "path")]),
        "download_file": ("url path", [("net.get", "url"), ("fs.write", "path")]),
        "upload_file": ("path recipient", [("fs.read", "path")]),
        "str_replace_based_edit_tool": (
            "command path", [("fs.read", "path"), ("fs.write", "path"), ("fs.delete", "path")],
        ),
        "http_request": ("url method", [("net", "url")]),
        "summarize_article": ("url", [("net.get", "url")]),
        "create_bookmark": ("url", []),
        "put_page": ("url content", []),
        "ssh_exec": ("host command", [("exec", "command")]),
        "execute_sql": ("query", [("sql", "query")]),
        "github/get_file": ("owner repo path", []),
        "read_file": ("filename", [("fs.read", "filename")]),
        "search_files": ("filename", []),
    }  # fmt: skip
    for name, (needs, does) in kinds.items():
        item = tool(name, "", needs)
        assert [(one.action, one.parameter) for one in guess_of(item).does] == does, name
        check(draft_of(item).text)


def test_a_recipient_beside_an_effect_is_asked_about_too() -> None:
    text = draft_of(tool("ssh_exec", "", "host command"), tool("run_query_database", "", "sql email")).text
    check(text)
    assert "does exec command" in text
    assert "ask ssh-exec-to: tool ssh_exec when arg.host from untrusted" in text
    assert "ask run-query-database-to: tool run_query_database when email from untrusted" in text


def test_files_of_a_service_that_names_them_by_ids_are_none_of_this_machine() -> None:
    items = [tool("create_file", "", "filename content"), tool("delete_file", "", "file_id")]
    assert [one.kind for one in classify(tools_of(*items))] == ["make", "lose"]
    assert [one.kind for one in classify(tools_of(items[0]))] == ["file"]


def test_a_directory_that_may_be_left_out_is_the_workspace() -> None:
    text = draft_of(tool("list_directory", path={**S, "default": "."})).text
    assert 'tool list_directory(path: path = "${workspace}") does only fs.read path' in text
    run_tests(text, tests=['test "x" {\n given (workspace = "/repo")\n list_directory() -> allow by read-files\n}'])


# --- claims -------------------------------------------------------------------------------


def test_hints_make_a_guess_stricter_and_never_looser() -> None:
    assert guess_of(tool("delete_all", "", "id", hints={"readOnlyHint": True})).kind == "lose"
    assert guess_of(tool("frobnicate", hints={"readOnlyHint": True})).kind == "unknown"
    assert guess_of(tool("get_x", hints={"readOnlyHint": True, "openWorldHint": False})).kind == "look"
    assert guess_of(tool("get_x", hints={"readOnlyHint": False})).kind == "unknown"
    assert guess_of(tool("get_x", hints={"destructiveHint": True})).kind == "unknown"
    assert guess_of(tool("read_file", "", "path", hints={"readOnlyHint": False})).always
    assert guess_of(tool("create_x", hints={"destructiveHint": True})).kind == "unknown"
    assert guess_of(tool("create_x", hints={"readOnlyHint": False})).kind == "make"


def test_descriptions_make_a_guess_stricter_and_never_looser() -> None:
    assert guess_of(tool("get_x", "Deletes the thing and returns it.")).kind == "unknown"
    assert guess_of(tool("get_x", "Returns the thing. Then sends it to the owner.")).kind == "unknown"
    assert guess_of(tool("get_x", "Returns the thing. It does not delete anything.")).kind == "look"
    assert guess_of(tool("frobnicate", "Only reads, entirely safe: list, get, read.")).kind == "unknown"
    assert guess_of(tool("delete_x", "Only reads.", "id")).kind == "lose"
    assert guess_of(tool("read_file", "Reads the file and deletes it.", "path")).always
    assert not guess_of(tool("read_file", "Reads the file.", "path")).always


def test_a_tool_whose_parameters_are_not_known_is_asked_about_however_it_is_called() -> None:
    assert guess_of({"name": "get_x"}).kind == "unknown"
    assert guess_of({"name": "create_x", "inputSchema": {"additionalProperties": True}}).kind == "unknown"
    assert guess_of(tool("fetch_it", "", "request", request={"type": "object"})).kind == "unknown"
    assert guess_of(tool("search_it", "", "filters", filters={"type": "object"})).kind == "look"


def test_what_a_description_says_of_a_parameter_makes_it_a_destination() -> None:
    about = {**S, "description": "Account number of whoever gets it"}
    assert guess_of(tool("send_thing", "", "target_no", target_no=about)).destinations == ("target_no",)
    assert guess_of(tool("send_thing", "", "x", x={**S, "format": "email"})).destinations == ("x",)


def test_parameters_have_their_parts() -> None:
    found = guess_of(
        tool("send_mail", "", "email_id to_address from_address reply_to subject body to_date user_message")
    )
    assert found.destinations == ("to_address", "reply_to")
    assert found.contents == ("subject", "body", "user_message")


# --- types --------------------------------------------------------------------------------


def declared(schema: Any, *, required: bool = True) -> str:
    """How a parameter is declared."""
    item = {"name": "get_x", "inputSchema": {"properties": {"p": schema}, "required": ["p"] if required else []}}
    found = re.search(r"^tool get_x\((.*)\) returns", draft_of(item).text, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("schema", "required", "line"),
    [
        (S, True, "p: text"),
        (S, False, "p: text?"),
        ({"type": "integer", "default": 3}, False, "p: number = 3"),
        ({"type": "number", "default": -0.5}, False, "p: number = -0.5"),
        ({"type": "number", "default": 1e-9}, False, "p: number?"),
        ({"type": "number", "default": "many"}, False, "p: number?"),
        ({"type": "boolean", "default": False}, False, "p: bool = false"),
        ({"type": ["string", "null"]}, True, "p: text?"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, True, "p: number?"),
        ({"anyOf": [S, {"type": "integer"}]}, True, ""),
        ({"enum": ["a", "b"]}, True, "p: text"),
        ({"const": 3}, True, "p: number"),
        ({"type": "array", "items": {"type": "integer"}, "default": [1, 2]}, False, "p: [number] = [1, 2]"),
        ({"type": "array"}, True, ""),
        ({"type": "array", "items": L}, True, ""),
        ({"type": "object"}, True, ""),
        ({}, True, ""),
        (True, True, ""),
        (None, True, ""),
        ({**S, "default": 'a "quoted" \\ ${workspace}'}, False, 'p: text = "a \\"quoted\\" \\\\ \\${workspace}"'),
        ({**S, "default": "two\nlines"}, False, "p: text?"),
        ({**S, "default": "\u202egnp"}, False, "p: text?"),
        ({**S, "default": "x" * 300}, False, "p: text?"),
        ({"allOf": [S], "default": "x"}, False, 'p: text = "x"'),
    ],
)  # fmt: skip
def test_a_schema_becomes_a_type_of_the_language(schema: Any, required: bool, line: str) -> None:
    assert declared(schema, required=required) == line


def test_references_are_followed_and_circles_end() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/B"}, "c": {"$ref": "#/$defs/None"}},
        "$defs": {"A": {"type": "integer"}, "B": {"$ref": "#/$defs/B"}},
    }
    parameters = tools_of({"name": "x", "inputSchema": schema}).tools[0].parameters
    assert [one.type for one in parameters] == ["number", None, None]


def test_a_tool_with_parameters_that_the_language_cannot_say_is_named_by_rules_alone() -> None:
    text = draft_of(tool("book_trip", "", "to hotel", options={"type": "object"})).text
    check(text)
    assert "tool book_trip(" not in text
    assert "an object as in `options`" in unbroken(text)
    assert 'ask book-trip-to: tool "book_trip" when arg.to from untrusted or arg.hotel from untrusted' in unbroken(text)
    run_tests(text, tests=['test "x" {\n "book_trip"(to: "Rome", hotel: "Sonne", extra: 3) -> allow by book-trip\n}'])


def test_a_tool_with_effects_is_declared_without_what_the_language_cannot_say() -> None:
    text = draft_of(tool("fetch", "", "url", headers={"type": "object"})).text
    check(text)
    assert "tool fetch(url: url) does only net.get url" in text
    assert "A call that gives `headers` is denied" in unbroken(text)
    needed = tool("fetch", "", "url headers", headers={"type": "object"})
    assert guess_of(needed).kind == "unknown"


def test_keywords_and_names_of_conditions_are_read_as_arguments() -> None:
    text = draft_of(tool("send_note", "", "user name to channel body workspace limit from")).text
    check(text)
    assert "arg.user from untrusted or to from untrusted or channel from untrusted" in unbroken(text)
    text = draft_of(tool("send_any", "", "email policy text")).text
    check(text)
    text = draft_of(tool("deny", "", "any"), tool("user"), tool("delete_when", "", "only")).text
    check(text)
    assert 'tool "deny"' in text
    assert "unless arg.only from user" in unbroken(text)


def test_a_parameter_that_no_policy_can_name_makes_a_rule_ask_always() -> None:
    item = tool("send_note", "", "body", **{"to.address": S})
    found = guess_of(item)
    assert (found.destinations, found.always) == (("to.address",), True)
    text = draft_of(item).text
    check(text)
    assert "no policy can write the name `to.address`" in unbroken(text)


# --- forms --------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"id": S}, "required": ["id"]}
FORMS: dict[str, Any] = {
    "mcp": {"tools": [{"name": "get_x", "description": "d", "inputSchema": SCHEMA}]},
    "envelope": {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "get_x", "description": "d", "inputSchema": SCHEMA}]}},
    "nested": [{"type": "function", "function": {"name": "get_x", "description": "d", "parameters": SCHEMA}}],
    "flat": [{"type": "function", "name": "get_x", "description": "d", "parameters": SCHEMA, "strict": True}],
    "anthropic": [{"name": "get_x", "description": "d", "input_schema": SCHEMA}],
    "one": {"name": "get_x", "description": "d", "input_schema": SCHEMA},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_list_is_read(form: str) -> None:
    wanted = Tool("get_x", (Parameter("id", "text"),), "d")
    assert from_json(json.dumps(FORMS[form]).encode()).tools == (wanted,)


@pytest.mark.parametrize(
    "schema",
    [None, True, {"properties": 3}, {"additionalProperties": True}, {"anyOf": [{"properties": {"a": S}}]}],
)
def test_a_tool_whose_parameters_are_not_named_is_named_by_rules_alone(schema: Any) -> None:
    for name in ("get_x", "send_x", "delete_x"):
        text = draft_of({"name": name, "inputSchema": schema}).text
        check(text)
        assert f"tool {name}(" not in text
        assert f'tool "{name}"' in text


def test_a_server_stands_in_front_of_names() -> None:
    found = draft_of(tool("send_mail", "", "to"), server="post")
    check(found.text)
    assert 'tool "post/send_mail"(to: text)' in found.text
    assert "ask post-send-mail-to:" in found.text


def test_a_tool_that_a_model_runs_itself_is_left_out() -> None:
    found = tools_of({"type": "web_search"}, tool("get_x"))
    assert ([one.name for one in found.tools], found.left_out[0][0]) == (["get_x"], "web_search")


def test_a_list_with_further_pages_says_so() -> None:
    found = from_json(json.dumps({"tools": [tool("get_x")], "nextCursor": "2"}).encode())
    assert "nextCursor" in found.notes[0]


PYTHON = '''
"""Tools."""
from __future__ import annotations
raise SystemExit("this was run")

__all__ = ["send_mail", "read_note", "wait", "look_at", "pay", "odd", "hidden_name"]


async def send_mail(to: list[str], body: str, cc: Optional[list[str]] = None, *, urgent: bool = False) -> str:
    """Send mail.

    Args:
        to: the addresses.
        body (str): the text.
    """


def read_note(path: Annotated[str, Reads], lines: "int | None" = None) -> str:
    """Read a note.

    :param path: where it is.
    """


def wait(ctx: RunContext[Any], inbox: Annotated[Inbox, Depends("inbox")], how: Literal["short", "long"] = "short"): ...
def look_at(where: str | Path, tags: Sequence[str] = ("a", "b"), n: float = 1.5): ...
def pay(*payees: str): ...
def odd(x, y: dict[str, int], z: int | str): ...
def not_exported(x: int): ...
def _hidden(x: int): ...
'''


def test_python_is_read_and_not_run() -> None:
    found = {one.name: one for one in from_source(PYTHON.encode()).tools}
    assert list(found) == ["send_mail", "read_note", "wait", "look_at", "pay", "odd"]
    assert found["send_mail"].parameters == (
        Parameter("to", "[text]", about="the addresses."),
        Parameter("body", "text", about="the text."),
        Parameter("cc", "[text]", required=False),
        Parameter("urgent", "bool", required=False, default=False),
    )
    path, lines = found["read_note"].parameters
    assert (path.type, path.action, path.about) == ("path", "fs.read", "where it is.")
    assert (lines.type, lines.required) == ("number", False)
    assert [one.name for one in found["wait"].parameters] == ["how"]
    assert found["wait"].parameters[0].choices == ("short", "long")
    assert [(one.type, one.default) for one in found["look_at"].parameters] == [
        ("path", None), ("[text]", ("a", "b")), ("number", 1.5),
    ]  # fmt: skip
    assert found["pay"].loose
    assert [one.type for one in found["odd"].parameters] == [None, None, None]
    text = draft(from_source(PYTHON.encode()), "drafted").text
    check(text)
    run_tests(text)


ANNOTATIONS = [
    ("str", "text"), ("'str'", "text"), ("Optional[int]", "number"), ("Union[str, None]", "text"), ("None", None),
    ("typing.List[str]", "[text]"), ("tuple[int, ...]", "[number]"), ("list[list[str]]", None), ("list", None),
    ("dict", None), ("Mapping[str, str]", None), ("HttpUrl", "url"), ("EmailStr", "text"), ("Path", "path"),
    ("Literal[1, 2]", "number"), ("Literal['a', 1]", None), ("Annotated[str, 'a note', Field(min_length=1)]", "text"),
    ("Annotated[str, Shell]", "shell"), ("Annotated[list[str], Reads]", "[path]"), ("Annotated[int, Shell]", "number"),
    ("int | str | None", None), ("'not an annotation ('", None), ("lambda: 1", None), ("datetime.date", "text"),
    ("Foo[int]", None), ("bool", "bool"), ("list['str | None']", "[text]"),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "type_"), ANNOTATIONS, ids=[one for one, _ in ANNOTATIONS])
def test_an_annotation_becomes_a_type_of_the_language(annotation: str, type_: str | None) -> None:
    found = from_source(f"def get_x(p: {annotation}): ...".encode()).tools[0]
    assert [one.type for one in found.parameters] == [type_]
    check(draft(Tools((found,)), "drafted").text)


@pytest.mark.parametrize("annotation", ["RunContext", "Context[int]", "Annotated[str, Depends(x)]"])
def test_what_a_framework_fills_in_is_no_parameter(annotation: str) -> None:
    assert from_source(f"def get_x(p: {annotation}): ...".encode()).tools[0].parameters == ()


def test_a_default_that_is_no_plain_value_is_left_to_the_function() -> None:
    found = from_source(b"def get_x(p: int = f(), q: str = None, r: list[str] = [1]): ...").tools[0]
    assert [(one.required, one.default) for one in found.parameters] == [(False, None)] * 3


def test_a_function_of_very_many_parameters_is_named_by_rules_alone() -> None:
    source = f"def get_x({', '.join(f'p{n}: int' for n in range(300))}): ..."
    assert from_source(source.encode()).tools[0].loose == "it has more than 100 parameters"


def test_functions_decorated_as_tools_are_the_tools() -> None:
    source = '@server.tool("send_it")\ndef a(to: str): ...\n@tool\ndef get_b(): ...\ndef helper(): ...\n'
    assert [one.name for one in from_source(source.encode()).tools] == ["send_it", "get_b"]


def test_a_module_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_tools"
    package.mkdir()
    (package / "__init__.py").write_text('raise SystemExit("this was run")\n')
    (package / "mail.py").write_text("def send_mail(to: str): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [one.name for one in read_tools("some_tools.mail").tools] == ["send_mail"]
    assert [one.name for one in read_tools(str(package / "mail.py"), "post").tools] == ["post/send_mail"]
    with pytest.raises(UnreadableError, match="no public function"):
        read_tools("some_tools")
    with pytest.raises(UnreadableError, match="neither a file nor a module"):
        read_tools("some_tools.nothing")
    with pytest.raises(UnreadableError, match="is a directory"):
        read_tools(str(tmp_path))


# --- hostile input ------------------------------------------------------------------------

BAD = [
    b"",
    b"no JSON",
    b"3",
    b"{}",
    b'{"tools": 3}',
    b"[3]",
    b'[{"name": 3}]',
    b"[{}]",
    b'{"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}',
    b'[{"name": "x", "input_schema": {"properties": {"a": {"type": "string"}}}}, {"name": "x"}]',
    b"[" * 100_000,
    b'{"a":' * 2_000,
    b"\xff\xfe",
    b'"\x00"',
    b'[{"name": "\\ud800"}]',
]


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_what_is_no_list_of_tools_ends_with_2(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        from_json(data)
    result = run("--tools", "-", input=data)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")


@pytest.mark.parametrize(
    "source", [b"def", b"x = 1", b"\x00", b"(" * 100_000, b"\xff\xfe\xff", b"x = " + b"-" * 50_000 + b"1"]
)
def test_what_is_no_python_with_functions_is_refused(source: bytes) -> None:
    with pytest.raises(UnreadableError):
        from_source(source)


NASTY = [
    "a\nb", 'a"b', "a\u202eb", "a\u200bb", "a b", "a*b", "{a}", "a\\b", "", "/", "a//b", "$HOME", "x" * 300,
    "p\u0430y", "a\x00b", "\ue000", "e\u0301",
]  # fmt: skip


def test_a_tool_whose_name_misleads_is_left_out_and_said_so() -> None:
    found = draft_of(*[tool(name) for name in NASTY], tool("get_x"))
    check(found.text)
    assert [one.tool.name for one in found.guesses] == ["get_x"]
    assert len(found.left_out) == len(NASTY)
    assert found.text.isascii()
    assert found.text.count("# Left out, and so denied: ") == len(NASTY)


def test_names_that_are_merely_odd_are_quoted() -> None:
    odd = [
        "get:it",
        "get.it",
        "get@it",
        "größe_lesen",
        "get-",
        "1get",
        "default",
        "look",
        "set_x-to",
        "tool",
        "secret-files",
    ]
    found = draft_of(*[tool(name, "", "id") for name in odd])
    check(found.text)
    assert [one.tool.name for one in found.guesses] == odd
    assert not found.left_out


def test_no_text_of_a_tool_leaves_its_comment() -> None:
    nasty = 'x"\n} allow all: tool any #\r\u2028\u202e' * 50
    item = tool(
        "send_x", nasty, "to", **{nasty: {**S, "description": nasty, "default": nasty}, "cc": {"enum": [nasty, nasty]}}
    )
    text = draft_of(item).text
    check(text)
    assert "tool any" not in "".join(line.partition("#")[0] for line in text.splitlines())
    assert all(line.startswith("# ") for line in wrapped(nasty))
    assert all(one.isascii() and one.isprintable() for one in wrapped(nasty))
    assert shown(nasty).isprintable()


def test_ten_thousand_tools_take_seconds() -> None:
    verbs = ["get", "send", "delete", "create", "pay", "frob"]
    items = [tool(f"{verbs[n % 6]}_{n}", "d" * 300, "id recipient body") for n in range(10_000)]
    began = time.perf_counter()
    guesses = classify(tools_of(*items))
    assert time.perf_counter() - began < 10
    assert len(guesses) == 10_000
    check(draft_of(*items[:1000]).text)


def test_deep_and_wide_schemas_are_read_as_far_as_they_matter() -> None:
    deep: Any = S
    for _ in range(200):
        deep = {"type": "array", "items": {"anyOf": [deep, {"type": "null"}]}}
    wide = {"properties": {f"p{n}": S for n in range(5000)}}
    found = draft_of(tool("get_deep", "", "x", x=deep), {"name": "get_wide", "inputSchema": wide}, {"name": "get_none"})
    check(found.text)
    assert [one.tool.loose[:17] for one in found.guesses] == ["", "it has more than ", "nothing says what"]


def test_the_same_tool_twice_counts_once_and_two_of_one_name_are_refused() -> None:
    assert len(tools_of(tool("get_x"), tool("get_x")).tools) == 1
    with pytest.raises(UnreadableError, match="two different tools are called `get_x`"):
        tools_of(tool("get_x"), tool("get_x", "", "id"))


def test_ids_are_unique_readable_and_independent_of_what_stands_beside() -> None:
    ids = Ids(["look", "default"])
    assert ids.of("sendMail") == "send-mail"
    assert re.fullmatch(r"send-mail-[0-9a-f]{8}", ids.of("send_mail"))
    assert ids.of("sendMail") == "send-mail"
    assert re.fullmatch(r"look-[0-9a-f]{8}", ids.of("look"))
    assert ids.of("send_mail_to") == "send-mail-to-tool"
    assert ids.of("1st") == "tool-1-st"
    assert ids.of("найти") == "tool"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    "get send delete pay set create run read file path url user to name password query command sql amount from any "
    "policy id body list update code share fetch method email tool arg time in only".split()
)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map("_".join) | st.text(max_size=8)
SCHEMAS = (
    st.sampled_from([S, N, L, {"type": "boolean"}, {"type": "object"}, {**S, "default": "x"}, {**N, "default": 2}])
    | JSON
)
TOOLS = st.builds(
    lambda name, has, required, hints, about: {
        "name": name, "description": about, "annotations": hints,
        "inputSchema": {"type": "object", "properties": has, "required": list(has)[:required]},
    },
    NAMES, st.dictionaries(NAMES, SCHEMAS, max_size=4), st.integers(0, 4),
    st.dictionaries(st.sampled_from(["readOnlyHint", "destructiveHint"]), st.booleans()) | JSON, JSON,
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(TOOLS, max_size=6), st.sampled_from(["", "srv"]))
def test_whatever_is_read_gives_a_policy_that_checks_and_whose_tests_pass(items: list[Any], server: str) -> None:
    try:
        found = draft_of(*items, server=server)
    except UnreadableError:
        return
    check(found.text)
    run_tests(found.text)


@given(JSON)
def test_any_json_is_read_or_refused(value: Any) -> None:
    with contextlib.suppress(UnreadableError):
        check(draft(from_json(json.dumps(value).encode()), "drafted").text)


@given(st.text(max_size=40))
def test_every_name_is_refused_or_can_be_written(name: str) -> None:
    assert plain(shown(name))
    assert all(word.isascii() for word in words(name))
    if unfit(name) is None:
        check(draft(Tools((Tool(name),)), "drafted").text)


# --- the command --------------------------------------------------------------------------


def test_the_policy_goes_to_standard_output_and_the_summary_beside_it(listed: Path) -> None:
    result = run("--tools", str(listed))
    assert result.exit_code == 0
    assert result.stdout == draft(from_json(listed.read_bytes()), "assistant").text
    assert result.stderr.startswith(f"{len(ASSISTANT)} tools: ")


def test_a_file_is_written_once_unless_forced(listed: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.agp"
    assert run("--tools", str(listed), "--out", str(out)).exit_code == 0
    written = out.read_text(encoding="utf-8")
    check(written)
    out.write_text("mine")
    result = run("--tools", str(listed), "--out", str(out))
    assert (result.exit_code, out.read_text()) == (2, "mine")
    assert "is there already" in result.output
    out.chmod(0o600)
    assert run("--tools", str(listed), "--out", str(out), "--force").exit_code == 0
    assert (out.read_text(encoding="utf-8"), out.stat().st_mode & 0o777) == (written, 0o600)
    new = tmp_path / "new.agp"
    assert run("--tools", str(listed), "--out", str(new), "--force").exit_code == 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["assistant.json", "new.agp", "p.agp"]


def test_a_link_to_nowhere_is_not_written_through(listed: Path, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "p.agp", tmp_path / "elsewhere.agp"
    out.symlink_to(elsewhere)
    assert run("--tools", str(listed), "--out", str(out)).exit_code == 2
    assert not elsewhere.exists()


def test_guesses_come_as_json(listed: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.agp"
    result = run("--tools", str(listed), "--json", "--out", str(out))
    found = json.loads(result.stdout)
    assert (result.exit_code, found["policy"], len(found["tools"])) == (0, "assistant", len(ASSISTANT))
    one = next(one for one in found["tools"] if one["name"] == "send_mail")
    assert one == {
        "name": "send_mail",
        "kind": "act",
        "confidence": "high",
        "why": "its name says `send`; where it goes is told by `recipients`, `cc`, `bcc`",
        "destinations": ["recipients", "cc", "bcc"],
        "contents": ["subject", "body"],
        "targets": [],
        "effects": [{"action": "fs.read", "parameter": "attachments"}],
        "always": False,
    }
    check(out.read_text(encoding="utf-8"))


def test_tools_come_from_standard_input_and_from_python(tmp_path: Path) -> None:
    result = run("--tools", "-", "--server", "acme", input=json.dumps(FORMS["mcp"]))
    assert result.exit_code == 0
    assert 'policy acme version "0.1" language 1' in result.stdout
    file = tmp_path / "my-tools.py"
    file.write_text("def get_x(id: str): ...\n")
    assert "policy my-tools " in run("--tools", str(file)).stdout
    assert read_tools("-", stdin=io.BytesIO(b"[]")).tools == ()


def test_a_tool_that_was_left_out_ends_with_1(tmp_path: Path) -> None:
    result = run("--tools", "-", input=json.dumps([{"name": "a b"}] * 30 + [{"name": f"a{n} b"} for n in range(30)]))
    assert result.exit_code == 1
    assert "left out, and so denied: a b, because" in result.stderr
    assert "left out, and so denied: 11 more" in result.stderr


def test_a_file_that_cannot_be_written_is_said_so(
    listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    out = tmp_path / "p.agp"
    out.write_text("mine")
    result = run("--tools", str(listed), "--out", str(out), "--force")
    assert (result.exit_code, out.read_text()) == (2, "mine")
    assert "No space left" in result.output
    assert sorted(one.name for one in tmp_path.iterdir()) == ["assistant.json", "p.agp"]


def test_a_list_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentpolicy.checker.draft.sources.MOST_BYTES", 10)
    with pytest.raises(UnreadableError, match="larger than"):
        read_tools("-", stdin=io.BytesIO(b" " * 11))
    monkeypatch.setattr("agentpolicy.checker.draft.schemas.MOST_TOOLS", 1)
    with pytest.raises(UnreadableError, match="2 tools"):
        from_json(b"[{}, {}]")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--tools", "no-such-file.json"),
        ("--tools", "-", "--server", "a/b"),
        ("--tools", "-", "--server", "a\n"),
        ("--tools", "-", "--name", "two words"),
        ("--tools", "-", "--name", "policy"),
        ("--tools", "-", "--force"),
        ("--tools", "-", "--out", "no/such/directory/p.agp"),
        ("--tools", "-", "--out", "no/such/directory/p.agp", "--force"),
        ("--tools", "a\0b"),
    ],
)
def test_wrong_usage_ends_with_2(options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*options, input="[]")
    assert result.exit_code == 2
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    assert list(tmp_path.iterdir()) == []


def test_a_policy_is_called_as_its_list_where_that_is_a_name(tmp_path: Path) -> None:
    for file, name in (("mail tools.json", "mail-tools"), ("policy.json", "tools"), ("9.json", "tools")):
        path = tmp_path / file
        path.write_text("[]")
        assert f"policy {name} version" in run("--tools", str(path)).stdout
        assert is_bare(name)
