"""A patch names the files that it changes, or is not read at all."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.patches import LONGEST_PATCH, MOST_FILES, patched_files

R, W, D = "fs.read", "fs.write", "fs.delete"


def envelope(*lines: str) -> str:
    return "\n".join(("*** Begin Patch", *lines, "*** End Patch"))


def unified(old: str, new: str, *, body: str = "@@ -1 +1 @@\n-a\n+b\n") -> str:
    return f"--- {old}\n+++ {new}\n{body}"


def git(header: str, *lines: str, body: str = "") -> str:
    return "\n".join((f"diff --git {header}", *lines, "")) + body


READ = {
    # the envelope
    "a file is added": (envelope("*** Add File: src/a.py", "+x", "+", "+y"), [(W, "src/a.py")]),
    "an empty file is added": (envelope("*** Add File: a"), [(W, "a")]),
    "a file is changed": (envelope("*** Update File: a", "@@ def f():", " x", "-y", "+z", "", "*** End of File"), [(W, "a")]),
    "a file is deleted": (envelope("*** Delete File: a"), [(D, "a")]),
    "a file is moved": (envelope("*** Update File: a", "*** Move to: b/c", "@@", "-x", "+y"), [(R, "a"), (D, "a"), (W, "b/c")]),
    "several files": (
        envelope("*** Add File: a", "+x", "*** Delete File: b", "", "*** Update File: c d", "@@", "+x"),
        [(W, "a"), (D, "b"), (W, "c d")],
    ),
    "what is added may look like a header": (envelope("*** Add File: a", "+*** Delete File: b", "+*** End Patch"), [(W, "a")]),
    "names are kept as they are": (envelope("*** Delete File: ../../etc/passwd"), [(D, "../../etc/passwd")]),
    "blank lines around": ("\n\n" + envelope("*** Delete File: a") + "\n\n", [(D, "a")]),
    "Windows line ends": (envelope("*** Add File: a", "+x").replace("\n", "\r\n"), [(W, "a")]),
    # diff -u
    "sides are cut off": (unified("a/src/x.py", "b/src/x.py"), [(W, "src/x.py")]),
    "dates follow a tab": (unified("a/x\t2024-01-01 10:00:00", "b/x\t2024-01-02 10:00:00"), [(W, "x")]),
    "names with blanks end at a tab": (unified("a/x y\t", "b/x y\t"), [(W, "x y")]),
    "a file is created": (unified("/dev/null", "b/x", body="@@ -0,0 +1,2 @@\n+a\n+b\n"), [(W, "x")]),
    "a file is removed": (unified("a/x", "/dev/null", body="@@ -1,2 +0,0 @@\n-a\n-b\n"), [(D, "x")]),
    "a file from the epoch is not there": (unified("a/x", "b/x\t1970-01-01 00:00:00.000000000 +0000"), [(W, "x"), (D, "x")]),
    "a name without a side and directory": (unified("x.py", "x.py"), [(W, "x.py")]),
    "a name without a side is both that it may be": (unified("src/x.py", "src/x.py"), [(W, "src/x.py"), (W, "x.py")]),
    "a dot is no directory": (unified("./src/x.py", "./src/x.py"), [(W, "./src/x.py")]),
    "an absolute name": (unified("/etc/x", "/etc/x"), [(W, "/etc/x"), (W, "etc/x")]),
    "parents are kept": (unified("a/../../x", "b/../../x"), [(W, "../../x")]),
    "svn's index": ("Index: x.py\n" + "=" * 67 + "\n" + unified("x.py\t(revision 1)", "x.py\t(working copy)"), [(W, "x.py")]),
    "the command in front": ("diff -ruN a/x b/x\n" + unified("a/x", "b/x"), [(W, "x")]),
    "several hunks": (unified("a/x", "b/x", body="@@ -1,2 +1 @@\n c\n-d\n@@ -9,0 +9 @@ f()\n+e\n\\ No newline at end of file\n"), [(W, "x")]),
    "an empty line of context": (unified("a/x", "b/x", body="@@ -1,3 +1,3 @@\n\n-b\n+c\n d\n"), [(W, "x")]),
    "several diffs": (unified("a/x", "b/x") + unified("a/y", "b/y"), [(W, "x"), (W, "y")]),
    "a removed line that begins with dashes": (unified("a/x", "b/x", body="@@ -1 +1 @@\n--- old\n+new\n"), [(W, "x")]),
    # git
    "git: a file is changed": (git("a/x b/x", "index 1..2 100644", body=unified("a/x", "b/x")), [(W, "x")]),
    "git: a file is created": (
        git("a/x b/x", "new file mode 100644", "index 0..1", body=unified("/dev/null", "b/x", body="@@ -0,0 +1 @@\n+a\n")),
        [(W, "x")],
    ),
    "git: an empty file is created": (git("a/x b/x", "new file mode 100755", "index 0..1"), [(W, "x")]),
    "git: a file is removed": (
        git("a/x b/x", "deleted file mode 100644", "index 1..0", body=unified("a/x", "/dev/null", body="@@ -1 +0,0 @@\n-a\n")),
        [(D, "x")],
    ),
    "git: a file is renamed": (
        git("a/x b/y z", "similarity index 100%", "rename from x", "rename to y z"), [(R, "x"), (D, "x"), (W, "y z")],
    ),
    "git: a file is copied": (git("a/x b/y", "similarity index 90%", "copy from x", "copy to y"), [(R, "x"), (W, "y")]),
    "git: a mode changes": (git("a/x b/x", "old mode 100644", "new mode 100755"), [(W, "x")]),
    "git: names with blanks": (git("a/x b b/x b", "old mode 100644", "new mode 100755"), [(W, "x b")]),
    "git: quoted names": (
        git('"a/caf\\303\\251\\t" "b/caf\\303\\251\\t"', body=unified('"a/caf\\303\\251\\t"', '"b/caf\\303\\251\\t"')), [(W, "café\t")],
    ),
    "git: a quoted rename": (
        git('"a/x\\"y" b/z', "similarity index 100%", 'rename from "x\\"y"', "rename to z"), [(R, 'x"y'), (D, 'x"y'), (W, "z")],
    ),
    "git: other sides": (git("i/x w/x", body=unified("i/x", "w/x")), [(W, "x")]),
    "git: binary files differ": (git("a/x b/x", "index 1..2 100644", "Binary files a/x and b/x differ"), [(W, "x")]),
    "git: a binary patch": (
        git("a/x b/x", "index 1..2 100644", "GIT binary patch", "literal 3", "Kcmcb", "", "literal 0", "HcmV?d00001", "") + git("a/y b/y", "new file mode 100644"),
        [(W, "x"), (W, "y")],
    ),
    # diff -c
    "context diff": (
        "*** a/x\t2024\n--- b/x\t2024\n***************\n*** 1,3 ****\n  a\n! b\n- c\n--- 1,2 ----\n  a\n! d\n", [(W, "x")],
    ),
    "context diff that only adds": (
        "*** a/x\n--- b/x\n*************** f()\n*** 1 ****\n--- 1,2 ----\n  a\n+ b\n\\ No newline at end of file\n", [(W, "x")],
    ),
    "context diff that removes a file": (
        "*** a/x\n--- /dev/null\n***************\n*** 1 ****\n- a\n--- 0 ----\n", [(D, "x")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "changes"), READ.values(), ids=READ.keys())
def test_a_patch_names_what_it_changes(text: str, changes: list[tuple[str, str]]) -> None:
    assert patched_files(text) == changes


HUNK = "@@ -1 +1 @@\n-a\n+b\n"
REFUSED = {
    "nothing": "",
    "prose": "please change src/a.py",
    "an envelope that does not end": "*** Begin Patch\n*** Delete File: a",
    "an envelope without files": envelope(),
    "text before the envelope": "here it is:\n" + envelope("*** Delete File: a"),
    "text behind the envelope": envelope("*** Delete File: a") + "\nEOF",
    "two envelopes": envelope("*** Delete File: a") + "\n" + envelope("*** Delete File: b"),
    "a header that is not known": envelope("*** Rename File: a"),
    "a header behind blanks": envelope("*** Update File: a", " x", " *** Delete File: b"),
    "a move of a file that is deleted": envelope("*** Delete File: a", "*** Move to: b"),
    "a move behind the body": envelope("*** Update File: a", "+x", "*** Move to: b"),
    "a name with blanks at its end": envelope("*** Delete File: a "),
    "no name": envelope("*** Delete File: "),
    "an added line without its sign": envelope("*** Add File: a", "x"),
    "a body behind a deletion": envelope("*** Delete File: a", "-x"),
    "a line break that only some programs know": envelope("*** Add File: a", "+x\u2028*** Delete File: b"),
    "a carriage return in a line": envelope("*** Add File: a", "+x\r*** Delete File: b"),
    "a form feed in a diff": unified("a/x", "b/x", body="@@ -1 +1 @@\n-a\n+b\x0c--- a/y\n"),
    "no hunk": unified("a/x", "b/x", body=""),
    "a hunk that is too short": unified("a/x", "b/x", body="@@ -1,3 +1,3 @@\n-a\n+b\n"),
    "a hunk that is too long": unified("a/x", "b/x", body=HUNK + "+c\n"),
    "a hunk without numbers": unified("a/x", "b/x", body="@@ @@\n-a\n+b\n"),
    "a hunk that hides a header": unified("a/x", "b/x", body="@@ -1,9 +1,9 @@\n--- a/y\n+++ b/y\n" + HUNK),
    "two names": unified("x.orig", "x"),
    "two names with sides": unified("a/x", "b/y"),
    "one side": unified("a/x", "x"),
    "nothing becomes nothing": unified("/dev/null", "/dev/null"),
    "a name that ends at a blank for some": unified("a/x y", "b/x y"),
    "a run of slashes": unified("a//etc/x", "b//etc/x"),
    "a side alone": unified("a/", "b/"),
    "a NUL": unified('"a/x\\000"', '"b/x\\000"'),
    "a control character": unified("a/x\x07", "b/x\x07"),
    "a quoted name that is not closed": unified('"a/x', '"b/x'),
    "an escape that is not known": unified('"a/\\q"', '"b/\\q"'),
    "a name that is no text": unified('"a/\\377"', '"b/\\377"'),
    "text behind a quoted name": unified('"a/x" y', '"b/x" y'),
    "an index of another file": "Index: y\n" + unified("x", "x"),
    "an ed script": "Index: x\n1d\n",
    "an index alone": "Index: x\n" + "=" * 67,
    "a mail around it": "From: a@b.example\nSubject: x\n\n" + unified("a/x", "b/x"),
    "a normal diff": "1c1\n< a\n---\n> b\n",
    "a merge": "diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n++a\n",
    "git: names that differ": git("a/x b/y", body=unified("a/x", "b/y")),
    "git: no sides": git("x x", body=unified("x", "x")),
    "git: other names below": git("a/x b/x", body=unified("a/y", "b/y")),
    "git: a new file that is said to be there": git("a/x b/x", "new file mode 100644", body=unified("a/x", "b/x")),
    "git: a file gone that is not said to be": git("a/x b/x", body=unified("a/x", "/dev/null")),
    "git: a link": git("a/x b/x", "new file mode 120000", body=unified("/dev/null", "b/x", body="@@ -0,0 +1 @@\n+/etc\n")),
    "git: a submodule": git("a/x b/x", "new file mode 160000"),
    "git: a line twice": git("a/x b/x", "new mode 100755", "new mode 100644"),
    "git: half a rename": git("a/x b/y", "rename from x"),
    "git: a rename of other files": git("a/x b/y", "rename from x", "rename to z"),
    "git: a rename and a copy": git("a/x b/y", "rename from x", "rename to y", "copy from x", "copy to y"),
    "git: a binary patch that is none": git("a/x b/x", "GIT binary patch", "literal 3", "not base 85"),
    "git: an empty binary patch": git("a/x b/x", "GIT binary patch"),
    "git: no name": git("a/ b/", "new mode 100755"),
    "context diff without hunks": "*** a/x\n--- b/x\n",
    "context diff with wrong counts": "*** a/x\n--- b/x\n***************\n*** 1,3 ****\n  a\n--- 1 ----\n  a\n",
    "context diff without its other half": "*** a/x\n--- b/x\n***************\n*** 1 ****\n  a\n",
    "context diff without its second name": "*** a/x\n***************\n*** 1 ****\n- a\n--- 0 ----\n",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_could_be_read_in_two_ways_is_not_read(text: str) -> None:
    assert patched_files(text) is None


def test_a_patch_that_is_too_long_or_changes_too_much_is_not_read() -> None:
    assert patched_files(envelope("*** Add File: a", "+" + "x" * LONGEST_PATCH)) is None
    assert patched_files(envelope(*(f"*** Delete File: {at}" for at in range(MOST_FILES + 1)))) is None


@pytest.mark.parametrize(
    "text",
    [
        envelope("*** Add File: a", *["+x"] * 200_000),
        unified("a/x", "b/x", body="@@ -1,200000 +1,200000 @@\n" + " x\n" * 200_000),
        unified('"a/' + "\\303\\251" * 100_000 + '"', '"b/' + "\\303\\251" * 100_000 + '"'),
        git("a/" + "x b" * 100_000 + " b/" + "x b" * 100_000, "new mode 100755"),
        "diff --git " + " " * 1_000_000,
        "@" * 1_000_000,
        "--- " * 250_000,
        "diff -x\n" * 100_000,
    ],
)  # fmt: skip
def test_time_is_linear_in_the_patch(text: str) -> None:
    before = time.process_time()
    patched_files(text)
    assert time.process_time() - before < 3


pieces = st.one_of(
    st.sampled_from(
        (
            "*** Begin Patch", "*** End Patch", "*** Add File: a", "*** Update File: b", "*** Move to: c", "*** Delete File: d",
            "--- a/x", "+++ b/x", "--- /dev/null", "@@ -1 +1 @@", "@@ -1,2 +1,2 @@", "-a", "+b", " c", "diff --git a/x b/x",
            "new file mode 100644", "rename from x", "rename to y", "*** a/x", "--- b/x", "***************", "*** 1 ****",
            "--- 1 ----", "  a", "GIT binary patch", "literal 1", '--- "a/\\303\\251"', "Index: x", "",
        )
    ),
    st.text(max_size=12),
)  # fmt: skip


@given(st.lists(pieces, max_size=12), st.sampled_from(("\n", "\r\n", "\r", "\u2028")))
def test_nothing_is_ever_raised_and_no_name_is_empty(lines: list[str], end: str) -> None:
    found = patched_files(end.join(lines))
    assert found is None or (found and all(action in {R, W, D} and path for action, path in found))


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30))
def test_the_name_of_an_added_file_comes_back_whole_or_not_at_all(name: str) -> None:
    found = patched_files(envelope(f"*** Add File: {name}", "+x"))
    assert found in ([(W, name)], None)
    assert found is not None or name != name.strip()
