"""What would change an answer: each change is tried on the reference evaluator, none is guessed."""

from __future__ import annotations

from collections.abc import Sequence

from agentpolicy.checker.bench import Answered, Bench
from agentpolicy.checker.change_call import CallChanges
from agentpolicy.checker.change_policy import PolicyChanges
from agentpolicy.checker.nearly import Weighed
from agentpolicy.checker.trial import Change, ChangeKind, Trial

__all__ = ["Change", "ChangeKind", "changes"]


def changes(bench: Bench, answered: Answered, near: Sequence[Weighed]) -> tuple[Change, ...]:
    """The smallest changes that give another outcome: of the situation, of the call, then of the policy.

    What comes of leaving out the rule that decided is told in any case.

    Args:
        bench: the program.
        answered: the answer that is to change; one that was given before any rule was asked has no changes.
        near: rules that did not match, the nearest first.
    """
    if not answered.answers:
        return ()
    trial = Trial(bench, answered)
    call, policy = CallChanges(trial), PolicyChanges(trial)
    found = [*call.situations(), *call.conditions(), *call.counts()]
    if answered.decision.outcome != "deny" or answered.decision.rule != "default":
        found += policy.without()
    if answered.decision.outcome != "allow":
        found += [*policy.widened(near), *policy.new_rules()]
    return tuple(found)
