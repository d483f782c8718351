"""Proofs hold only where they are proved, and fail only with a counterexample that was judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from agentpolicy.checker import judging, search
from agentpolicy.checker.prove import ProofResult, proof_rule, prove
from agentpolicy.compiler import reference
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, ToolEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.effects.urls import host_effect, net_effect
from agentpolicy.engine.policy import text_reader
from agentpolicy.language.checked import DefaultDecl
from agentpolicy.language.load import load_program

HOST = Host(
    cwd="/w",
    home="/home/u",
    files=MemoryFiles({"/tmp": "/private/tmp"}, programs={"git": "/usr/bin/git"}),
    os_name="linux",
)


def proved(text: str, files: Mapping[str, str] | None = None, names: Sequence[str] = ("/p/policy.agp",)) -> ProofResult:
    """The result of the only proof in a policy's last layer."""
    program = load_program(list(names), text_reader(names[-1], 'policy p version "1"\n' + text, files or {}))
    layer = program.layers[-1]
    return prove(program, layer.proofs[0], layer, HOST)


def holds(text: str) -> None:
    result = proved(text)
    assert (result.outcome, result.counterexample) == ("holds", None), result


def fails(text: str, counterexample: str, rule: str) -> ProofResult:
    result = proved(text)
    assert (result.outcome, result.counterexample, result.rule) == ("fails", counterexample, rule), result
    return result


def undecided(text: str, why: str) -> None:
    result = proved(text)
    assert (result.outcome, result.counterexample) == ("cannot decide", None), result
    assert why in result.detail


# --- files -----------------------------------------------------------------------------


def test_nothing_outside_the_workspace_is_written() -> None:
    holds(
        """
        param workspace: path
        allow write: fs.write, fs.delete "${workspace}/**", "/tmp/**"
        deny outside: fs.write, fs.delete any except "${workspace}/**", "/tmp/**" because "outside"
        prove never allow fs.write "/etc/**" given (workspace = "/repo")
        """
    )


def test_an_exception_of_an_allow_rule_is_enough() -> None:
    holds(
        """
        param workspace: path
        fact trigger: text
        define fork = trigger == "fork"
        allow read:  fs.read "${workspace}/**", "/usr/**"
        allow write: fs.write, fs.delete "${workspace}/**" except "${workspace}/.github/**"
        deny own: fs.write "${workspace}/.github/**", "${workspace}/**/Makefile" when fork because "no"
        prove never allow fs.write "/w/.github/**" given (workspace = "/w")
        """
    )


def test_the_shortest_counterexample_is_shown_with_the_rule_that_allowed_it() -> None:
    result = fails('allow all: fs.write "/**"\nprove never allow fs.write "/etc/**"', 'fs.write "/etc"', "all")
    assert result.detail == '`fs.write "/etc"` is answered `allow` by `all`'
    assert result.layer == "p"


def test_what_a_deny_rule_leaves_open_is_found() -> None:
    fails(
        'allow all: fs.write any\ndeny etc: fs.write "/etc/*" because "no"\nprove never allow fs.write "/etc/**" except "/etc"',
        'fs.write "/etc/x/x"',
        "all",
    )


def test_two_deny_rules_that_cover_the_match_together_are_enough() -> None:
    holds(
        """
        allow all: fs.write any
        deny one: fs.write "/etc/*" because "no"
        deny two: fs.write "/etc/*/**", "/etc" because "no"
        prove never allow fs.write "/etc/**"
        """
    )


def test_patterns_that_meet_only_together_give_a_counterexample() -> None:
    fails('allow py: fs.write "**/*.py"\nprove never allow fs.write "/etc/**"', 'fs.write "/etc/.py"', "py")


def test_links_in_front_of_a_pattern_count() -> None:
    holds('allow all: fs.write any except "/tmp/**"\nprove never allow fs.write "/private/tmp/**"')
    fails('allow tmp: fs.write "/tmp/**"\nprove never allow fs.write "/private/**"', 'fs.write "/private/tmp/x"', "tmp")


def test_every_action_of_a_family_is_looked_at() -> None:
    fails('allow all: fs.read, fs.delete any\nprove never allow fs "/etc/**"', 'fs.read "/etc"', "all")
    holds("allow all: fs.read any\nprove never allow fs.write, fs.delete any")


