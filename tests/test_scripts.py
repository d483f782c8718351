"""Scripts of sed and awk: what they read, write and run; what cannot be told is refused."""

from __future__ import annotations

import pytest

from agentpolicy.effects.scripts.awk import read_awk
from agentpolicy.effects.scripts.sed import read_sed


@pytest.mark.parametrize(
    ("script", "touched"),
    [
        ("p", []),
        ("", []),
        ("# only said\np", []),
        ("1,5p", []),
        ("1~2d", []),
        ("$d", []),
        ("1,+3d", []),
        ("2,~4d", []),
        ("0,/x/I!d", []),
        (r"\,a,d", []),
        (r"/a\/b/d", []),
        ("/[]a]b/d", []),
        ("/[^]a]b/d", []),
        ("/a/{p;d}", []),
        ("/a/{\np\n}", []),
        ("5q", []),
        ("5q 3", []),
        ("10l 5", []),
        ("y/abc/xyz/", []),
        (":top;s/a/b/;ttop", []),
        ("a\\\nmore\\\nand more", []),
        ("i said", []),
        ("s/a/b/gI2", []),
        ("s|a|b|;p", []),
        ("s/a/b/w out", [("write", "out")]),
        ("s/a/b/gw out", [("write", "out")]),
        ("w out.txt", [("write", "out.txt")]),
        ("r in.txt", [("read", "in.txt")]),
        ("R in.txt\nW out.txt", [("read", "in.txt"), ("write", "out.txt")]),
        ("w /dev/stdout", []),
        ("1r a;b", [("read", "a;b")]),  # a name goes on to the end of the line
    ],
)
def test_what_a_script_of_sed_touches(script: str, touched: list[tuple[str, str]]) -> None:
    assert read_sed(script) == (None, touched)


@pytest.mark.parametrize(
    "script",
    [
        "e", "1e rm x", "s/a/b/e", "s/a/b/ge", "{p", "p}", "}", "1", "s/a/b", "s/a", "s", "y/a/b", "k", "w", "r ", "p p",
        "s/a/b/z", "s\\a\\b\\", "s/[/]/b/", "/a", "\\", "s\na\nb\n", "s/[[:a/]/b/", "d d", "/x/{p;e}",
    ],
)  # fmt: skip
def test_a_script_of_sed_that_runs_something_or_does_not_read_is_refused(script: str) -> None:
    why, _ = read_sed(script)
    assert why is not None


@pytest.mark.parametrize(
    ("program", "touched"),
    [
        ("{print $1}", []),
        ("", []),
        ("/a/ || /b/", []),
        ('/a[/b/{print "x"}', None),
        ("/[]a]/{print}", []),
        ("/[^]a]/{print}", []),
        ("/[[a]b/{print}", []),
        (r"/a\/b/{print}", []),
        ("{a = 4 / 2; print a}", []),
        ("# print > said\n{print}", []),
        ("{print} # said", []),
        ('{print > "out"}', [("write", "out")]),
        ('{print "a" > "out"}', [("write", "out")]),
        ('{printf("%s", $1) > "out"}', [("write", "out")]),
        ('{print >> "out"}', [("write", "out")]),
        ('{print > "/dev/stderr"}', []),
        ('{print "a > b"}', []),
        ('{if ($1 > 3) x = "y"}', []),
        (r'{print "a\"b"}', []),
        ('{x = "a"; print > "b"; print > "c"}', [("write", "b"), ("write", "c")]),
        ("{print > $1}", None),
        ('{print > "a" b}', None),
        (r'{print > "a\x62"}', None),
        ('{print | "sh"}', None),
        ('{"date" | getline x}', None),
        ('{system("rm x")}', None),
        ('@include "x"', None),
        ('{print "a}', None),
        ('{print "a\n"}', None),
        ("/a", None),
        ("/a\n/", None),
        ("/[/]/", None),
        ("{print \x01}", None),
    ],
)
def test_what_a_program_of_awk_writes(program: str, touched: list[tuple[str, str]] | None) -> None:
    why, found = read_awk(program)
    if touched is None:
        assert why is not None
    else:
        assert (why, found) == (None, touched)
