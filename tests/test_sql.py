"""SQL becomes the tables that it reads, changes and drops; whatever databases could read differently is opaque."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy import Engine, Policy, PolicyError, ToolCall
from agentpolicy.checker.automata import Automata
from agentpolicy.checker.languages import table_pattern
from agentpolicy.compiler import cache as cache_module
from agentpolicy.compiler import compile as compile_module
from agentpolicy.compiler.cache import Cache
from agentpolicy.compiler.reference_match import table_matches
from agentpolicy.compiler.table_match import table_test
from agentpolicy.effects import sql as sql_module
from agentpolicy.effects import sql_parse
from agentpolicy.effects.effect import SqlEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.effects.sql import ACTIONS, INSTALL, sql_effects, table_effect
from agentpolicy.effects.tools import ToolShape, read_call
from agentpolicy.engine.review import describe

HOST = Host(cwd="/w", home="/home/u", files=MemoryFiles())


def found(text: str) -> set[str]:
    """``select t``; ``!`` for effects on tables that are not known."""
    return {f"{one.action[4:]} {'!' if one.opaque else one.table or '-'}" for one in sql_effects(text)}


OPAQUE = {f"{action[4:]} !" for action in ACTIONS}

READ = {
    # queries
    "select 1, now()": {"select -"},
    "SELECT a FROM Reporting.Sales": {"select reporting.sales"},
    "select * from a.b.c": {"select a.b.c"},
    'select * from "public".dates d': {"select public.dates"},
    'select * from "Users"': {"select Users"},
    "select * from `Users`": {"select Users"},
    "select top 10 * from [dbo].[Users]": {"select dbo.Users"},
    "select * from a join b on a.x = b.x left join c using (y), d cross join e": {f"select {one}" for one in "abcde"},
    "select (select max(x) from a), exists (select 1 from b) from c where d in (select d from e) and f > any (select g from h)": {
        f"select {one}" for one in "abceh"
    },
    "select * from a where x = (select y from b where z in (select q from c))": {"select a", "select b", "select c"},
    "select * from (select * from (select * from a) x) y": {"select a"},
    "select a from t union all select a from u except select a from v intersect select a from w": {
        "select t", "select u", "select v", "select w",
    },
    "(select a from t) union (select a from u)": {"select t", "select u"},
    "select * from t, lateral (select * from u where u.a = t.a) x": {"select t", "select u"},
    "select case when exists (select 1 from u) then 1 else 0 end from t order by (select 1 from v)": {"select t", "select u", "select v"},
    "select sum(a) over (partition by b order by (select 1 from u)) from t": {"select t", "select u"},
    "select * from generate_series(1, 2) g": {"select -"},
    "select a::text, b->>'x', interval '1 day', cast(c as decimal(10, 2)) from t": {"select t"},
    "select * from t where a = $1 and b = :x and c = ? and d = %s": {"select t"},
    "select string_agg(a, ',' order by b) filter (where c) from t group by rollup (d) having count(*) > 1 limit 5 offset 1": {"select t"},
    "select * from t for update": {"select t"},
    "select 'a; drop table x', \"b; drop table y\" from t -- ; drop table z": {"select t"},
    "select 1 /* ; drop table x */ from t": {"select t"},
    "select pg_catalog.lower(a) from t": {"select t"},
    "select * from information_schema.tables": {"select information_schema.tables"},
    # common table expressions
    "with x as (select * from a) select * from x": {"select a"},
    "with x as (select * from a), y as (select * from x) select * from y": {"select a"},
    "with a as (select * from b), b as (select * from c) select * from a, b": {"select b", "select c"},
    "with recursive r as (select * from a union all select * from r) select * from r": {"select a"},
    "with r as (select * from r) select * from r": {"select r"},
    "with x as (select 1) select * from s.x": {"select s.x"},
    'with x as (select 1) select * from "x"': {"select x"},
    "with x as (select 1) select * from (with y as (select * from a) select * from x join y on 1 = 1) z, y": {"select a", "select y"},
    "with x as (delete from a returning *), y as (update b set c = 1 returning *), z as (insert into d values (1) returning *) select * from x": {
        "delete a", "select a", "update b", "select b", "insert d", "select d",
    },
    "with x as (select * from a) insert into b select * from x": {"insert b", "select a"},
    "with x as (select * from a) update b set c = x.c from x": {"update b", "select a"},
    # insert
    "insert into s.t (a, b) values (1, 'x;y'), (2, 'z')": {"insert s.t"},
    "insert into t select * from u": {"insert t", "select u"},
    "insert into t values ((select a from u))": {"insert t", "select u"},
    "insert into t default values": {"insert t"},
    "insert into t values (1) returning *": {"insert t", "select t"},
    "insert into t values (1) on conflict (a) do update set b = (select c from u)": {"insert t", "update t", "select u"},
    "insert into t values (1) on conflict do nothing": {"insert t"},
    "insert into t values (1) on duplicate key update a = 1": {"insert t", "update t"},
    "insert or replace into t values (1)": {"insert t", "delete t"},
    "replace into t values (1)": {"insert t", "delete t"},
    # update
    "update t set a = 1 where b in (select b from u)": {"update t", "select u"},
    "update t set a = u.a from u where t.b = u.b": {"update t", "select u"},
    "update t set a = (select max(a) from u)": {"update t", "select u"},
    "update x set a = 1 from real as x": {"update x", "update real", "select real"},
    "update a join b on a.x = b.x set b.y = 1": {"update a", "update b", "select a", "select b"},
    "update t as x set a = 1 returning a": {"update t", "select t"},
    # delete
    "delete from t": {"delete t"},
    "delete from t where a in (select a from u)": {"delete t", "select u"},
    "delete from t using u where t.a = u.a": {"delete t", "select u"},
    "delete a, b from t1 a join t2 b on a.x = b.x": {"delete t1", "delete t2", "select t1", "select t2"},
    "delete t1 from s.t1 join t2 on t1.x = t2.x": {"delete s.t1", "select s.t1", "select t2"},
    "delete from a using t1 as a": {"delete a", "delete t1", "select t1"},
    "delete from t returning *": {"delete t", "select t"},
    "truncate table a": {"delete a"},
    "truncate a, b cascade": {"delete a", "delete b", "delete !"},
    # merge
    "merge into t using s on t.a = s.a when matched then update set b = 1": {"update t", "select s"},
    "merge into t using s on t.a = s.a when not matched then insert (a) values (1)": {"insert t", "select s"},
    "merge into t using (select * from s) q on t.a = q.a when matched then delete": {"delete t", "select s"},
    "merge into t using s on t.a = s.a when matched then update set b = (select c from u) when not matched then insert (a) values ((select d from v))": {
        "update t", "insert t", "select s", "select u", "select v",
    },
    # schema
    "create table t (a int primary key, b varchar(20) not null default 'x', c int references s.u (id), check (a > 1))": {"schema t", "select s.u"},
    "create table a as select * from b": {"schema a", "select b"},
    "create temp table a as with x as (select * from b) select * from x": {"schema a", "select b"},
    "create or replace view v as select * from b": {"schema v", "select b"},
    "create unique index i on t (lower(a)) where b > 1": {"schema t"},
    "create schema s": {"schema s"},
    "create table if not exists t (id int auto_increment) engine=InnoDB default charset=utf8": {"schema t"},
    "create table a like b": {"schema a", "select b"},
    "select * into n from t": {"schema n", "select t"},
    "drop table a, s.b": {"schema a", "schema s.b"},
    "drop table if exists a cascade": {"schema a", "schema !"},
    "drop view v": {"schema v"},
    "drop schema hr cascade": {"schema hr", "schema !"},
    "drop database x": {"schema x", "schema !"},
    "drop index i": {"schema !"},
    "drop index i on t": {"schema t"},
    "drop function f": {"schema !"},
    "alter table t add column c int": {"schema t"},
    "alter table t drop column c": {"schema t"},
    "alter table t drop column c cascade": {"schema t", "schema !"},
    "alter table hr.t rename to u": {"schema hr.t", "schema u"},
    "alter table t rename column a to b": {"schema t"},
    "grant select on hr.t to bob": {"schema hr.t"},
    "revoke all on table t from bob": {"schema t"},
    "comment on table t is 'x'": {"schema t"},
    "comment on column t.a is 'x'": {"schema !"},
    # several
    "select * from a; drop table b;; delete from c": {"select a", "schema b", "delete c"},
    "begin; select * from t; commit": {"select t"},
    "select 1; insert into t values (1)": {"insert t"},
}  # fmt: skip


@pytest.mark.parametrize("text", READ, ids=[text[:70] for text in READ])
def test_every_table_of_a_statement_is_found(text: str) -> None:
    assert found(text) == READ[text], [one.why for one in sql_effects(text)]


REFUSED = {
    # forms that are not read
    "": "no statement", "  -- nothing\n": "no statement", "begin": "no statement", ";;": "no statement",
    "copy t to '/x'": "begins with `copy`", "copy t from program 'id'": "begins with `copy`",
    "call f(1)": "begins with `call`", "do 'x'": "begins with `do`", "execute x": "begins with `execute`",
    "exec sp_x 1": "begins with `exec`", "pragma writable_schema=1": "begins with `pragma`",
    "attach 'x' as y": "begins with `attach`", "set role bob": "begins with `set`", "load data infile 'x' into table t": "begins with `load`",
    "use db": "begins with `use`", "explain analyze delete from t": "begins with `explain`", "vacuum": "begins with `vacuum`",
    ".shell id": "begins with `.`", "show tables": "begins with `show`", "from t": "begins with `from`", "table t": "begins with `table`",
    "delimiter //": "begins with `delimiter`", "(values (1))": "begins with `(`", "commit and chain": "begins with `commit`",
    "grant bob to alice": "not read", "alter table t owner to bob": "not read",
    "create function f() returns int as 'select 1' language sql": "creating a function",
    "create trigger x before insert on t execute function f()": "creating a trigger",
    "create user x": "not read", "create extension plpython3u": "not read",
    "create virtual table x using csv(filename='/etc/passwd')": "not",
    "create table t (id int) engine=FEDERATED connection='mysql://x'": "engine `FEDERATED`",
    "create table p partition of t for values from (1) to (2)": "not known",
    "alter index i rename to j": "no table",
    "select * from t into outfile '/x'": "not of a form", "select * from t into dumpfile '/x'": "not of a form",
    "select a into @x from t": "not written", "insert all into a values (1) select 1 from dual": "not",
    "insert overwrite directory '/x' select 1": "", "select from where": "not of a form", "select 1 1": "not of a form", "select )": "",
    # functions
    "select f(a) from t": "the function `f`", "select pg_read_file('x')": "pg_read_file", "select lo_export(1, 'x')": "lo_export",
    "select * from dblink('x', 'y') as t(a int)": "dblink", "select load_file('x')": "load_file", "select nextval('s')": "nextval",
    "select load_extension('x')": "load_extension", "select query_to_xml('delete from t', true, true, '')": "query_to_xml",
    "select * from openrowset('a', 'b', 'c')": "openrowset", "select * from read_csv('x')": "", "select set_config('a', 'b', false)": "set_config",
    "select dbo.lower(a) from t": "a function of `dbo`", 'select "pg_catalog".lo_export(1)': "a function of `pg_catalog`", "select * from f(1)": "the function `f`",
    "select 1 where pg_sleep(9) is null": "pg_sleep", "insert into t values (f(1))": "the function `f`", "update t set a = f(1)": "the function `f`",
    "create table t (a int default f())": "the function `f`", "select sum(f(a)) over () from t": "the function `f`",
    # names
    "select * from ?": "not written", "select * from @t": "not written", "select * from :t": "not", "select * from $1": "not",
    'select * from "a.b"': "a dot or a star", "select * from `a.b`": "not plain", "select * from x.csv": "that of a file", "select * from 'x.csv'": "",
    "select * from кот": "the case", "select * from a..b": "middle part", "select * from a.b.c.d": "", 'select * from "a\u200bb"': "cannot be seen",
    'select * from ""': "", 'select * from "a*"': "a dot or a star",
    # what databases read differently
    "select /*! * */ from t": "run what stands", "select /*M! * */ from t": "run what stands", "select /*+ SET_VAR(a=1) */ 1": "run what stands",
    "select 1 /* /* */ from t; drop table x -- */": "nest comments", "select 1 /* x": "not closed", "select 1--1": "begins or ends", "select 1 -- a\rdrop table x": "begins or ends",
    "select 1 # x\n, 2": "`#` means", "select '\\'; drop table x; -- '": "quoted text ends", "select 'x\\\\\\' from t": "quoted text ends",
    "select $$; drop table x; $$": "dollar quotes", "select $a$ x $a$": "dollar quotes", "select q'[ ' ]'": "letters in front", "select U&'\\0061'": "letters in front",
    "select _utf8'x'": "letters in front", "select '''; drop table x; '''": "quoted text ends", "select 'x": "not closed", "select `;x` from t": "not plain",
    "select [; drop table x; --] from t": "brackets", "select ['] from t, u where a = ']'": "brackets", "select a\x0bfrom t": "means different", "select a\u00a0from t": "means different",
    "select a \\! id": "means different", "select {fn now()}": "means different", "select * from t\x00": "means different",
    "select * from t delete": "begins another statement", "select 1 as shutdown": "begins another statement",
    "select * from only t": "no name of a table", "update ignore t set a = 1": "no name of a table",
    "delete quick from t": "no name of a table", "select a from t where b = (table u)": "disagree",
    # what is changed through another name
    "with x as (select * from t) delete from x": "through its name", "with X as (select * from t) update x set a = 1": "through its name",
    "update x set a = 1 from (select * from t) x": "behind an alias", "delete x from (select * from t) x": "", "delete from (select * from t)": "",
    "delete x from (select * from t) y join u x on 1 = 1, (select 1) x": "",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=[text[:60] for text in REFUSED])
def test_what_is_not_read_may_do_anything_to_any_table(text: str) -> None:
    assert found(text) == OPAQUE
    assert REFUSED[text] in (sql_effects(text)[0].why or "")


def test_an_opaque_effect_says_why_and_names_no_table() -> None:
    for one in sql_effects("call f()", "main"):
        assert one.as_json() == {"action": one.action, "table": None, "database": "main", "opaque": True}
        assert one.why == "a statement that begins with `call` is not read"


HOSTILE = {
    "a long text": "select '" + "x" * 1_000_000 + "'",
    "ten thousand parentheses": "select " + "(" * 10_000 + "1" + ")" * 10_000,
    "ten thousand negations": "select " + "not " * 10_000 + "a",
    "ten thousand signs": "select " + "- " * 10_000 + "1",
    "joins without conditions": "select * from t " + "join u " * 60,
    "many joins": "select * from t " + "join u on a = b " * 1000,
    "many words": "select " + "a," * 20_000 + "a",
    "many statements": "select 1 from t;" * 1000,
    "many open quotes": "select '" + "''" * 30_000,
    "many open comments": "/* " * 20_000,
    "many brackets": "[" * 20_000,
    "many cases": "select " + "case when a then " * 5000,
    "many types": "select cast(a as " + "array<" * 5000,
    "many common table expressions": "with " + ", ".join(f"c{at} as (select 1)" for at in range(1000)) + " select 1",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_too_long_or_too_deep_is_opaque_and_answered_at_once(text: str) -> None:
    before = time.process_time()
    assert found(text) == OPAQUE
    assert time.process_time() - before < 2


def test_a_deep_query_that_is_allowed_is_read_in_time() -> None:
    before = time.process_time()
    assert found("select * from " + "(select * from " * 20 + "t" + ") x" * 20) == {"select t"}
    assert found("select 1 from t where a in (" + ",".join("1" * 4000) + ")") == {"select t"}
    assert time.process_time() - before < 3


def test_what_breaks_in_the_parser_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(statement: str) -> None:
        raise RecursionError

    monkeypatch.setattr(sql_parse, "agreed", broken)
    assert found("select 1 from broken") == OPAQUE
    monkeypatch.undo()
    assert found("select 1 from broken") == {"select broken"}, "what broke once is not remembered"


def test_the_parser_says_nothing_in_the_host_s_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert found("grant secret_role to somebody") == OPAQUE
        logging.getLogger("sqlglot").warning("others")
    assert [record.message for record in caplog.records] == ["others"]


words = st.sampled_from(
    """select insert into update delete from where with as ( ) , ; . * = t u "T" `v` [w] 'x' 1 join on union all drop table
    create view truncate merge using when matched then set values case end not -- /* */ \\ ' " $$ begin returning : @ #""".split()
)


