"""Compiled policies on disk: found by what they were compiled from, trusted only when everything still agrees."""

from __future__ import annotations

import hashlib
import json
import marshal
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from agentpolicy.compiler.compile import FORMAT, Artifact
from agentpolicy.effects.sql import available

_MAGIC = b"agentpolicy compiled\n"
#: Larger files are not read.
_MAX_BYTES = 256 * 1024 * 1024


def default_directory() -> str:
    """Where compiled policies are kept: ``$AGENTPOLICY_CACHE``, else the user's cache directory."""
    given = os.environ.get("AGENTPOLICY_CACHE")
    if given:
        return os.path.abspath(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "agentpolicy")


class Cache:
    """Artifacts in one directory, which only its owner may write.

    Nothing here raises: a cache that cannot be read or written, is damaged, stale or not ours, is as good as none.
    """

    def __init__(self, directory: str | None = None) -> None:
        self.directory = default_directory() if directory is None else os.path.abspath(directory)

    def _file(self, names: Sequence[str], params: Mapping[str, Any], home: str) -> Path:
        key = json.dumps([[os.path.realpath(name) for name in names], sorted(params.items()), home], default=str)
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        return Path(self.directory) / f"{name}.{sys.implementation.cache_tag}.policy"

    def load(
        self,
        names: Sequence[str],
        params: Mapping[str, Any],
        home: str,
        resolve: Callable[[Sequence[str]], Mapping[str, str]],
        find: Callable[[Sequence[str]], Mapping[str, str | None]],
    ) -> Artifact | None:
        """The artifact compiled from these files with these parameters, if it still says what they say."""
        try:
            payload = self._read(self._file(names, params, home))
            if payload is None:
                return None
            artifact = cast("Artifact", marshal.loads(payload))  # noqa: S302 - ours by owner, mode and checksum
            if artifact["format"] != FORMAT or not self._fresh(artifact, resolve, find):
                return None
            if artifact["reads_sql"] and not available():
                return None
        except Exception:
            return None
        return artifact

    def save(self, names: Sequence[str], params: Mapping[str, Any], home: str, artifact: Artifact) -> None:
        """Keep an artifact; the file appears whole or not at all."""
        try:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            if not _ours(os.stat(self.directory)):
                return
            payload = marshal.dumps(artifact)
            handle, temporary = tempfile.mkstemp(dir=self.directory)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_header(payload) + payload)
                os.replace(temporary, self._file(names, params, home))
            except BaseException:
                os.unlink(temporary)
                raise
        except Exception:
            return

    def _read(self, path: Path) -> bytes | None:
        if not _ours(os.stat(self.directory)):
            return None
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if not _ours(state) or not stat.S_ISREG(state.st_mode) or state.st_size > _MAX_BYTES:
                return None
            whole = file.read()
        header = _header(b"")
        if not whole.startswith(header[:-32]):
            return None
        payload = whole[len(header) :]
        return payload if whole.startswith(_header(payload)) else None

    def _fresh(
        self,
        artifact: Artifact,
        resolve: Callable[[Sequence[str]], Mapping[str, str]],
        find: Callable[[Sequence[str]], Mapping[str, str | None]],
    ) -> bool:
        for name, known in artifact["sources"]:
            with open(name, "rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != known:
                    return False
        heads: dict[str, str] = artifact["heads"]
        programs: dict[str, str | None] = artifact["programs"]
        return resolve(list(heads)) == heads and find(list(programs)) == programs


def _header(payload: bytes) -> bytes:
    version = f"{FORMAT} {sys.implementation.cache_tag} {sys.version_info.releaselevel} {sys.hexversion:x}\n".encode()
    return _MAGIC + version + hashlib.sha256(payload).digest()


def _ours(state: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return True
    return state.st_uid == os.getuid() and not state.st_mode & 0o022
