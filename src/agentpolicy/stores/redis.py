"""Session state in a Redis server, shared by many machines."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from agentpolicy.stores.redis_client import client_of, load_redis
from agentpolicy.stores.store import Change, StoreError, check_changes, encoded, kept_for

if TYPE_CHECKING:
    from redis import Redis, RedisCluster

#: Digits before each value: its version.
_DIGITS: Final = 16
_NEVER: Final = b"0" * _DIGITS

# KEYS: the counter, then the keys. ARGV: the mark that the counter must bear ("": any), the counter to begin with where
# there is none, then for each key the version that it must have, its life ("": for good, "-": none, else milliseconds)
# and its value. Everything that can fail comes before the first change, for Redis takes nothing back. A version is the
# next number, and never below the server's microseconds: a server that came back with older state repeats none.
_WRITE: Final = b"""
local counter = redis.call('GET', KEYS[1])
if ARGV[1] ~= '' and (not counter or string.sub(counter, 17) ~= ARGV[1]) then return -1 end
counter = counter or ARGV[2]
for i = 2, #KEYS do
    local version = redis.call('GETRANGE', KEYS[i], 0, 15)
    if version == '' then version = '0000000000000000' end
    if version ~= ARGV[3 * i - 3] then return 0 end
end
local time = redis.call('TIME')
local last = tonumber(string.sub(counter, 1, 16))
local version = string.format('%016.0f', math.max(last + 1, tonumber(time[1]) * 1000000 + tonumber(time[2])))
redis.call('SET', KEYS[1], version .. string.sub(counter, 17))
for i = 2, #KEYS do
    local life, value = ARGV[3 * i - 2], version .. ARGV[3 * i - 1]
    if life == '-' then redis.call('DEL', KEYS[i])
    elseif life == '' then redis.call('SET', KEYS[i], value)
    else redis.call('SET', KEYS[i], value, 'PX', life) end
end
return 1
"""
_WRITE_NAME: Final = hashlib.sha1(_WRITE, usedforsecurity=False).hexdigest()


class RedisStore:
    """Keeps state on a server. Each read is one command, each write one script; neither is ever sent twice.

    The server bears a mark that the first store put there. A store that finds the mark gone or changed answers no
    more: the server has lost what it held, and nobody can say what was in it.

    Args:
        url_or_client: ``redis://``, ``rediss://`` or ``unix://``, as redis-py reads them; or a client of redis-py,
            which stays the host's to close.
        prefix: what all names of keys begin with. In a cluster it needs a part in braces, ``{agentpolicy}:``, so that
            all keys lie on one node.
        timeout: seconds to connect, and seconds to wait for an answer. A client of the host's has its own.
        evicts_ok: whether the server may forget: to make room for other keys, or because it was started anew.

    Raises:
        ImportError: the package ``redis`` is not installed.
        StoreError: the server does not answer, or may evict keys.
        TypeError, ValueError: the address or the client will not do: see ``client_of``.
    """

    __slots__ = ("_client", "_closed", "_failures", "_mark", "_own", "_prefix")

    def __init__(
        self,
        url_or_client: str | Redis | RedisCluster,
        *,
        prefix: str = "agentpolicy:",
        timeout: float = 2.0,
        evicts_ok: bool = False,
    ) -> None:
        redis = load_redis()
        self._client: Any = client_of(url_or_client, prefix, timeout)
        self._own = isinstance(url_or_client, str)
        self._closed = False
        self._prefix = encoded(prefix)
        self._failures: tuple[type[Exception], ...] = (
            redis.RedisError, redis.exceptions.RedisClusterException, OSError,
        )  # fmt: skip
        self._mark = b""
        try:
            if not evicts_ok:
                self._refuse_eviction()
                self._mark = self._meet()
        except BaseException:
            self.close()
            raise

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        """As ``Store.read``."""
        names = [self._name(key) for key in keys]
        counter, *found = self._ask("MGET", self._counter, *names)
        if self._mark and (counter is None or counter[_DIGITS:] != self._mark):
            raise self._lost()
        return [(0, None) if one is None else (_version(one), one[_DIGITS:]) for one in found]

    def write(self, changes: Sequence[Change]) -> bool:
        """As ``Store.write``."""
        check_changes(changes)
        names = [self._counter]
        words = [self._mark, _NEVER + _new_mark()]
        for key, version, value, ttl in changes:
            names.append(self._name(key))
            words += (b"%0*d" % (_DIGITS, version), _life(value, ttl), value or b"")
        done = self._ask("EVALSHA", _WRITE_NAME, len(names), *names, *words, instead=("EVAL", _WRITE))
        if done < 0:
            raise self._lost()
        return bool(done)

    def close(self) -> None:
        """As ``Store.close``. A client that the host brought stays open."""
        if not self._closed and self._own:
            self._client.close()
        self._closed = True

    def paths(self) -> tuple[str, ...]:
        """No files."""
        return ()

    @property
    def _counter(self) -> bytes:
        return self._prefix + b"counter"

    def _name(self, key: str) -> bytes:
        return self._prefix + b"key:" + encoded(key)

    def _ask(self, *words: Any, instead: tuple[str, bytes] | None = None) -> Any:
        """The answer to one command. ``instead`` says how it begins for a server that does not know the script."""
        if self._closed:
            raise StoreError("the store is closed")
        try:
            return self._client.execute_command(*words)
        except self._failures as error:
            # The one answer that says that nothing was done.
            if instead is not None and isinstance(error, load_redis().exceptions.NoScriptError):
                return self._ask(*instead, *words[2:])
            raise self._failure(error) from error

    def _refuse_eviction(self) -> None:
        try:
            found = self._client.config_get("maxmemory-policy")
        except self._failures as error:
            # A hosted server may keep its settings to itself.
            if isinstance(error, load_redis().ResponseError):
                return
            raise self._failure(error) from error
        policy = found.get("maxmemory-policy", "noeviction")
        if policy != "noeviction":
            raise StoreError(
                f"the Redis server may evict keys (`maxmemory-policy {policy}`), and state would be lost unseen: set "
                "`noeviction`, or say evicts_ok=True"
            )

    def _meet(self) -> bytes:
        """The mark of the server, put there where it has none."""
        counter = self._ask("GET", self._counter)
        if counter is None:
            # Another store may be first.
            self._ask("SET", self._counter, _NEVER + _new_mark(), "NX")
            counter = self._ask("GET", self._counter)
        if counter is None:
            raise self._lost()
        _version(counter)
        return bytes(counter[_DIGITS:])

    def _failure(self, error: Exception) -> StoreError:
        refused = isinstance(error, load_redis().ResponseError)
        says = "refused" if refused else "did not answer"
        return StoreError(f"the Redis server {says}: {error or type(error).__name__}")

    def _lost(self) -> StoreError:
        return StoreError("the Redis server has lost what it held: it was emptied, or started anew without its data")


def _new_mark() -> bytes:
    return secrets.token_hex(16).encode()


def _version(held: bytes) -> int:
    version = held[:_DIGITS]
    if len(version) < _DIGITS or not version.isdigit():
        raise StoreError("the Redis server holds what no store has written")
    return int(version)


def _life(value: bytes | None, ttl: float | None) -> bytes:
    if value is None:
        return b"-"
    kept = kept_for(ttl)
    # Rounded up, and never to nothing, which Redis would refuse halfway.
    return b"" if kept is None else b"%d" % max(1, math.ceil(kept * 1000))