@given(st.lists(words, max_size=14).map(" ".join) | st.text(max_size=40))
def test_nothing_is_ever_raised_and_opaque_means_every_kind(text: str) -> None:
    effects = sql_effects(text)
    assert effects
    assert all(one.action in ACTIONS and one.opaque == (one.why is not None) for one in effects)
    assert not (effects[0].opaque and effects[0].action == "sql.select") or found(text) == OPAQUE


names = st.lists(st.sampled_from(("users", "crm", "Pay", "hr", "a")), min_size=1, max_size=3).map(".".join)


@given(names, st.sampled_from(("select", "insert", "delete")), st.booleans())
def test_a_table_that_is_named_is_never_missed(name: str, kind: str, hidden: bool) -> None:
    text = {
        "select": f"select * from {name}",
        "insert": f"insert into {name} values (1)",
        "delete": f"delete from {name}",
    }[kind]
    if hidden:
        text = f"select 1 from other; {text}"
    assert f"{kind} {name.lower()}" in found(text)


# --- names of tables, and patterns ------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "table"),
    [
        ("t", "t"), ("S.T", "s.t"), ('"S".T', "S.t"), ("`S`.t", "S.t"), ("[S].[T]", "S.T"), ("a.b.c", "a.b.c"), ('"a""b"', 'a"b'), ("my-table", "my-table"),
        ("", None), ("a..b", None), (".a", None), ("a.", None), ("a b", None), ('"a', None), ('"a.b"', None), ("a*", None), ("кот", None), ('"кот"', "кот"), ("a" * 2000, None),
        ("a;b", None), ("a\u200b", None),
    ],
)  # fmt: skip
def test_a_target_is_named_as_sql_names_it(target: str, table: str | None) -> None:
    effect = table_effect("sql.delete", target)
    assert (effect.table, effect.opaque, effect.why is None) == (table, table is None, table is not None)