def test_a_default_that_allows_is_a_counterexample() -> None:
    result = fails("default allow\nprove never allow fs.write any", 'fs.write "/"', "default")
    assert "by the default" in result.detail
    holds("default ask\nprove never allow fs.write any")
    holds("default allow\ndefault deny for fs.write\nprove never allow fs.write any")


def test_an_opaque_effect_counts() -> None:
    result = fails(
        'allow all: fs.write any when opaque\nprove never allow fs.write "/etc/**"', 'fs.write "/etc"', "all"
    )
    assert "(opaque)" in result.detail
    holds(
        'allow all: fs.write any when opaque\ndeny etc: fs.write "/etc/**" because "no"\nprove never allow fs.write "/etc/**"'
    )


# --- conditions --------------------------------------------------------------------------


def test_a_condition_may_hold_and_the_situation_is_told() -> None:
    result = fails(
        'fact branch: text\nallow main: fs.write "/etc/**" when branch == "main" and agent.role != "ci"\nprove never allow fs.write "/etc/**"',
        'fs.write "/etc/x"',
        "main",
    )
    assert result.detail.endswith('given (branch = "main", agent.role = "other")')


def test_what_is_given_settles_conditions() -> None:
    text = 'fact branch: text\nallow main: fs.write "/etc/**" when branch == "main"\nprove never allow fs.write any given (branch = "{}")'
    holds(text.format("dev"))
    fails(text.format("main"), 'fs.write "/etc/x"', "main")
    holds('allow ci: exec any when agent.role == "ci"\nprove never allow exec any given (agent.role = "dev")')


def test_a_parameter_settles_conditions() -> None:
    holds("param open: bool\nallow all: exec any when open\nprove never allow exec any given (open = false)")
    fails(
        "param open: bool\nallow all: exec any when open\nprove never allow exec any given (open = true)",
        'exec "x"',
        "all",
    )


def test_a_deny_rule_under_a_condition_is_not_relied_on() -> None:
    result = fails(
        'fact fork: bool\nallow all: fs.write any\ndeny own: fs.write any when fork because "no"\nprove never allow fs.write "/w"',
        'fs.write "/w"',
        "all",
    )
    assert "fork = false" in result.detail


def test_a_proof_under_the_same_condition_as_a_rule_holds() -> None:
    holds('allow all: net any\ndeny private: net any when private because "no"\nprove never allow net any when private')
    holds("fact f: bool\nallow all: exec any unless f\nprove never allow exec any when f")


def test_conditions_that_exclude_each_other_are_seen() -> None:
    holds(
        'fact f: bool\nallow all: exec any when f\ndeny some: exec any when f because "no"\nprove never allow exec any'
    )


def test_a_method_is_known_from_the_action() -> None:
    holds('allow get: net any when method == "GET"\nprove never allow net.post any')


def test_a_port_in_a_condition_is_exact() -> None:
    holds('allow all: net "a.example:*" when port == 443\nprove never allow net.get "a.example:80"')
    fails(
        'allow all: net.get "a.example:*" when port < 100\nprove never allow net.get "a.example"',
        'net.get "https://a.example:99/"',
        "all",
    )


@pytest.mark.parametrize(
    ("text", "of", "subject", "condition"),
    [
        ("path", "fs.write", "/w/a.py", 'path like "/w/**"'),
        ("name", "fs.write", "/w/a.py", 'name == "a.py"'),
        ("suffix", "fs.write", "/w/a.py", 'suffix in [".py"]'),
        ("host", "net.get", "10.0.0.1", 'host like "10.*.*.*"'),
        ("private", "net.get", "10.0.0.1", "private"),
        ("flags", "exec", "make all -fu", 'flags has "-f"'),
        ("server", "tool", "github/x", 'server == "github"'),
    ],
)
def test_what_one_literal_says_settles_conditions(text: str, of: str, subject: str, condition: str) -> None:
    rule = f'allow only: {of} "{subject}" unless {condition}'
    holds(f"{rule}\nprove never allow {of} any")
    assert proved(f"{rule.replace('unless', 'when')}\nprove never allow {of} any").outcome == "fails"


