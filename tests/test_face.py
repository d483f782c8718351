"""The public face: every name is there, and importing the package loads nothing of it before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agentpolicy


@pytest.mark.parametrize("name", agentpolicy.__all__)
def test_every_name_is_handed_on(name: str) -> None:
    found = getattr(agentpolicy, name)
    assert name == "Reviewer" or name in {getattr(found, "__name__", None), repr(found)}
    assert name in dir(agentpolicy)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = agentpolicy.nope


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, agentpolicy; print([name for name in sys.modules if name.split('.')[0] in ('agentpolicy', 'attrs', 'lark', 'orjson', 'click')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "['agentpolicy']"


def test_a_compiled_policy_decides_without_parser_or_command_line(tmp_path: object) -> None:
    code = (
        "import sys, os\n"
        f"os.environ['AGENTPOLICY_CACHE'] = {str(tmp_path)!r} + '/cache'\n"
        f"path = {str(tmp_path)!r} + '/p.agp'\n"
        "from agentpolicy import Engine, ToolCall\n"
        "if not os.path.exists(path):\n"
        "    open(path, 'w').write('policy p version \"1\"\\nallow a: exec \"ls **\"\\n')\n"
        "print(Engine.load(path).decide(ToolCall.of('exec', 'ls')).rule, 'lark' in sys.modules, 'click' in sys.modules)\n"
    )
    told = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]
    assert told == [["a", "True", "False"], ["a", "False", "False"]]