@pytest.mark.parametrize(
    ("pattern", "table", "wide", "narrow"),
    [
        ("crm.users", "crm.users", True, True), ("crm.users", "CRM.Users", True, False), ("CRM.Users", "crm.users", True, False),
        ("crm.*", "crm.users", True, True), ("crm.*", "crm.a.b", False, False), ("hr.**", "hr.a.b", True, True), ("hr.**", "hr", True, True),
        ("crm.users", "users", None, False), ("users", "crm.users", None, False), ("crm.users", "main.crm.users", None, False),
        ("main.crm.users", "crm.users", None, False), ("crm.users", "hr.users", False, False), ("crm.users", "crm.pay", False, False),
        ("hr.**", "users", False, False), ("crm.*", "users", False, False), ("crm.u*", "users", None, False), ("**.users", "users", True, True),
        ("**.users", "a.b.users", True, True), ("**.users", "a.b.users.x", False, False), ("*", "users", True, True), ("*", "crm.users", False, False),
    ],
)  # fmt: skip
def test_patterns_of_tables(pattern: str, table: str, wide: bool | None, narrow: bool) -> None:
    assert table_test(pattern, True)(table) is wide
    assert table_test(pattern, False)(table) is narrow


parts = st.sampled_from(("users", "Users", "crm", "u*", "*", "**", "*rs"))