@pytest.mark.parametrize(
    "condition",
    [
        'word == "a"', 'word != "b"', 'word in ["a", "b"]', "word in letters", 'word like "a*"', "number > 2", "number >= 3", "number < 4",
        "number <= 3", "not (number == 4)", 'list has "a"', 'list has any ["a", "b"]', "list has any letters", 'list has only ["a"]',
        "list has only letters", "yes", "yes and number == 3", 'word == "b" or yes', 'agent.role == "ci"', "user.groups has only list",
    ],
)  # fmt: skip
def test_given_facts_settle_every_kind_of_condition(condition: str) -> None:
    text = (
        'fact word: text\nfact number: number\nfact list: [text]\nfact yes: bool\nset letters: text = "a*", "c"\n'
        "allow it: tool x {} {}\ntool x()\nprove never allow tool x "
        'given (word = "a", number = 3, list = ["a"], yes = true, agent.role = "ci", user.groups = ["a"])'
    )
    holds(text.format("unless", condition))
    fails(text.format("when", condition), 'tool "x"', "it")
    fails(text.format("when", condition).split("given")[0], 'tool "x"', "it")


# --- commands -----------------------------------------------------------------------------


def test_commands_are_told_apart_by_their_words() -> None:
    holds('allow safe: exec "git {status,diff,log} **"\nprove never allow exec "git push **"')
    fails('allow all: exec "git **"\nprove never allow exec "git push **"', 'exec "git push"', "all")


def test_a_counterexample_looks_past_options_as_deny_rules_do() -> None:
    fails('allow all: exec "git -C **"\nprove never allow exec "git push **"', 'exec "git -C x push"', "all")


def test_a_program_elsewhere_is_no_way_around_a_deny_rule() -> None:
    holds(
        'allow all: exec any\ndeny push: exec "git push **" because "no"\nprove never allow exec "/usr/bin/git push **"'
    )
    holds('allow git: exec "git status"\nprove never allow exec "/tmp/git **" except "git **"')


def test_words_that_a_condition_names_are_tried() -> None:
    fails(
        'allow push: exec "git push **" when flags has "--dry-run"\nprove never allow exec "git push **"',
        'exec "git push --dry-run"',
        "push",
    )


def test_a_command_with_more_rights_is_found() -> None:
    result = fails('allow all: exec any when elevated\nprove never allow exec "rm **"', 'exec "rm"', "all")
    assert result.outcome == "fails"


# --- tools and addresses --------------------------------------------------------------------


def test_tools_are_told_apart_by_name() -> None:
    holds('allow read: tool "github/get_*"\nprove never allow tool "*/delete_*"')
    fails('allow gh: tool "github/*"\nprove never allow tool "*/delete_*"', 'tool "github/delete_"', "gh")


def test_arguments_that_conditions_name_are_tried() -> None:
    fails(
        'tool mail(to: text)\nallow me: tool mail when to == "me"\nprove never allow tool mail',
        'mail(to: "me")',
        "me",
    )


def test_addresses_are_told_apart_by_host_port_and_path() -> None:
    holds('allow a: net.get "https://a.example/api/**"\nprove never allow net.get "b.example"')
    holds('allow a: net.get "https://a.example/api/**"\nprove never allow net.get "https://*/other/**"')
    holds('allow a: net.get "https://*.a.example/**"\nprove never allow net.get "a.example"')
    fails(
        'allow a: net.get "*.a.example"\nprove never allow net.get "*.b.a.example"',
        'net.get "https://x.b.a.example/"',
        "a",
    )


def test_a_narrow_host_means_the_usual_port() -> None:
    holds('allow a: net.get "a.example"\nprove never allow net.get "a.example:8443"')
    fails(
        'allow a: net.get "a.example:8443"\nprove never allow net.get "a.example"',
        'net.get "https://a.example:8443/"',
        "a",
    )


def test_private_addresses_are_found_where_nothing_denies_them() -> None:
    result = proved("allow all: net.get any\nprove never allow net.get any when private")
    assert result.outcome == "fails"


# --- other forms -----------------------------------------------------------------------------


def test_always_deny_holds_where_a_rule_covers_the_match() -> None:
    holds('allow all: fs.write any\ndeny etc: fs.write "/etc/**" because "no"\nprove always deny fs.write "/etc/**"')


def test_always_deny_fails_where_something_is_left_out() -> None:
    fails(
        'allow all: fs.write any\ndeny etc: fs.write "/etc/**" except "/etc/motd" because "no"\nprove always deny fs.write "/etc/**"',
        'fs.write "/etc/motd"',
        "all",
    )


def test_always_deny_by_default_may_turn_into_a_question_by_another_name() -> None:
    result = fails(
        'ask tmp: fs.write "/w/**" because "?"\nprove always deny fs.write "/etc"',
        'fs.write "/etc"',
        "tmp",
    )
    assert result.detail == '`fs.write "/etc"`, which leads to `/w`, is answered `ask` by `tmp`'


