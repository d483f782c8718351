"""What a rule's clauses that count come to while nothing is spent, said as conditions: so proofs take them."""

from __future__ import annotations

from agentpolicy.language import checked as c
from agentpolicy.language.vocabulary import family


def met(rule: c.CheckedRule) -> c.Test_ | None:
    """The condition under which a rule matches what its patterns match, nothing spent; None where it always does.

    A single effect is counted, its own amount included. Nothing is known of how many bytes a call sends, so they count
    as none. Where it is not known what to count by, the clause is unknown.
    """
    tests = [] if rule.condition is None else [rule.condition]
    tests += [test for quota in rule.quotas if (test := _test(quota, rule)) is not None]
    if len(tests) < 2:
        return tests[0] if tests else None
    return c.All(tuple(tests), rule.place)


def _test(quota: c.Quota, rule: c.CheckedRule) -> c.Test_ | None:
    """A clause as a condition; None where it always lets its rule match."""
    amount, place, by = _amount(quota), quota.place, _counted_by(quota, rule)
    if by is None:
        return amount
    # True of every value: it asks whether there is one.
    known = c.Comparison(by, "==", by, place)
    if amount is None:
        return known
    return c.Some((c.All((known, amount), place), c.Negation(known, place)), place)


def _amount(quota: c.Quota) -> c.Test_ | None:
    over, never = quota.kind == "over", c.Some((), quota.place)
    if quota.kind == "budget" and quota.amount <= 0:
        return never
    if isinstance(quota.of, c.Attribute):
        return c.Comparison(quota.of, ">" if over else "<=", c.Constant(quota.amount), quota.place)
    more = 1 if quota.of == "calls" else 0
    return None if (more > quota.amount) is over else never


def _counted_by(quota: c.Quota, rule: c.CheckedRule) -> c.Operand | None:
    """What has to be known to count; None where it always is."""
    match quota.per:
        case c.Attribute():
            return quota.per
        case "agent" | "user":
            return c.ContextName(f"{quota.per}.name", "text")
        case "host" if rule.actions and family(rule.actions[0]) == "net":
            return c.Attribute("host", "text")
        case _:
            return None
