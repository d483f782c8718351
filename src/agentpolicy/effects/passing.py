"""Programs that end as what they start ends: data, by the name that they are called by.

A program stands here only if it starts what its words name once, whatever happens, waits for it, and exits with its
status, at least where that is 0. Beside it stand the options under which that stays so; under any other nothing is
known of what is started (``sudo -b`` waits for nothing, ``bash -n`` runs nothing).

Not here for that reason: ``xargs`` and ``find`` (may run nothing), ``setsid`` (may not wait), ``flock``, ``script``,
``watch``, ``parallel`` and what starts containers (statuses of their own), ``poetry run`` (older ones lose the status
of scripts), ``npx``, ``pdm`` and ``hatch`` (their configuration may give the name to another command).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from agentpolicy.effects.values import Value

_ENV: Final = frozenset("-i --ignore-environment - -u --unset -C --chdir -v --debug".split())
_NICE: Final = frozenset("-n --adjustment -0".split())
_NOHUP: Final[frozenset[str]] = frozenset()
_STDBUF: Final = frozenset("-i --input -o --output -e --error".split())
_TIME: Final = frozenset(
    "-p --portability -v --verbose -q --quiet -a --append -f --format -o --output -l".split()
)  # fmt: skip
_TIMEOUT: Final = frozenset("-f --foreground -p --preserve-status -v --verbose -k --kill-after -s --signal".split())
_SHELL: Final = frozenset("-c -e -u -x -v -l -o --login --norc --noprofile --verbose".split())
#: Shells by the names under which text is read for them, and the settings that ``-o`` may give them: they only make
#: more of a text fail.
_SHELLS: Final = frozenset({"bash", "sh", "dash", "ash", "zsh"})
_SETTINGS: Final = frozenset({"errexit", "nounset", "pipefail", "xtrace", "verbose"})

_PASSING: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(_SHELLS, _SHELL),
    **dict.fromkeys(("env", "genv"), _ENV),
    **dict.fromkeys(("nice", "gnice"), _NICE),
    **dict.fromkeys(("nohup", "gnohup"), _NOHUP),
    **dict.fromkeys(("stdbuf", "gstdbuf"), _STDBUF),
    **dict.fromkeys(("time", "gtime"), _TIME),
    **dict.fromkeys(("timeout", "gtimeout"), _TIMEOUT),
    "ionice": frozenset("-t --ignore -c --class -n --classdata".split()),
    "sudo": frozenset(
        """-A --askpass -E --preserve-env -H --set-home -n --non-interactive -S --stdin -u --user -g --group
        -p --prompt""".split()
    ),
    "doas": frozenset("-n -u".split()),
    # `-o` with anything that could change what runs is opaque already
    "ssh": frozenset("-4 -6 -A -a -C -K -k -T -t -tt -X -x -Y -y -q -v -vv -vvv -p -l -c -m -b -B -i -J -o".split()),
    "uv run": frozenset(
        """-q --quiet -v -vv --verbose --offline --no-cache --no-progress --native-tls --no-config --no-python-downloads
        --managed-python --no-managed-python --preview --directory --project --cache-dir --color --frozen --locked
        --isolated --no-sync --no-project --no-dev --dev --only-dev --all-extras --no-default-groups --all-groups
        --active --exact --no-editable --no-env-file --no-build-isolation --all-packages --refresh --reinstall -U
        --upgrade --no-index --no-build --no-binary --no-sources --compile-bytecode --extra --no-extra --group
        --only-group --no-group --package --resolution --prerelease --link-mode""".split()
    ),
}
#: Those that may fail although what they started did not.
MAY_FAIL_ALONE: Final = frozenset({"timeout", "gtimeout", "ssh"})


def passes(name: str, given: AbstractSet[str], settings: Sequence[Value]) -> bool:
    """Whether a program's success, under the options given, is success of what it starts.

    Args:
        name: the base name that it is called by, in its own letters, with its subcommand.
        given: the options given.
        settings: the values of ``-o``.
    """
    options = _PASSING.get(name)
    if options is None:
        return False
    if name in _SHELLS and not all(word in _SETTINGS for word in settings):
        return False
    return all(option in options or ("-0" in options and option[1:].isdigit()) for option in given)