def test_always_allow_is_read_as_an_allow_rule() -> None:
    holds('allow git: exec "git status"\nprove always allow exec "git status"')
    fails('allow git: exec "git status"\nprove always allow exec "git {status,diff}"', 'exec "git diff"', "default")


def test_always_allow_sees_questions() -> None:
    fails(
        'allow git: exec "git **"\nask push: exec "git push **" because "?"\nprove always allow exec "git **"',
        'exec "git push"',
        "push",
    )


def test_never_ask_and_never_deny() -> None:
    holds('allow git: exec "git status"\nprove never ask exec "git status"')
    holds('allow git: exec "git status"\nprove never deny exec "git status"')
    fails(
        'allow git: exec any\ndeny rm: exec "rm **" because "no"\nprove never deny exec "rm -r *"',
        'exec "rm -r x"',
        "rm",
    )
    holds("default ask\nprove never deny exec any")


def test_always_ask() -> None:
    holds('default allow\nask push: exec "git push **" because "?"\nprove always ask exec "git push **"')
    fails(
        'default allow\nask push: exec "git push **" because "?"\nprove always ask exec "git {push,pull} **"',
        'exec "git pull"',
        "default",
    )


def test_a_fact_that_may_be_absent_asks() -> None:
    result = proved(
        'default allow\nfact opt: bool?\ndeny x: exec "rm" when opt because "no"\nprove never ask exec "rm"'
    )
    assert (result.outcome, result.counterexample, result.rule) == ("fails", 'exec "rm"', "x")


# --- layers ------------------------------------------------------------------------------------


def test_every_layer_has_a_say() -> None:
    outer = 'policy outer version "1"\ndefault none\ndeny etc: fs.write "/etc/**" because "no"\n'
    result = proved(
        'extends "outer.agp"\nallow all: fs.write any\nprove never allow fs.write "/etc/**"', {"/p/outer.agp": outer}
    )
    assert result.outcome == "holds"


def test_a_layer_without_an_opinion_leaves_the_answer_to_the_other() -> None:
    outer = 'policy outer version "1"\ndefault none\ndeny etc: fs.write "/etc/**" because "no"\n'
    result = proved(
        'extends "outer.agp"\nallow all: fs.write any\nprove never allow fs.write "/usr/*"', {"/p/outer.agp": outer}
    )
    assert (result.outcome, result.counterexample) == ("fails", 'fs.write "/usr/x"')
    assert result.detail == '`fs.write "/usr/x"` is answered `allow` by `all` in layer `p`'


def test_an_outer_layer_that_allows_less_limits_the_inner_one() -> None:
    outer = 'policy outer version "1"\nallow w: fs.write "/w/**"\n'
    text = 'extends "outer.agp"\nallow all: fs.write any\nprove never allow fs.write "{}"'
    assert proved(text.format("/etc/**"), {"/p/outer.agp": outer}).outcome == "holds"
    assert proved(text.format("/w/**"), {"/p/outer.agp": outer}).counterexample == 'fs.write "/w/x"'


def test_layers_that_all_are_silent_deny() -> None:
    holds("default none\nprove never allow fs.write any")


# --- what cannot be decided ---------------------------------------------------------------------


def test_a_parameter_that_is_not_given_is_named() -> None:
    undecided(
        'param workspace: path\nallow w: fs.write "${workspace}/**"\nprove never allow fs.write "/etc/**"',
        "the parameter `workspace` has no value: say it in `given (…)`",
    )


def test_a_parameter_that_nothing_here_reads_needs_no_value() -> None:
    text = """
        param workspace: path
        mark secret on fs.read "${workspace}/.env"
        allow w: fs.write, fs.read "${workspace}/**" because "only in ${workspace}"
        allow all: net any
        """
    holds(text + EGRESS + "prove never allow net any when session has secret")
    fails(text + "prove never allow net.get any", 'net.get "https://x/"', "all")
    undecided(text + "prove never allow net any when session has secret", "the parameter `workspace` has no value")


def test_a_condition_that_nothing_tried_meets_is_named() -> None:
    undecided(
        'fact a: text\nallow odd: exec "x" when a like "p*" and a like "*q" and not a like "*x*"\nprove never allow exec "x"',
        "it hangs on the condition of `odd`",
    )


def test_a_cap_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_STEPS", 3)
    undecided('allow all: fs.write "/a/*", "/b/*", "/c/*"\nprove never allow fs.write "/d/**"', "more than 3 steps")