@given(st.lists(parts, min_size=1, max_size=3).map(".".join), names, st.booleans())
def test_the_compiler_the_reference_and_the_checker_agree_about_patterns(pattern: str, name: str, wide: bool) -> None:
    value = table_test(pattern, wide)(name)
    assert table_matches(pattern, name, wide) is value
    automata = Automata()
    whole, perhaps = table_pattern(automata, pattern, wide)
    state = automata.start()
    for letter in "." + name:
        state = automata.read(state, letter)
    marks = automata.marks(state)
    assert (True if whole(marks) else None if perhaps(marks) else False) is value


# --- policies -----------------------------------------------------------------------------

TOOL = "tool run_sql(query: sql, database: text?) does only sql query in database\n"


def engine(text: str) -> Engine:
    return Engine(Policy.from_text(TOOL + text, host=HOST), host=HOST)


def answer(policy: str, query: str, **more: str) -> tuple[str, str]:
    decision = engine(policy).decide(ToolCall("run_sql", {"query": query, **more}))
    return decision.outcome, decision.rule


def test_the_strictest_effect_of_a_query_answers() -> None:
    policy = "allow look: sql.select any\nask drop: sql.schema any\ndeny gone: sql.delete any"
    assert answer(policy, "select * from t") == ("allow", "look")
    assert answer(policy, "select * from t; drop table t") == ("ask", "drop")
    assert answer(policy, "with x as (delete from t returning *) select * from x") == ("deny", "gone")
    assert answer(policy, "insert into t values (1)") == ("deny", "default")
    assert answer(policy, "call f()") == ("deny", "gone")


