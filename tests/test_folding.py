"""Where a directory folds the case of names, a file has one name however it is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects import folding
from agentpolicy.effects.folding import Folding, folded, other_case
from agentpolicy.effects.paths import DiskFiles, file_effect

HERE = {"cwd": "/repo", "home": "/home/ana", "expand_tilde": True}


class FoldingSystem:
    """The real file system, with every directory below ``root`` folding case and normal form."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.looks = 0
        self.listed: list[str] = []

    def lstat(self, path: str) -> os.stat_result:
        self.looks += 1
        return os.lstat(self.there(path))

    def readlink(self, path: str) -> str:
        return os.readlink(self.there(path))

    def scandir(self, path: str) -> Any:
        self.listed.append(path)
        return os.scandir(self.there(path))

    def there(self, path: str) -> str:
        """The name that is really there."""
        if not path.startswith(self.root + "/"):
            return path
        done = self.root
        for part in path[len(self.root) + 1 :].split("/"):
            entries = os.listdir(done) if os.path.isdir(done) else []
            done += "/" + next((entry for entry in entries if folded(entry) == folded(part)), part)
        return done


@pytest.fixture
def root(tmp_path: Path) -> str:
    root = Path(os.path.realpath(tmp_path)) / "top"
    (root / "Repo" / ".git" / "hooks").mkdir(parents=True)
    (root / "Repo" / ".env").write_text("x")
    (root / "Repo" / "Café").write_text("x")
    (root / "Repo" / "Link").symlink_to(".git/HOOKS")
    (root / "Repo" / "empty").mkdir()
    (root / "Repo" / "empty" / "123").write_text("x")
    return str(root)


@pytest.fixture
def files(root: str) -> DiskFiles:
    return DiskFiles(FoldingSystem(root))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Repo/.env", "Repo/.env"),
        ("repo/.ENV", "Repo/.env"),
        ("REPO/.Env", "Repo/.env"),
        ("repo/.GIT/Hooks/pre-commit", "Repo/.git/hooks/pre-commit"),
        ("repo/./x/../.ENV", "Repo/.env"),
        ("repo/.git/../.ENV", "Repo/.env"),
        ("repo/CAFÉ", "Repo/Café"),
        ("repo/cafe\u0301", "Repo/Café"),
        ("repo/link", "Repo/.git/hooks"),
        ("repo/LINK/../CONFIG", "Repo/.git/config"),
        ("repo/.ENV/below", "Repo/.env/below"),
    ],
)
def test_a_file_is_resolved_to_the_spelling_of_its_entry(
    files: DiskFiles, root: str, given: str, expected: str
) -> None:
    assert files.resolve(f"{root}/{given}") == f"{root}/{expected}"


def test_both_the_spelling_as_given_and_the_real_one_are_judged(files: DiskFiles, root: str) -> None:
    effect = file_effect("fs.read", f"{root}/repo/.ENV", files=files, **HERE)  # type: ignore[arg-type]
    assert (effect.path, effect.resolved) == (f"{root}/repo/.ENV", f"{root}/Repo/.env")
    assert (effect.single, effect.opaque) == (False, False)
    assert file_effect("fs.read", f"{root}/Repo/.env", files=files, **HERE).single  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Repo/.git/hooks/PRE-PUSH", "Repo/.git/hooks/pre-push"),
        ("Repo/NEW", "Repo/new"),
        ("Repo/NEW/Sub/.ENV", "Repo/new/sub/.env"),
        ("Repo/NEW/../Other", "Repo/other"),
        ("Repo/stra\u00dfe", "Repo/strasse"),
        ("Repo/\u212aey", "Repo/key"),
        ("Repo/.\u017fsh", "Repo/.ssh"),
        ("Repo/new", "Repo/new"),
    ],
)
def test_what_is_new_is_judged_in_lower_case_too(files: DiskFiles, root: str, given: str, expected: str) -> None:
    assert files.resolve(f"{root}/{given}") == f"{root}/{expected}"


def test_names_keep_their_case_where_directories_do_not_fold(root: str) -> None:
    files = DiskFiles()
    assert files.resolve(f"{root}/repo/.ENV") == f"{root}/repo/.ENV"
    assert files.resolve(f"{root}/Repo/.ENV") == f"{root}/Repo/.ENV"
    assert files.resolve(f"{root}/Repo/NEW") == f"{root}/Repo/NEW"
    assert files.resolve(f"{root}/Repo/empty/NEW") == f"{root}/Repo/empty/NEW"


def test_two_files_that_differ_by_case_are_two_files(root: str) -> None:
    Path(root, "Repo", ".ENV").write_text("other")
    os.link(f"{root}/Repo/.env", f"{root}/Repo/twin")
    os.link(f"{root}/Repo/.env", f"{root}/Repo/TWIN")
    for name in (".env", ".ENV", "twin", "TWIN"):
        assert DiskFiles().resolve(f"{root}/Repo/{name}") == f"{root}/Repo/{name}"