def test_a_cap_on_what_is_judged_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST_JUDGED", 1)
    undecided(
        'fact a: text\nallow odd: exec "x" when a like "p*" and a like "*q" and not a like "*x*"\nprove never allow exec "x"',
        "and none could be ruled out",
    )


def test_an_address_whose_host_alone_is_known_counts() -> None:
    fails(
        'allow a: net.connect "a.example:*"\nask b: net.connect "a.example:22" because "?"\nprove always allow net.connect "a.example:*"',
        'net.connect "https://a.example:22/"',
        "b",
    )
    holds('allow a: net.connect "a.example:*"\nprove never allow net.connect "b.example"')
    fails(
        'allow a: net.get "https://a.example/x"\nprove always ask net.get "a.example"',
        'net.get "https://a.example/x"',
        "a",
    )


def test_an_opaque_address_is_answered_by_what_is_certain() -> None:
    holds('default allow\ndeny a: net.get "a.example" because "no"\nprove always deny net.get "a.example" when opaque')
    result = proved("allow a: net.get any when opaque\nprove always deny net.get any when opaque")
    assert (result.outcome, result.counterexample, result.rule) == ("fails", 'net.get "https://x/"', "a")


def test_an_opaque_command_is_found_where_nothing_of_it_is_known() -> None:
    result = proved(
        'allow a: exec any when opaque\ndeny b: exec "rm **" because "no"\nprove never ask exec any when opaque'
    )
    assert (result.outcome, result.rule) == ("fails", "b")


def test_too_many_patterns_are_not_followed() -> None:
    patterns = ", ".join(f'"**/a{at}*b{at}*/**"' for at in range(40))
    undecided(
        f"allow all: fs.write {patterns}\nprove never allow fs.write any except {patterns}",
        "the policy is too large for this proof",
    )


# --- what sessions remember: marks ------------------------------------------------------------------

SECRET = 'mark secret on fs.read "**/.env"\n'
EGRESS = 'deny egress: net any when session has secret because "no"\n'


def test_a_proof_about_a_mark_holds_where_a_rule_asks_for_it() -> None:
    holds(SECRET + EGRESS + "allow all: net, fs.read any\nprove never allow net any when session has secret")


def test_a_mark_is_not_set_in_a_new_session() -> None:
    text = SECRET + EGRESS + 'allow a: net.get "a.example"\n'
    holds(text + 'prove never allow net "b.example"')
    result = fails(text + 'prove never allow net "a.example"', 'net.get "https://a.example/"', "a")
    assert "after" not in result.detail


def test_the_way_to_a_mark_is_shown() -> None:
    result = fails(
        SECRET
        + "allow all: net.get, net.post any\nallow read: fs.read any\nprove never allow net any when session has secret",
        'net.get "https://x/"',
        "all",
    )
    assert result.detail.endswith('after `fs.read "/.env"`')


def test_an_effect_that_people_may_allow_is_a_way_too() -> None:
    result = fails(
        SECRET
        + 'allow all: net.get any\nask read: fs.read any because "?"\nprove never allow net any when session has secret',
        'net.get "https://x/"',
        "all",
    )
    assert 'after `fs.read "/.env"`' in result.detail


def test_a_mark_that_nothing_lets_be_set_is_never_set() -> None:
    deny = 'deny dot: fs.read "**/.env" because "no"\n'
    text = SECRET + "allow all: net.get any\nallow read: fs.read any\n"
    proof = "prove never allow net any when session has secret"
    holds(text + deny + proof)
    holds(SECRET + "allow all: net.get any\n" + proof)
    assert proved(text + deny.replace(".env", ".env.*") + proof).outcome == "fails"


def test_marks_lead_to_marks() -> None:
    text = """
        mark read on fs.read "/a"
        mark ran on exec "b" when session has read
        allow look: fs.read "/a"
        allow run: exec "b"
        allow go: net.get "x.example" when session has ran
        prove never allow net any
        """
    result = fails(text, 'net.get "https://x.example/"', "go")
    assert result.detail.endswith('after `fs.read "/a"`, `exec "b"`')
    holds(
        text.replace("allow look", "ask look: exec any when session has ran because '?'\n allow other")
        .replace("'?'", '"?"')
        .replace('allow other: fs.read "/a"', 'allow other: fs.read "/c"')
    )


