"""What a tool would do on this machine, or with it: files, commands, addresses, queries."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from agentpolicy.checker.draft.names import own_name, server_of, words
from agentpolicy.checker.draft.roles import destinations
from agentpolicy.checker.draft.tool import Parameter, Tool
from agentpolicy.checker.draft.verbs import Verb
from agentpolicy.checker.draft.words import (
    ATTACHED,
    CODE_TEXT,
    COPIES,
    DATABASES,
    DIRECTORIES,
    ELSEWHERE,
    FILE_IDS,
    FILE_NAMES,
    FILES,
    IDS,
    INTERPRETERS,
    LINKS,
    MOVED_FROM,
    MOVED_TO,
    MOVES,
    PATHS,
    REMOVALS,
    SEARCHES,
    SHELL_TEXT,
    SHELLS,
    SQL_TEXT,
    URL_TEXT,
    WEB_METHODS,
    WEBBY,
    WRITING,
)
from agentpolicy.effects.known_tools import KNOWN_TOOLS


@frozen
class Does:
    """One effect that a tool declares: the action, the parameter that it is read from, that parameter's type."""

    action: str
    parameter: str
    type: str
    place: str | None = None


@frozen
class Setting:
    """What one list of tools says as a whole: servers that name their files by ids have none on this machine."""

    virtual: frozenset[str]

    @classmethod
    def of(cls, tools: tuple[Tool, ...]) -> Setting:
        """Read off the tools."""
        return cls(frozenset(server_of(one.name) for one in tools if _by_id(one)))


def _by_id(tool: Tool) -> bool:
    said = [words(one.name) for one in tool.parameters]
    return any(len(one) > 1 and one[-1] in IDS and one[-2] in FILE_IDS for one in said)


def effects_of(tool: Tool, verb: Verb | None, setting: Setting) -> tuple[tuple[Does, ...], bool]:
    """The effects that a tool seems to have, and whether its name is well known. Only names speak for fewer of them."""
    marked = tuple(Does(one.action, one.name, _type(one, one.type)) for one in tool.parameters if one.action)
    if marked:
        return marked, True
    known = _known(tool, setting)
    if known:
        return known, True
    said = words(own_name(tool.name))
    run = _run(tool, said)
    if run:
        return run, False
    web = _web(tool, said, verb)
    return (*web, *_files(tool, said, verb, setting, fetched=bool(web))), False


# --- well-known tools --------------------------------------------------------------------


def _known(tool: Tool, setting: Setting) -> tuple[Does, ...]:
    shape = KNOWN_TOOLS.get(own_name(tool.name))
    if shape is None:
        return ()
    given = {one.name: one for one in tool.parameters}
    found: list[Does] = []
    for action, name, place in shape.effects:
        one = given.get(name)
        kind = shape.parameters[name][0]
        if one is None or one.choices or (words(name)[-1] in FILE_NAMES and _elsewhere(tool, setting)):
            continue
        if kind == "command":
            kind = "argv" if one.type == "[text]" else "shell"
        type_ = _type(one, kind)
        if not type_ or kind == "patch":
            continue
        where = next((one for one in (place or ()) if one in given and given[one].type in {"text", "path"}), None)
        found += [Does(each, name, type_, where) for each in _actions(action, given)]
    return tuple(dict.fromkeys(found))


