"""What a good engineer would write by hand for the same policies, without a policy language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentpolicy.engine.situation import Situation
from benchmarks.workload import Rule

#: Effects are what they are: a function like these looks at the action, then takes the fields for granted.
Decide = Callable[[Any, Situation], str]


def small(effect: Any, situation: Situation) -> str:
    """The policy of ten rules, ``workload.SMALL``."""
    action = effect.action
    if action == "fs.read":
        path = effect.path
        if path.endswith("/.env"):
            return "deny"
        if path.startswith("/repo/"):
            return "allow"
    elif action == "fs.write":
        path = effect.path
        if path.startswith("/repo/src/vendor/"):
            return "deny"
        if path.startswith("/repo/src/"):
            return "allow"
    elif action == "net.get":
        host = effect.host
        if host.endswith(".corp.example"):
            return "deny"
        if host.endswith(".partner.example"):
            return "ask"
        if host == "docs.example" and effect.usual_port:
            return "allow"
    elif action == "exec":
        argv = effect.argv
        program = argv[0]
        if program == "git":
            verb = argv[1] if len(argv) > 1 else ""
            if verb == "push":
                return "ask"
            if verb == "status":
                return "allow"
        elif program == "make" and situation.facts["trusted"]:
            return "allow"
    return "deny"


#: ``(severity, condition)``, strictest first; the severity indexes this.
OUTCOMES = ("deny", "ask", "allow", "deny")
_DENY, _ALLOW, _NOTHING = 0, 2, 3
Rows = list[tuple[int, str | None]]


def large(found: list[Rule]) -> Decide:
    """Any number of rules: dicts by key, a walk up the parent directories and the parent domains."""
    trees: dict[str, dict[str, Rows]] = {"fs.read": {}, "fs.write": {}}
    names: dict[str, dict[str, Rows]] = {"fs.read": {}, "fs.write": {}}
    hosts: dict[str, Rows] = {}
    domains: dict[str, Rows] = {}
    programs: dict[str, Rows] = {}
    verbs: dict[tuple[str, str], Rows] = {}
    for rule in found:
        row = OUTCOMES.index(rule.outcome), rule.condition
        if rule.kind == "tree":
            trees[rule.action].setdefault(rule.key, []).append(row)
        elif rule.kind == "name":
            names[rule.action].setdefault(rule.key, []).append(row)
        elif rule.kind == "host":
            hosts.setdefault(rule.key, []).append(row)
        elif rule.kind == "domain":
            domains.setdefault(rule.key, []).append(row)
        else:
            program, _, verb = rule.key.partition(" ")
            if verb:
                verbs.setdefault((program, verb), []).append(row)
            else:
                programs.setdefault(program, []).append(row)
    tables: list[dict[Any, Rows]] = [*trees.values(), *names.values(), hosts, domains, programs, verbs]
    for table in tables:
        for rows in table.values():
            rows.sort(key=lambda row: row[0])

    def strictest(rows: Rows, best: int, situation: Situation) -> int:
        for severity, condition in rows:
            if severity >= best:
                break
            if condition is None or (situation.agent_role == "ci" if condition == "ci" else situation.facts["trusted"]):
                return severity
        return best

    def decide_file(effect: Any, situation: Situation) -> str:
        path = effect.path
        best = _NOTHING
        at = path.rfind("/")
        rows = names[effect.action].get(path[at + 1 :])
        if rows is not None:
            best = strictest(rows, best, situation)
        directories = trees[effect.action]
        while at > 0 and best != _DENY:
            rows = directories.get(path[:at])
            if rows is not None:
                best = strictest(rows, best, situation)
            at = path.rfind("/", 0, at)
        return OUTCOMES[best]

    def decide_address(effect: Any, situation: Situation) -> str:
        host = effect.host
        best = _NOTHING
        rows = hosts.get(host)
        if rows is not None:
            best = strictest(rows, best, situation)
        while best != _DENY and "." in host:
            host = host.split(".", 1)[1]
            rows = domains.get(host)
            if rows is not None:
                best = strictest(rows, best, situation)
        # Allowing a host means its usual port.
        return "deny" if best == _ALLOW and not effect.usual_port else OUTCOMES[best]

    def decide_command(effect: Any, situation: Situation) -> str:
        argv = effect.argv
        best = _NOTHING
        rows = programs.get(argv[0])
        if rows is not None:
            best = strictest(rows, best, situation)
        if len(argv) > 1 and best != _DENY:
            rows = verbs.get((argv[0], argv[1]))
            if rows is not None:
                best = strictest(rows, best, situation)
        return OUTCOMES[best]

    kinds: dict[str, Callable[..., str]] = {
        "fs.read": decide_file,
        "fs.write": decide_file,
        "net.get": decide_address,
        "exec": decide_command,
    }

    def decide(effect: Any, situation: Situation) -> str:
        return kinds[effect.action](effect, situation)

    return decide