def test_a_mark_that_only_itself_leads_to_is_never_set() -> None:
    holds(
        """
        mark a on exec "b" when session has a
        allow run: exec "b"
        allow go: net.get "x.example" when session has a
        prove never allow net any
        """
    )


def test_marks_are_cleared_and_run_out() -> None:
    rules = """
        allow read: fs.read "/a"
        allow write: fs.write "/b"
        mark started on fs.write "/b"
        allow go: net.get "x.example" when session has started and not session has secret
        mark secret on fs.write "/b" {}
        {}
        prove never allow net any
        """
    undecided(rules.format("", ""), "once the session has not `secret` and has `started`, and no way there was found")
    cleared = proved(rules.format("", 'clear secret on fs.read "/a"'))
    assert cleared.detail.endswith('after `fs.write "/b"`, `fs.read "/a"`')
    assert proved(rules.format("for 5m", "")).detail.endswith('after `fs.write "/b"`, `wait 300s`')


def test_a_mark_that_waits_for_a_result_is_reached_by_one() -> None:
    text = """
        mark tested on exec "pytest **" when result == "{}"
        allow run: exec "pytest **"
        allow push: exec "git push **" when session has tested
        prove never allow exec "git push **"
        """
    assert proved(text.format("ok")).detail.endswith('after `exec "pytest"`')
    assert proved(text.format("error")).detail.endswith('after `exec "pytest" (result: "error")`')


def test_marks_stay_in_their_layer() -> None:
    outer = (
        'policy outer version "1"\ndefault none\nmark m on exec "a"\ndeny no: net any when session has m because "no"\n'
    )
    text = 'extends "outer.agp"\nmark m on exec "b"\nallow all: exec, net.get any\nprove never allow net any when session has m'
    result = proved(text.replace("exec, net.get any", "exec any\nallow out: net.get any"), {"/p/outer.agp": outer})
    assert result.outcome == "fails"
    assert result.detail.endswith('after `exec "b"`')


def test_an_unsure_mark_asks() -> None:
    text = SECRET + EGRESS + "allow net: net.get any\n{}prove never ask net any"
    result = proved(text.format("allow odd: fs.read any when opaque\n"))
    assert (result.outcome, result.rule) in {("fails", "egress"), ("cannot decide", None)}, result


def test_a_mark_to_which_no_way_is_found_is_named() -> None:
    # What starts another command needs no rule that allows it, and no single effect shows that.
    undecided(
        """
        mark raised on exec "sudo **"
        allow go: net.get "x.example" when session has raised
        prove never allow net any
        """,
        "once the session has `raised`, and no way there was found",
    )


def test_the_facts_of_a_way_are_those_of_the_counterexample() -> None:
    text = """
        fact fork: bool
        mark m on exec "a"
        allow run: exec "a" when fork
        allow go: net.get "x.example" when session has m and {} fork
        prove never allow net any
        """
    assert proved(text.format("")).outcome == "fails"
    undecided(text.format("not"), "no way there was found")


# --- what sessions remember: limits --------------------------------------------------------------------


def test_nothing_is_spent_of_what_is_counted() -> None:
    fails('allow a: exec "a" limit 1 per 1h budget 1MB per session\nprove never allow exec "a"', 'exec "a"', "a")
    holds('allow a: exec "a" limit 1 per 1h budget 1MB per session\nprove always allow exec "a"')
    fails(
        'allow a: exec "a"\ndeny many: exec "a" over 3 per 1h because "no"\nprove never allow exec "a"', 'exec "a"', "a"
    )
    holds('allow a: exec "a"\ndeny many: exec "a" over 3 per 1h because "no"\nprove never deny exec "a"')


def test_what_one_effect_alone_spends_counts() -> None:
    holds('allow a: exec "a"\ndeny many: exec "a" over 0 per 1h because "no"\nprove never allow exec "a"')
    holds('allow a: exec "a" limit 0 per 1h\nprove never allow exec "a"')
    pay = """
        tool pay(amount: number)
        allow pay: tool pay
        ask much: tool pay over 1000 of amount per 1d because "?"
        """
    holds(pay + "prove never allow tool pay when amount > 1000")
    holds(pay + "prove never ask tool pay when amount <= 1000")
    fails(pay + "prove never ask tool pay when amount > 900", "pay(amount: 1001)", "much")


def test_what_is_counted_by_something_unknown_is_unsure() -> None:
    text = "tool pay(to: text?)\nallow pay: tool pay limit 3 per 1h per to\n"
    fails(text + "prove always allow tool pay", 'tool "pay"', "default")
    holds(text + 'prove always allow tool pay when to == "a"')