def test_what_is_opaque_is_allowed_only_by_a_rule_that_says_so() -> None:
    assert answer("default allow", "call f()") == ("allow", "default")
    assert answer("allow all: sql any", "call f()")[0] == "deny"
    assert answer("allow all: sql any when opaque", "call f()") == ("allow", "all")
    assert answer('default allow\ndeny hr: sql.delete "hr.**"', "call f()") == ("ask", "hr")
    assert answer("default allow\ndeny gone: sql.delete any", "call f()") == ("deny", "gone")


def test_the_database_is_what_the_call_says() -> None:
    policy = 'allow look: sql.select any when database == "main"'
    assert answer(policy, "select 1", database="main") == ("allow", "look")
    assert answer(policy, "select 1", database="other")[0] == "deny"
    assert answer(policy, "select 1")[0] == "deny"


def test_a_schema_that_is_not_written_may_be_the_one_that_is_denied() -> None:
    policy = 'default allow\ndeny people: sql "crm.customers"'
    assert answer(policy, "select * from crm.customers") == ("deny", "people")
    assert answer(policy, 'select * from "CRM".customers') == ("deny", "people")
    assert answer(policy, "select * from customers") == ("ask", "people")
    assert answer(policy, "select * from shop.crm.customers") == ("ask", "people")
    assert answer(policy, "select * from shop.customers") == ("allow", "default")


