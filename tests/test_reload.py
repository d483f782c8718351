"""What a new policy may allow that the old one did not: every suspect is named, and nothing else."""

from __future__ import annotations

import pytest

from agentpolicy import Policy
from agentpolicy.engine.reload import compare
from agentpolicy.testing import memory_host

OLD = """policy p version "1"
param w: path
fact f: text = "x"
default deny
default ask for net
tool t(path: path) does only fs.read path
allow a: fs.read "${w}/**" when f == "x"
ask b: exec "push **" because "leaves"
deny c: exec "rm **" when flags has "-r" because "gone"
"""


def policy(text: str, files: dict[str, str] | None = None, w: str = "/w") -> Policy:
    return Policy.from_text(text, params={"w": w}, host=memory_host(), files=files)


@pytest.mark.parametrize(
    ("old", "new", "wider"),
    [
        ("", "", ()),
        ('because "leaves"', 'because "it leaves"', ()),
        ("allow a:", "\n\nallow a:", ()),
        ('deny c: exec "rm **"', 'deny d: exec "x" because "y"\ndeny c: exec "rm **"', ()),
        ('ask b: exec "push **" because "leaves"', "", ("p: the rule `b` is gone",)),
        ('"push **"', '"push x **"', ("p: the rule `b` says something else",)),
        ('"-r"', '"-f"', ("p: the rule `c` says something else",)),
        (
            'deny c: exec "rm **" when flags has "-r" because "gone"',
            'allow c: exec "rm **"',
            ("p: the rule `c` says something else",),
        ),
        ('when f == "x"', 'when f == "y"', ("p: the allow rule `a` says something else",)),
        ('"${w}/**"', '"${w}/**", "/tmp/**"', ("p: the allow rule `a` says something else",)),
        ("ask b", 'allow n: exec "ls"\nask b', ("p: the allow rule `n` is new",)),
        ("default deny\n", "default ask\n", ("p: the default for everything is laxer",)),
        ("default ask for net", "default allow for net", ("p: the default for net is laxer",)),
        ("default ask for net", "default deny for net", ()),
        ("default ask for net", "", ("p: defaults are gone for net",)),
        ("fs.read path", "fs.write path", ("what tools do is declared otherwise",)),
        ('fact f: text = "x"', 'fact f: text = "y"', ("facts or their defaults are declared otherwise",)),
        ("policy p", "policy q", ("the layer `p` is gone", "the layer `q` is new")),
    ],
)
def test_what_may_be_wider_is_named(old: str, new: str, wider: tuple[str, ...]) -> None:
    told = compare(policy(OLD), policy(OLD.replace(old, new) if old else OLD))
    assert told.wider == wider
    assert told.changed == bool(old)


def test_other_parameters_are_another_policy() -> None:
    assert compare(policy(OLD), policy(OLD, w="/v")).wider == ("p: the allow rule `a` says something else",)


def test_a_layer_that_only_denies_widens_nothing() -> None:
    outer = 'policy p version "1"\ndefault none\ndeny x: exec "x" because "y"\n'
    told = compare(policy(OLD), policy('extends "o.agp"\n' + OLD.partition("\n")[2], {"o.agp": outer}))
    assert told.changed
    assert "the layer `<policy>` is new" in told.wider
