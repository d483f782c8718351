"""Follows the links of an absolute name, part by part from the root, as path_resolution(7) says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from agentpolicy.effects.folding import folded
from agentpolicy.effects.magic import SPECIAL, Meaning, meaning

#: Longest name that is looked at, in bytes of UTF-8 (Linux: PATH_MAX).
LONGEST: Final = 4096
#: Links followed in one name before it counts as a loop (Linux: MAXSYMLINKS).
MOST_LINKS: Final = 40
#: Most characters that the targets of a name's links may have together: each may lead through hundreds of directories.
MOST_TEXT: Final = 4 * LONGEST

#: What is found under a name instead of a link's target: nothing, or nothing in a directory that folds names.
MISSING: Final = ""
MISSING_FOLDED: Final = "\0"
NOTHING: Final = frozenset({MISSING, MISSING_FOLDED})

#: Device and inode of a directory.
Where: TypeAlias = tuple[int, int]
#: The name as it is really spelled; the target of a link, None for what is no link; where it is.
Seen: TypeAlias = "tuple[str, str | None, Where]"
#: Looks at one name: the directory's name, the part, both joined, and where each directory on the way is.
Look: TypeAlias = Callable[[str, str, str, list[Where]], Seen]


def follow(path: str, look: Look, root: Where) -> str | None:
    """Where an absolute name leads; missing parts stay as they are, folded where their directory folds names.

    ``..`` goes up from where a link led. None on a loop, on a name that is too long or leads through too much, and
    where it means something else in each process.

    Raises:
        OSError: whatever ``look`` raises.
    """
    if len(path) > LONGEST:
        return None
    parts = path.split("/")
    parts.reverse()
    done = ""
    trail = [root]
    links = 0
    text = 0
    missing: str | None = None  # below a name that does not exist there are no links to look for
    special = False
    while parts:
        part = parts.pop()
        if not part or part == ".":
            continue
        if part == "..":
            if done:
                done = done[: done.rfind("/")]
                trail.pop()
            missing = None
            continue
        here = f"{done}/{part}"
        if special:
            what = meaning(here, parts)
            if what is Meaning.UNKNOWN:
                return None
            if what is Meaning.ROOT:
                done = ""
                trail = [root]
                missing = None
                continue
        if missing is not None:
            done = here if missing == MISSING else f"{done}/{folded(part)}"
            trail.append(trail[-1])
            continue
        here, target, where = look(done, part, here, trail)
        if target is None or target in NOTHING:
            if not done:
                special = here in SPECIAL
            done = here
            missing = target
            trail.append(where)
            continue
        links += 1
        text += len(target)
        if links > MOST_LINKS or text > MOST_TEXT:
            return None
        if target[0] == "/":
            done = ""
            trail = [root]
        parts.extend(reversed(target.split("/")))
    return done or "/"