def test_who_is_counted_has_to_be_known() -> None:
    text = 'allow a: exec "a" limit 3 per 1h per user\nprove always allow exec "a"'
    fails(text, 'exec "a"', "default")
    holds(text + ' given (user.name = "ana")')
    text = 'allow a: exec "a"\ndeny many: exec "a" over 3 per 1h per agent because "no"\nprove never ask exec "a"'
    fails(text, 'exec "a"', "many")
    holds(text + ' given (agent.name = "bot")')


# --- what sessions remember: origins ---------------------------------------------------------------------

PAY = "tool pay(to: text)\n"


def test_a_value_may_come_from_anywhere() -> None:
    text = PAY + 'allow pay: tool pay\nask payee: tool pay unless to from user because "?"\n'
    holds(text + "prove never allow tool pay unless to from user")
    result = fails(text + "prove never allow tool pay when to from user", 'pay(to: "x@other.example")', "pay")
    assert result.detail.endswith("after the user said 'x@other.example'")
    # a word that names nothing is nobody's
    result = fails(text + 'prove never allow tool pay unless to like "*@*"', 'pay(to: "other")', "pay")
    assert "said" not in result.detail


def test_what_was_heard_is_told() -> None:
    result = fails(
        PAY + 'allow pay: tool pay when to from user and to like "*@*"\nprove never allow tool pay',
        'pay(to: "x@other.example")',
        "pay",
    )
    assert result.detail.endswith("after the user said 'x@other.example'")
    result = fails(
        PAY + "allow pay: tool pay\nprove never allow tool pay when to from untrusted",
        'pay(to: "x@other.example")',
        "pay",
    )
    assert result.detail.endswith("after text that is not trusted said 'x@other.example'")


def test_origins_that_exclude_each_other_are_seen() -> None:
    holds(PAY + "allow pay: tool pay when to from user\nprove never allow tool pay when to from untrusted")
    holds(PAY + "allow pay: tool pay when to from user\nprove never allow tool pay when to from nowhere")
    fails(
        "tool inbox() returns mail\n" + PAY + "allow pay: tool pay when to from mail\nprove never allow tool pay",
        'pay(to: "x@other.example")',
        "pay",
    )


# --- held against the reference -------------------------------------------------------------------

_WORD = {
    "fs": st.sampled_from(("/w/**", "/w/*", "/w/a", "**/a", "**/*.b", "/w/*/**", "/**")),
    "exec": st.sampled_from(
        ("git **", "git push **", "g* push", "*", "/usr/bin/git push", "git -C **", "**", "git push")
    ),
    "net": st.sampled_from(("a.b", "*.b", "https://a.b/x/**", "a.b:8080", "*", "http://*/x", "10.0.0.1")),
    "tool": st.sampled_from(("s/*", "s/get", "m", "*", "**", "*/get")),
}
_ACTIONS = {"fs": ("fs.read", "fs.write"), "exec": ("exec",), "net": ("net.get", "net.connect"), "tool": ("tool",)}
_TEST = {
    "fs": st.sampled_from(("flag", 'word == "a"', "opaque", 'path like "/w/**"', 'name == "a"', "size < 10")),
    "exec": st.sampled_from(
        ("flag", 'word == "a"', "opaque", "elevated", 'flags has "-C"', 'cwd == "/w"', 'env has "PATH"')
    ),
    "net": st.sampled_from(
        ("flag", 'word == "a"', "opaque", "private", "port == 443", "port < 100", 'scheme == "http"')
    ),
    "tool": st.sampled_from(
        ("flag", 'word == "a"', 'arg.n == "a"', "arg.k > 1", 'server == "s"', 'agent.role == "ci"')
    ),
}


def _condition(draw: Callable[..., Any], family: str) -> str:
    joined = draw(st.sampled_from(("and", "or", "and not"))).join
    tests = draw(st.lists(_TEST[family].map(lambda one: f" {one} "), max_size=2))
    return f"{draw(st.sampled_from(('when', 'unless')))} {joined(tests)}" if tests else ""


def _match(draw: Callable[..., Any], family: str, action: str) -> str:
    subject = draw(st.one_of(st.just("any"), _WORD[family].map(lambda one: f'"{one}"')))
    excepted = draw(st.one_of(st.just(""), st.just(""), _WORD[family].map(lambda one: f'except "{one}"')))
    return f"{action} {subject} {excepted} {_condition(draw, family)}"


