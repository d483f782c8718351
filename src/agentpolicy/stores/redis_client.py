"""The client of a Redis store: made from an address, or examined where the host brings its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import ModuleType

#: A part in braces, by which a cluster puts keys on the same node (Redis Cluster, hash tags).
_TAGGED: Final = re.compile(r"[^{]*\{[^}]+\}")


def load_redis() -> ModuleType:
    """The package ``redis``.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import redis
    except ImportError as error:
        raise ImportError("a Redis store needs the package redis: pip install 'agentpolicy-engine[redis]'") from error
    return redis


def client_of(url_or_client: Any, prefix: str, timeout: float) -> Any:
    """A client that sends each command once, waits for a bounded time and leaves bytes as they are.

    Raises:
        ImportError: the package ``redis`` is not installed.
        ValueError: the address cannot be read; or a client, as it was made or as the address has it, sends again what
            may have been done already, waits without end, turns bytes into text, or asks replicas; or it is one of a
            cluster, and the keys of the store would lie on several nodes.
        TypeError: it is neither an address nor a client.
    """
    redis = load_redis()
    client = url_or_client
    if isinstance(url_or_client, str):
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client = redis.Redis.from_url(
            url_or_client,
            retry=Retry(NoBackoff(), 0), socket_timeout=timeout, socket_connect_timeout=timeout,
        )  # fmt: skip
    cluster = isinstance(client, redis.RedisCluster)
    if not cluster and not isinstance(client, redis.Redis):
        raise TypeError(f"{type(url_or_client).__name__} is neither an address nor a client of Redis")
    settings: dict[str, Any] = client.get_connection_kwargs()
    if settings.get("decode_responses"):
        raise ValueError("the client must not have `decode_responses`: values are bytes")
    if not settings.get("socket_timeout"):
        raise ValueError("the client needs a `socket_timeout`: a server that hangs would hold every call up")
    if _retries(client, settings, cluster=cluster):
        # A write that was done and is sent again finds its own versions, and looks as if it had not been done.
        raise ValueError("the client must not send a command again: make it with `retry=Retry(NoBackoff(), 0)`")
    if cluster and not _TAGGED.match(prefix):
        raise ValueError(f"in a cluster the prefix `{prefix}` needs a part in braces, such as `{{agentpolicy}}:`")
    if cluster and (client.read_from_replicas or getattr(client, "load_balancing_strategy", None)):
        raise ValueError("the client must not read from replicas: they lag behind")
    return client


def _retries(client: Any, settings: dict[str, Any], *, cluster: bool) -> bool:
    if cluster:
        # redis 5 counts them apart.
        attempts = getattr(client, "cluster_error_retry_attempts", None)
        return bool(_count(client.retry) if attempts is None else attempts)
    retry = settings.get("retry")
    if retry is None:
        return bool(settings.get("retry_on_timeout") or settings.get("retry_on_error"))
    return bool(_count(retry))


def _count(retry: Any) -> int:
    # redis 5 keeps the number to itself.
    return int(retry.get_retries() if hasattr(retry, "get_retries") else retry._retries)
