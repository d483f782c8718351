"""The workload: a coding agent's policy of N rules, effects to decide, and situations to decide them in."""

from __future__ import annotations

import random
from typing import Any

from attrs import frozen

from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect
from agentpolicy.engine.situation import Agent, Situation, User

#: Everything below is drawn from this, so that every run has the same rules and effects.
SEED = 20240607
Question = tuple[Any, Situation]

#: The policy of ten rules, for which ``handwritten.small`` is the function that one would write.
SMALL = """\
policy small version "1.0" language 1
fact trusted: bool
default deny because "no rule allows this"
allow look:     fs.read "/repo/**"
allow change:   fs.write "/repo/src/**"
deny  secrets:  fs.read "**/.env" because "secrets are not for the agent"
deny  vendored: fs.write "/repo/src/vendor/**" because "vendored code is replaced, not edited"
allow docs:     net.get "docs.example"
ask   partners: net.get "*.partner.example" because "another company's machine"
deny  intern:   net.get "*.corp.example" because "no internal addresses"
allow inspect:  exec "git status **"
ask   push:     exec "git push **" because "a push leaves this machine"
allow build:    exec "make **" when trusted
"""


@frozen
class Rule:
    """One rule: outcome, action, kind of pattern (``tree``, ``name``, ``host``, ``domain``, ``argv``), key, condition.

    The key is the pattern without its wildcards; the condition is ``ci``, ``trusted`` or nothing.
    """

    outcome: str
    action: str
    kind: str
    key: str
    condition: str | None


def rules(count: int) -> list[Rule]:
    """A policy of so many rules."""
    draw = random.Random(f"{SEED} {count}")
    return [_rule(draw, count) for _ in range(count)]


def _rule(draw: random.Random, count: int) -> Rule:
    outcome = draw.choices(("allow", "ask", "deny"), (60, 15, 25))[0]
    condition = draw.choices((None, "ci", "trusted"), (90, 5, 5))[0]
    action = draw.choices(("fs.read", "fs.write", "net.get", "exec"), (30, 20, 25, 25))[0]
    if action.startswith("fs."):
        kind = draw.choices(("tree", "name"), (85, 15))[0]
        key = directory(draw, count) if kind == "tree" else f"setting{draw.randrange(count)}.cfg"
    elif action == "net.get":
        kind = draw.choices(("host", "domain"), (60, 40))[0]
        key = f"host{draw.randrange(count)}.site{draw.randrange(count)}.example"
        key = key if kind == "host" else key.partition(".")[2]
    else:
        kind, key = "argv", f"tool{draw.randrange(1 + count // 4)}"
        if draw.random() < 0.8:
            key += f" verb{draw.randrange(20)}"
    return Rule(outcome, action, kind, key, condition)


def directory(draw: random.Random, count: int) -> str:
    """A directory that a rule might name: two to six levels, one inside another often enough."""
    parts = ["home", f"dev{draw.randrange(1 + count // 50)}", f"repo{draw.randrange(8)}"]
    parts += [f"{draw.choice(('src', 'pkg', 'lib'))}{draw.randrange(6)}" for _ in range(draw.randrange(4))]
    return "/" + "/".join(parts[: draw.randint(2, 6)])


def text(found: list[Rule]) -> str:
    """The policy as its author would write it."""
    lines = [
        'policy large version "1.0" language 1',
        "fact trusted: bool",
        'default deny because "no rule allows this"',
    ]
    conditions = {None: "", "ci": ' when agent.role == "ci"', "trusted": " when trusted"}
    for at, rule in enumerate(found):
        reason = "" if rule.outcome == "allow" else f' because "the reason of rule {at}"'
        lines.append(
            f'{rule.outcome} r{at}: {rule.action} "{pattern(rule)}"{conditions[rule.condition]}{reason}',
        )
    return "\n".join(lines) + "\n"


def pattern(rule: Rule) -> str:
    """The rule's pattern in the language."""
    match rule.kind:
        case "tree":
            return f"{rule.key}/**"
        case "name":
            return f"**/{rule.key}"
        case "domain":
            return f"*.{rule.key}"
        case "argv":
            return f"{rule.key} **"
        case _:
            return rule.key