def _actions(action: str, given: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Actions of the language for one of a well-known tool."""
    if action == "fs":
        return ("fs.read", "fs.write", "fs.delete")
    if action == "http":
        sends = any(name in given for name in ("body", "data", "json", "payload"))
        return ("net",) if "method" in given else ("net.post",) if sends else ("net.get",)
    return (action,)


# --- by words ----------------------------------------------------------------------------


def _type(one: Parameter, kind: str | None) -> str:
    """The type in which a parameter declares an effect; empty where its values do not fit."""
    if kind is None or one.type is None:
        return ""
    inner = kind.strip("[]")
    if one.type in {"[text]", "[path]", "[url]"}:
        return "argv" if inner == "argv" else f"[{inner}]"
    return inner if one.type in {"text", "path", "url", "host", "shell", "code", "sql"} else ""


def _last(one: Parameter) -> str:
    return (words(one.name) or ("",))[-1]


def _run(tool: Tool, said: tuple[str, ...]) -> tuple[Does, ...]:
    """Commands, code and queries."""
    about = words(tool.about[:400])
    textual = [one.name for one in tool.parameters if one.type in {"text", "path"}]
    place = next((name for name in textual if name in DIRECTORIES), None)
    database = next((name for name in textual if name in {"database", "db"}), None)
    of_data = bool(DATABASES & {*said, *words(server_of(tool.name))}) or "sql" in about
    found: list[Does] = []
    for one in tool.parameters:
        if one.choices or one.type not in {"text", "[text]", "shell", "code", "sql"}:
            continue
        last = _last(one)
        if last in SQL_TEXT and (last == "sql" or of_data):
            found.append(Does("sql", one.name, _type(one, "sql"), database))
        elif last in SHELL_TEXT and SHELLS & set(said) and "powershell" not in said:
            found.append(Does("exec", one.name, "argv" if one.type == "[text]" else "shell", place))
        elif last in CODE_TEXT | SHELL_TEXT and INTERPRETERS & set(said) and one.type == "text":
            found.append(Does("exec", one.name, "code", place))
    return tuple(found)


def _web(tool: Tool, said: tuple[str, ...], verb: Verb | None) -> tuple[Does, ...]:
    """Requests to addresses that a call names."""
    if verb is None or not (verb.kind == "look" or (verb.kind == "act" and WEBBY & set(said))):
        return ()
    urls = [one for one in tool.parameters if _is_url(one)]
    others = set(destinations(tool, weak=False)) - {one.name for one in urls}
    if not urls or others:
        return ()
    by_name = next((word for word in said if word in WEB_METHODS and word not in {"get", "head", "options"}), None)
    if any(one.name == "method" and one.type == "text" for one in tool.parameters):
        action = "net"
    elif by_name is not None:
        action = f"net.{by_name}"
    else:
        action = "net.get" if verb.kind == "look" else "net.post"
    return tuple(Does(action, one.name, _type(one, "url")) for one in urls)


def _is_url(one: Parameter) -> bool:
    textual = one.type in {"text", "url", "[text]", "[url]"}
    named = one.type in {"url", "[url]"}
    linked = _last(one) in LINKS and "url" in words(one.about)
    return textual and (named or linked or _last(one) in URL_TEXT or one.format in {"uri", "url"})


def _of_a_service(tool: Tool) -> bool:
    """Whether names say that the tool's paths are those of a service: a repository, a bucket, a drive."""
    named = {word for one in tool.parameters for word in words(one.name)}
    return bool(ELSEWHERE & (named | set(words(tool.name))))


def _elsewhere(tool: Tool, setting: Setting) -> bool:
    """Whether plain names of files are those of a service, too where other tools beside it name files by ids."""
    return _of_a_service(tool) or server_of(tool.name) in setting.virtual


def _files(
    tool: Tool, said: tuple[str, ...], verb: Verb | None, setting: Setting, *, fetched: bool
) -> tuple[Does, ...]:
    """Files of this machine that a call names; ``fetched`` where they hold what came from an address."""
    if verb is None or _of_a_service(tool):
        return ()
    found: list[Does] = []
    for one in tool.parameters:
        if _is_path(one, said, verb) and not (_last(one) in FILE_NAMES and _elsewhere(tool, setting)):
            actions = ("fs.write",) if fetched and verb.kind == "look" else _file_actions(one, verb, said)
            found += [Does(action, one.name, _type(one, "path")) for action in actions]
    return tuple(found)


def _is_path(one: Parameter, said: tuple[str, ...], verb: Verb) -> bool:
    if one.type not in {"text", "path", "[text]", "[path]"} or one.choices:
        return False
    if one.type.strip("[]") == "path" or _last(one) in PATHS:
        return True
    if _last(one) in FILE_NAMES or words(one.name)[-2:] == ("file", "name"):
        # A name to look for is no file that is opened.
        return bool({"file", "files", "disk", "directory"} & set(said)) and verb.word not in SEARCHES
    between = verb.word in MOVES | COPIES and bool({"file", "files", "directory"} & set(said))
    return between and bool((MOVED_TO | MOVED_FROM) & set(words(one.name)))


def _file_actions(one: Parameter, verb: Verb, said: tuple[str, ...]) -> tuple[str, ...]:
    """What becomes of a file that a parameter names."""
    if verb.kind in {"look", "act", "pay", "settings", "run"}:
        return ("fs.read",)
    there = bool(MOVED_TO & set(words(one.name)))
    if verb.word in COPIES:
        return ("fs.write",) if there else ("fs.read",)
    if verb.word in MOVES:
        return ("fs.write",) if there else ("fs.read", "fs.delete")
    if verb.also in REMOVALS or verb.word in REMOVALS:
        return ("fs.delete",)
    # What is made of a file that is not named as one may be made from it as well as in it.
    return ("fs.write",) if _about_files(said, verb) else ("fs.read", "fs.write")


def _about_files(said: tuple[str, ...], verb: Verb) -> bool:
    return not FILES.isdisjoint(said) or verb.word in WRITING


def answers_for(does: tuple[Does, ...], verb: Verb, said: tuple[str, ...]) -> bool:
    """Whether the effects seem to be all that the tool does: what sends a file, or applies one, does more."""
    if any(not one.action.startswith("fs.") for one in does):
        return True
    return verb.kind == "look" or (verb.kind in {"make", "lose"} and _about_files(said, verb))


def attached(tool: Tool) -> tuple[Does, ...]:
    """Files of this machine that a tool takes along, where a description says that they are named by paths."""
    return tuple(
        Does("fs.read", one.name, _type(one, "path"))
        for one in tool.parameters
        if _last(one) in ATTACHED and "path" in one.about.lower() and _type(one, "path")
    )
