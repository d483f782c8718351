"""The automata of patterns accept what the patterns match, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.checker.automata import END, Automata, TooLarge
from agentpolicy.checker.canonical import canonical_paths, commands, plain_commands
from agentpolicy.checker.languages import argv_pattern, host_pattern, path_pattern, tool_pattern
from agentpolicy.compiler.match import argv_test, host_test, path_test, value_test

letters = st.text(alphabet="ab.", max_size=2)
piece = st.sampled_from(("a", "b", "ab", "*", "**", "a*", "*b", "*a*", ".b", "*.b"))
path_patterns = st.one_of(
    st.sampled_from(("/", "/**", "**", "/a/**", "**/a", "**/*.b", "**/a/**", "**/a/b/**", "/a", "/*/**", "/**/**")),
    st.lists(piece, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.lists(piece, min_size=1, max_size=3).map(lambda parts: "**/" + "/".join(parts)),
)
paths = st.one_of(
    st.lists(letters.filter(lambda part: part not in {"", ".", ".."}), max_size=4).map(
        lambda parts: "/" + "/".join(parts)
    ),
    st.sampled_from(("/", "/a", "/a/b", "/a/b/a", "/b.b", "/a/")),
)
address_paths = st.lists(letters, max_size=4).map(lambda parts: "/" + "/".join(parts))

pattern_word = st.sampled_from(("push", "a", "*", "**", "a*", "-f", "--x", "origin"))
programs = st.sampled_from(("git", "g*", "*", "/usr/bin/git", "/bin/*", "made", "*/git", "docker", "**"))
argv_patterns = st.builds(
    lambda program, rest: " ".join((program, *rest)), programs, st.lists(pattern_word, max_size=4)
)
word = st.sampled_from(("push", "a", "ab", "", "-f", "-C", "--", "--x", "-x=1", "origin", "--git-dir", "-Cx", "-"))
commands_given = st.builds(
    lambda program, rest: (program, *rest),
    st.sampled_from(("git", "/usr/bin/git", "gx", "made", "docker", "/bin/x/git", "bin/")),
    st.lists(word, max_size=5),
)
FOUND = {"git": "/usr/bin/git", "made": None, "docker": "/usr/bin/docker"}

tool_patterns = st.one_of(
    st.sampled_from(("a", "a/b", "*", "**", "a/*", "*/b", "**/b")),
    st.lists(piece, min_size=1, max_size=3).map("/".join),
)
names = st.lists(letters, min_size=1, max_size=3).map("/".join)
hosts = st.lists(st.sampled_from(("a", "b", "ab", "c")), min_size=1, max_size=4).map(".".join)
host_patterns = st.one_of(
    st.sampled_from(("*", "*.a", "*.b.a", "a.b", "*.*.a", "a*.b", "10.0.0.1")),
    st.lists(st.sampled_from(("a", "b", "*", "a*", "*b")), min_size=1, max_size=3).map(".".join),
)


@given(path_patterns, paths, st.booleans())
def test_a_path_automaton_accepts_what_the_pattern_matches(pattern: str, path: str, itself: bool) -> None:
    automata = Automata()
    held = path_pattern(automata, pattern, itself)
    assert held(automata.accepts(path)) == path_test(pattern, itself)(path)


@given(path_patterns, address_paths, st.booleans())
def test_paths_of_addresses_are_read_alike_with_empty_segments(pattern: str, path: str, itself: bool) -> None:
    automata = Automata()
    held = path_pattern(automata, pattern, itself)
    assert held(automata.accepts(path)) == path_test(pattern, itself)(path)


@given(argv_patterns, commands_given, st.booleans())
def test_a_command_automaton_accepts_what_the_pattern_matches(pattern: str, argv: tuple[str, ...], wide: bool) -> None:
    automata = Automata()
    held = argv_pattern(automata, pattern, wide, FOUND)
    text = "".join(one + END for one in argv)
    assert held(automata.accepts(text)) == argv_test(pattern, wide, FOUND)(argv)


@given(tool_patterns, names)
def test_a_tool_automaton_accepts_what_the_pattern_matches(pattern: str, name: str) -> None:
    automata = Automata()
    held = tool_pattern(automata, pattern)
    assert held(automata.accepts("/" + name)) == value_test("tool", [pattern], itself=True, wide=True)(name)


@given(host_patterns, hosts)
def test_a_host_automaton_accepts_what_the_pattern_matches(pattern: str, host: str) -> None:
    automata = Automata()
    held = host_pattern(automata, pattern)
    assert held(automata.accepts("." + host)) == host_test(pattern)(host)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [("/", True), ("/a", True), ("/a/b", True), ("/...", True), ("/.a", True), ("/..a", True), ("", False), ("a", False),
     ("//", False), ("/a/", False), ("/a//b", False), ("/.", False), ("/a/..", False), ("/../a", False), ("/a/./b", False)],
)  # fmt: skip
def test_only_canonical_paths_are_paths(path: str, canonical: bool) -> None:
    automata = Automata()
    number = canonical_paths(automata)
    assert (number in automata.accepts(path)) is canonical


@pytest.mark.parametrize(
    ("argv", "plain"), [(["git"], True), (["git", "-x"], True), (["git", ""], False), (["-git"], False)]
)
def test_a_plain_command_has_no_empty_word_and_its_program_is_no_option(argv: list[str], plain: bool) -> None:
    automata = Automata()
    number = plain_commands(automata)
    assert (number in automata.accepts("".join(one + END for one in argv))) is plain


def test_exploring_finds_a_shortest_text_for_each_way_to_match() -> None:
    automata = Automata()
    every = canonical_paths(automata)
    tree = path_pattern(automata, "/etc/**", itself=True)
    ending = path_pattern(automata, "**/*.pem", itself=True)
    found = automata.explore(every=every)
    assert {(tree(marks), ending(marks)): text for marks, text in found.items()} == {
        (False, False): "/",
        (False, True): "/.pem",
        (True, False): "/etc",
        (True, True): "/etc/.pem",
    }


def test_exploring_follows_only_what_may_still_be_accepted() -> None:
    automata = Automata()
    every = canonical_paths(automata)
    path_pattern(automata, "/etc/passwd", itself=True)
    wanted = automata.add(("path", "/etc/passwd", True), lambda a, start: [])
    found = automata.explore(every=every, some=[wanted], most=20)
    assert list(found.values()) == ["/etc/passwd"]


@given(st.lists(path_patterns, min_size=1, max_size=4), paths)
def test_no_way_to_match_is_missed(patterns: list[str], path: str) -> None:
    automata = Automata()
    every = canonical_paths(automata)
    for pattern in patterns:
        path_pattern(automata, pattern, itself=True)
    marks = automata.accepts(path)
    if every in marks:
        found = automata.explore(every=every)
        assert marks in found
        assert len(found[marks]) <= len(path)
        assert automata.accepts(found[marks]) == marks


def test_a_cap_on_states_is_named() -> None:
    automata = Automata()
    every = commands(automata)
    argv_pattern(automata, "git push **", wide=True, found={})
    with pytest.raises(TooLarge, match="more than 5 states"):
        automata.explore(every=every, most=5)


def test_a_cap_on_ways_is_named() -> None:
    automata = Automata()
    every = canonical_paths(automata)
    for letter in "abcd":
        path_pattern(automata, f"**/*{letter}*/**", itself=True)
    with pytest.raises(TooLarge, match="more than 3 ways"):
        automata.explore(every=every, stop=3)


def test_a_cap_on_work_is_named() -> None:
    automata = Automata()
    every = canonical_paths(automata)
    with pytest.raises(TooLarge, match="too many patterns"):
        automata.explore(every=every, work=1)