# --- what is decided ----------------------------------------------------------------------


def situations() -> list[Situation]:
    """Every truth of the two conditions."""
    return [
        Situation(
            {"trusted": trusted}, lacking=False, agent=Agent("bot", role), user=User("ana"), host_os="linux",
            session_id=None, clock=lambda: 0.0,
        )
        for role in ("ci", "dev")
        for trusted in (False, True)
    ]  # fmt: skip


def questions(found: list[Rule], count: int = 2000) -> list[Question]:
    """Distinct random effects, two thirds of them aimed at a rule, each with a situation."""
    draw = random.Random(f"{SEED} questions {len(found)}")
    places = situations()
    seen: set[str] = set()
    made: list[Question] = []
    while len(made) < count:
        rule = draw.choice(found) if draw.random() < 2 / 3 else _rule(draw, len(found))
        effect = aimed(draw, rule)
        if repr(effect) not in seen:
            seen.add(repr(effect))
            made.append((effect, draw.choice(places)))
    return made


def aimed(draw: random.Random, rule: Rule) -> Effect:
    """An effect that the rule's pattern matches, or nearly."""
    match rule.kind:
        case "tree":
            return _file(rule.action, below(draw, rule.key))
        case "name":
            return _file(rule.action, below(draw, directory(draw, 100)).rpartition("/")[0] + "/" + rule.key)
        case "argv":
            words = rule.key.split()
            if len(words) == 1:
                words.append(f"verb{draw.randrange(20)}")
            return ExecEffect((*words, f"target{draw.randrange(10**6)}"), cwd="/repo")
        case "host":
            return _address(draw, rule.key)
        case _:
            return _address(draw, draw.choice((f"www{draw.randrange(10**6)}.", "a.b.", "")) + rule.key)


def below(draw: random.Random, top: str) -> str:
    """A file under a directory, up to three levels down."""
    between = [f"part{draw.randrange(50)}" for _ in range(draw.randrange(4))]
    return "/".join((top, *between, f"file{draw.randrange(10**6)}.py"))


def _file(action: str, path: str) -> FileEffect:
    return FileEffect(action, path, path)


def _address(draw: random.Random, host: str) -> NetEffect:
    usual = draw.random() < 0.95
    return NetEffect(
        "net.get", scheme="https", host=host, port=443 if usual else 8443, path=f"/page{draw.randrange(10**6)}",
        private=False, usual_port=usual,
    )  # fmt: skip


def hot(found: list[Question], count: int = 2000) -> list[Question]:
    """A repeating stream: fifty of the questions, the first ones far more often (Zipf)."""
    draw = random.Random(f"{SEED} hot")
    fifty = draw.sample(found, 50)
    return draw.choices(fifty, [1 / (rank + 1) for rank in range(50)], k=count)


def small_questions(count: int = 2000) -> list[Question]:
    """Distinct random effects for the policy of ten rules."""
    draw = random.Random(f"{SEED} small")
    aims = [
        Rule("", "fs.read", "tree", "/repo", None),
        Rule("", "fs.write", "tree", "/repo/src", None),
        Rule("", "fs.read", "name", ".env", None),
        Rule("", "fs.write", "tree", "/repo/src/vendor", None),
        Rule("", "net.get", "host", "docs.example", None),
        Rule("", "net.get", "domain", "partner.example", None),
        Rule("", "net.get", "domain", "corp.example", None),
        Rule("", "exec", "argv", "git status", None),
        Rule("", "exec", "argv", "git push", None),
        Rule("", "exec", "argv", "make", None),
    ]
    places = situations()
    seen: set[str] = set()
    made: list[Question] = []
    while len(made) < count:
        effect = aimed(draw, draw.choice(aims) if draw.random() < 2 / 3 else _rule(draw, 10))
        if repr(effect) not in seen:
            seen.add(repr(effect))
            made.append((effect, draw.choice(places)))
    return made
