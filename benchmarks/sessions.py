"""``python -m benchmarks.sessions``: what asking a session costs, and that it does not grow with the session."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from agentpolicy import Engine, Policy, Session, ToolCall
from agentpolicy.testing import memory_host

POLICY = """policy p version "1" language 1
default deny because "nothing allows this"
tool sh(command: shell) does only exec command
tool fetch(url: url) does only net.get url
tool pay(to: text, amount: number)
tool inbox()
mark secret on exec "cat .env"
allow plain: exec "true"
allow web: net.get "a.example" when not private
deny egress: net any when session has secret because "a secret was read"
allow loop: exec "make **" limit 100 per 1h
allow pay: tool pay
ask much: tool pay over 1000000000 of amount per 1d because "much"
allow inbox: tool inbox
deny named: tool pay when to from untrusted because "a message named it"
"""
CALLS = {
    "no state": ToolCall("sh", {"command": "true"}),
    "a mark": ToolCall("fetch", {"url": "https://a.example/"}),
    "a limit": ToolCall("sh", {"command": "make all"}),
    "a sum and an origin": ToolCall("pay", {"to": "GB29NWBK60161331926819", "amount": 5}),
}


def _filled(engine: Engine, count: int) -> Session:
    """A session that has done so many calls."""
    session = engine.session()
    session.said("pay GB29NWBK60161331926819")
    calls = [CALLS["no state"], CALLS["a mark"], CALLS["a sum and an origin"], ToolCall("inbox", {})]
    for at in range(count):
        decision = session.authorize(calls[at % 4])
        session.observe(decision, f"message {at}: see order-{at} from person{at % 500}@host{at % 50}.example")
    return session


def _time(work: Callable[[], object], times: int = 2000) -> float:
    """Microseconds a call."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times * 1e6


def main(long: int = 100_000, short: int = 10) -> None:
    """Print microseconds and the ratio of a long session to a short one, interleaved."""
    engine = Engine(Policy.from_text(POLICY), host=memory_host(cwd="/repo"))
    sessions = {long: _filled(engine, long), short: _filled(engine, short)}
    print(f"median microseconds of a decision; sessions of {short} and of {long} calls in turns")
    for name, call in CALLS.items():
        found: dict[int, list[float]] = {long: [], short: []}
        for _ in range(15):
            for count, session in sessions.items():
                found[count].append(_time(lambda one=session, what=call: one.decide(what)))  # type: ignore[misc]
        ratio = statistics.median(a / b for a, b in zip(found[long], found[short], strict=True))
        print(
            f"  {name:<22} {statistics.median(found[short]):7.1f} {statistics.median(found[long]):7.1f}   {ratio:.2f}"
        )
    for count, session in sessions.items():
        held = [0]
        sightings = session.memory.sightings(session.memory.head(), engine.policy)
        held.append(sightings.size())
        spent = _time(lambda one=session: one.observe(one.authorize(CALLS["no state"]), "done"), 300)  # type: ignore[misc]
        print(f"  let go and observe, after {count}: {spent:.0f} us; {max(held) / 1e6:.2f} MB of texts seen")


if __name__ == "__main__":
    main()