_PATHS = st.sampled_from((None, "/", "/w", "/w/a", "/w/x/a", "/a", "/w/x.b", "/w/a/.b", "/etc"))


def _effect(draw: Callable[..., Any], family: str, action: str) -> Effect:
    match family:
        case "fs":
            path = draw(_PATHS)
            resolved = draw(st.one_of(st.just(path), _PATHS))
            return FileEffect(action, path, resolved, size=draw(st.sampled_from((None, 5, 20))))
        case "exec":
            words = draw(st.lists(st.sampled_from(("push", "-C", "x", "")), max_size=3))
            program = draw(st.sampled_from(("git", "/usr/bin/git", "/x/git", "gx", "ls")))
            environment = draw(st.sampled_from(({}, {"PATH": "/x"}, {"LANG": "C"})))
            opaque = draw(st.booleans())
            argv = None if opaque and draw(st.booleans()) else (program, *words)
            return ExecEffect(
                argv,
                cwd=draw(st.sampled_from((None, "/w", "/"))),
                env=environment,
                elevated=draw(st.booleans()),
                opaque=opaque,
            )
        case "net":
            scheme = draw(st.sampled_from(("https://", "http://", "ws://", "ssh://", "odd://")))
            target = draw(
                st.sampled_from(
                    ("a.b/x", "a.b/x/y", "a.b:8080/", "c.a.b/x", "a.b:443", "10.0.0.1/", "a.b/%2f", "b/x", "a.b:99/x")
                )
            )
            return host_effect(action, target) if draw(st.booleans()) else net_effect(action, scheme + target)
        case _:
            arguments = draw(st.sampled_from(({}, {"n": "a"}, {"n": "b", "k": 2}, {"k": 1}, {"n": 3})))
            return ToolEffect(draw(st.sampled_from(("m", "s/get", "s/put", "t/get", "a/b/c"))), arguments)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
def test_no_effect_contradicts_a_proof_that_holds(data: st.DataObject) -> None:
    draw = data.draw
    family = draw(st.sampled_from(tuple(_WORD)))
    action = draw(st.sampled_from(_ACTIONS[family]))
    texts = []
    for at in range(draw(st.integers(1, 2))):
        rules = [
            f'{draw(st.sampled_from(("allow", "allow", "ask", "deny")))} r{number}: {_match(draw, family, action)} because "r"'
            for number in range(draw(st.integers(0, 4)))
        ]
        default = draw(st.sampled_from(("allow", "ask", "deny", "none")))
        texts.append(
            "\n".join(
                [f'policy p{at} version "1"', "fact flag: bool", "fact word: text?", f"default {default}", *rules]
            )
        )
    effect_word = draw(st.sampled_from(("allow", "allow", "ask", "deny")))
    texts[-1] += (
        f"\nprove {draw(st.sampled_from(('never', 'never', 'always')))} {effect_word} {_match(draw, family, action)}"
    )
    names = [f"/p/{at}.agp" for at in range(len(texts))]
    program = load_program(names, text_reader(names[0], texts[0], dict(zip(names, texts, strict=True))))
    layer = program.layers[-1]
    proof = layer.proofs[0]
    result = prove(program, proof, layer, HOST)
    event(result.outcome)
    if result.outcome != "holds":
        return
    bindings = reference.Bindings(
        params={}, home=HOST.home, resolve=lambda path: HOST.files.resolve(path) or path, which=HOST.files.which
    )
    matched = evolve(
        program,
        layers=(evolve(layer, rules=(proof_rule(proof),), defaults={"": DefaultDecl("", "none", None, proof.place)}),),
    )
    for _ in range(8):
        effect = _effect(draw, family, action)
        facts: dict[str, object] = {"flag": draw(st.booleans())}
        word = draw(st.sampled_from((None, "a", "b")))
        if word is not None:
            facts["word"] = word
        role = draw(st.sampled_from((None, "ci", "dev")))
        situation = reference.Situation(facts=facts, context={} if role is None else {"agent.role": role})
        if reference.judge(matched, bindings, effect, situation).rule != "proof":
            continue
        if reference.judge(matched, bindings, effect, situation).outcome != proof_rule(proof).effect:
            continue
        answer = reference.judge(program, bindings, effect, situation)
        assert (answer.outcome == proof.effect) == (proof.mode == "always"), (texts, effect, facts, role, answer)