def test_a_list_of_queries_gives_the_effects_of_each() -> None:
    shape = ToolShape("batch", {"x": ("[sql]", True, None)}, (("sql", "x", None),), True)
    effects = read_call(ToolCall("batch", {"x": ["select * from a", "drop table b"]}), shape, HOST)
    assert [one.as_json() for one in effects[:2]] == [
        {"action": "sql.select", "table": "a", "database": None, "opaque": False},
        {"action": "sql.schema", "table": "b", "database": None, "opaque": False},
    ]


def test_a_database_that_is_no_text_is_not_known() -> None:
    shape = ToolShape("q", {"x": ("sql", True, None), "at": ("number", True, None)}, (("sql.query", "x", "at"),), True)
    effect = read_call(ToolCall("q", {"x": "select 1", "at": 3}), shape, HOST)[0]
    assert isinstance(effect, SqlEffect)
    assert effect.database is None


def test_the_target_of_a_single_action_must_be_text() -> None:
    assert engine("default allow").decide(ToolCall.of("sql.select", ["t"])).rule == "builtin:wrong-type"
    assert engine("default allow").decide(ToolCall("run_sql", {"query": 3})).rule == "builtin:wrong-type"


def test_a_query_is_shown_to_a_person_by_its_tables() -> None:
    effect = table_effect("sql.delete", 'hr."Pay"')
    assert describe(effect.as_json()) == "sql.delete hr.Pay"


# --- without the parser ----------------------------------------------------------------------


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sql_module, compile_module, cache_module):
        monkeypatch.setattr(module, "available", lambda: False)


@pytest.mark.usefixtures("missing")
@pytest.mark.parametrize(
    "text",
    [
        "deny drop: sql.schema any",
        "default deny for sql",
        "default deny for sql.delete",
        "tool q(x: sql) does sql x",
        "tool q(x: sql) does only sql.select x",
        'set t2: table = "a.*"\nallow a: sql.select t2',
        "allow all: fs.read, sql.select any",
    ],
)
def test_a_policy_that_judges_sql_does_not_load_without_the_parser(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.from_text(text, host=HOST)
    assert [(one.code, one.message, one.help) for one in caught.value.diagnostics] == [
        ("AP502", "this policy judges SQL, and the parser that reads it is not installed", f"install it: {INSTALL}")
    ]


@pytest.mark.usefixtures("missing")
def test_other_policies_load_without_the_parser_and_queries_are_opaque() -> None:
    Policy.from_text("allow look: fs.read any", host=HOST)
    assert found("select * from without_parser") == OPAQUE
    assert sql_effects("select 2")[0].why == f"SQL is not read without its parser: {INSTALL}"


def test_a_kept_policy_is_not_taken_where_the_parser_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "p.agp"
    policy.write_text("deny drop: sql.schema any\n")
    cache = Cache(str(tmp_path / "cache"))
    Policy.load(policy, cache=cache)
    for module in (sql_module, compile_module, cache_module):
        monkeypatch.setattr(module, "available", lambda: False)
    with pytest.raises(PolicyError, match="AP502"):
        Policy.load(policy, cache=cache)


def test_the_parser_is_loaded_only_when_sql_is_read() -> None:
    code = (
        "import sys; from agentpolicy import Engine, Policy, ToolCall; "
        "e = Engine(Policy.from_text('tool q(x: sql) does only sql x\\nallow look: sql.select any')); "
        "e.decide(ToolCall.of('sql.select', 't')); before = 'sqlglot' in sys.modules; "
        "print(before, e.decide(ToolCall('q', {'x': 'select 1'})).outcome, 'sqlglot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.split() == ["False", "allow", "True"]