def test_a_directory_is_tried_once_and_its_entries_are_looked_up_each_time(root: str) -> None:
    system = FoldingSystem("/nowhere")
    files = DiskFiles(system)
    files.resolve(f"{root}/Repo/.env")
    first = system.looks
    files.resolve(f"{root}/Repo/.env")
    assert system.looks - first == len(Path(f"{root}/Repo/.env").parts) - 1
    assert system.listed == []
    os.rename(f"{root}/Repo/.env", f"{root}/Repo/moved")
    os.symlink("/etc/passwd", f"{root}/Repo/.env")
    assert files.resolve(f"{root}/Repo/.env") == "/etc/passwd"


def test_the_spelling_is_never_remembered(files: DiskFiles, root: str) -> None:
    assert files.resolve(f"{root}/repo/.ENV") == f"{root}/Repo/.env"
    os.rename(f"{root}/Repo/.env", f"{root}/Repo/.Env")
    assert files.resolve(f"{root}/repo/.ENV") == f"{root}/Repo/.Env"


def test_an_empty_directory_is_as_the_one_that_it_was_made_in(files: DiskFiles, root: str) -> None:
    os.remove(f"{root}/Repo/empty/123")
    assert DiskFiles().resolve(f"{root}/Repo/empty/NEW") == f"{root}/Repo/empty/NEW"
    assert files.resolve(f"{root}/Repo/empty/NEW") == f"{root}/Repo/empty/new"


def test_of_what_cannot_be_tried_folding_is_assumed(root: str) -> None:
    class Closed(FoldingSystem):
        def scandir(self, path: str) -> Any:
            raise PermissionError(13, "no", path)

    # nothing is known of the directory above either, for its names cannot be listed
    assert Folding(Closed(root)).folds_new(root, [(1, 1)]) is True
    assert Folding(Closed(root)).folds_new(root, [(1, 1), (2, 2)]) is True
    assert DiskFiles(Closed(root)).resolve(f"{root}/repo/x") is None


def test_an_entry_that_cannot_be_told_from_others_is_not_known(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(FoldingSystem):
        """Answers to a short name as well, as FAT does."""

        def there(self, path: str) -> str:
            return super().there(path.replace("/SHORT~1", "/.env").replace("/short~1", "/.env"))

    files = DiskFiles(Short(root))
    assert files.resolve(f"{root}/Repo/SHORT~1") == f"{root}/Repo/.env", "found by its inode"
    os.link(f"{root}/Repo/.env", f"{root}/Repo/other")
    assert files.resolve(f"{root}/Repo/SHORT~1") is None, "two entries have that inode"
    assert files.resolve(f"{root}/Repo/.ENV") == f"{root}/Repo/.env", "the text tells which of them"
    monkeypatch.setattr(folding, "MOST_ENTRIES", 2)
    assert files.resolve(f"{root}/Repo/.ENV") is None, "more entries than are read"


def test_a_file_that_goes_away_while_its_directory_is_tried_settles_nothing(root: str) -> None:
    class Vanishing(FoldingSystem):
        gone = False

        def lstat(self, path: str) -> os.stat_result:
            if self.gone and path.lower().endswith("/.env"):
                raise FileNotFoundError(2, "gone", path)
            found = super().lstat(path)
            if path.endswith("/.env"):
                self.gone = True
            return found

    system = Vanishing(root)
    files = DiskFiles(system)
    files.resolve(f"{root}/Repo/.env")
    system.gone = False
    system.__class__ = FoldingSystem
    assert files.resolve(f"{root}/Repo/.ENV") == f"{root}/Repo/.env"


def test_what_is_remembered_of_directories_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folding, "_REMEMBERED", 4)
    known = Folding()
    for at in range(20):
        made = tmp_path / f"d{at}"
        made.mkdir()
        (made / "a").write_text("")
        found = os.lstat(made)
        assert known.spelled(str(made), "a", (found.st_dev, found.st_ino), os.lstat(made / "a")) == "a"
        assert known.plain((found.st_dev, found.st_ino))
        assert len(known._folds) <= 4


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12))
def test_folding_a_name_twice_changes_nothing_and_no_case_differs(name: str) -> None:
    once = folded(name)
    assert folded(once) == once
    other = other_case(name)
    if other is not None:
        assert other != name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a", "A"), (".Env", ".eNV"), ("é1", "É1"), ("Éa", "ÉA"), ("123", None), ("", None), ("ß", None), ("例", None)],
)
def test_the_other_case_is_that_of_plain_letters_first(name: str, expected: str | None) -> None:
    assert other_case(name) == expected
