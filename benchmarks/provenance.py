"""Measures what `from` answers about the arguments of recorded runs, and how long that takes.

    python -m benchmarks.provenance RUNS.jsonl[.gz] [--values]

A run is a JSON object a line: ``suite_name``, ``injection_task_id`` (null: nobody attacked), ``utility``, ``security``
(true: the attack reached its goal), ``messages`` of ``role`` and ``content``, those of the assistant with
``tool_calls`` of ``function`` and ``args``. What the user wrote is the user's, every result is untrusted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agentpolicy.engine.provenance import MOST_BYTES, Sightings, Trace, seen_in, trace
from agentpolicy.engine.provenance.identifiers import forget

KEY = b"a key for figures that nobody keeps"
#: Arguments that carry prose; all others name or set something.
CONTENT = frozenset({"body", "content", "message", "subject", "title", "description", "query", "text"})
#: Arguments that say where something goes, by name.
DESTINATION = frozenset(
    "recipient recipients url channel user user_email participants email file_id event_id email_id sender".split()
)


#: 200 characters that stand in no result.
OWN = (
    "I had a look at everything that came in since Monday and put together a short overview for the team, so that all "
    "of us know what is left to do before we can go on with the release at the end of it."
)
#: How the names of tools begin that change something.
ACTS = tuple("send post invite add remove delete share create append reschedule cancel update schedule pay".split())


def kind_of(name: str) -> str:
    """Whether an argument is a destination, content, or something else."""
    return "destination" if name in DESTINATION else "content" if name in CONTENT else "other"


def runs(path: Path) -> Iterator[dict[str, Any]]:
    """The recorded runs of a file."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            yield json.loads(line)


def calls(run: dict[str, Any]) -> Iterator[tuple[str, str, object, Trace, Sightings]]:
    """Every argument of a run, judged as it would have been at that call."""
    sightings = Sightings(key=KEY)
    for message in run["messages"]:
        if message["role"] == "user":
            sightings.add("user", seen_in(message["content"], key=KEY))
        elif message["role"] == "tool":
            sightings.add("untrusted", seen_in([message["content"], message.get("error")], key=KEY))
        for call in message.get("tool_calls") or ():
            for name, value in call["args"].items():
                yield call["function"], name, value, trace(value, sightings), sightings


def answers(found: Trace) -> str:
    """In a word: untrusted, nowhere, both, user, or none where the value has no identifier."""
    if not found.found:
        return "none"
    untrusted, nowhere = found.is_from("untrusted"), found.is_from("nowhere")
    if untrusted:
        return "untrusted+nowhere" if nowhere else "untrusted"
    return "nowhere" if nowhere else "user"


def attacked(value: object, text: str) -> bool:
    """Whether an argument is what the attacker's text says, told without the index."""
    parts = value if isinstance(value, list) else [value]
    return any(
        isinstance(one, str) and len(one) > 1 and one.lower().removeprefix("http://").removeprefix("https://") in text
        for one in parts
    )


def figures(path: Path, values: bool) -> None:
    honest: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    examples: dict[tuple[str, str, str, str], Counter[str]] = defaultdict(Counter)
    counts: Counter[str] = Counter()
    caught: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    acts: dict[str, Counter[str]] = defaultdict(Counter)
    for run in runs(path):
        attack = run["injection_task_id"] is not None
        if not (run["security"] if attack else run["utility"]):
            continue
        planted = " ".join(map(str, (run.get("injections") or {}).values())).lower()
        asked = False
        by_kind: set[str] = set()
        for tool, name, value, found, _ in calls(run):
            if value is None or value in ("", []):
                continue
            answer = answers(found)
            kind = kind_of(name)
            if attack:
                if attacked(value, planted) and not attacked(value, user_text(run)):
                    caught[kind, f"{tool}.{name}"][answer] += 1
                    if found.is_from("untrusted"):
                        by_kind.add(kind)
                    examples["attack", tool, name, answer][json.dumps(value)[:110]] += 1
            else:
                honest[kind, tool, name][answer] += 1
                acts[f"{kind}, {'acts' if tool.startswith(ACTS) else 'reads'}"][answer] += 1
                examples["honest", tool, name, answer][json.dumps(value)[:110]] += 1
                asked |= kind == "destination" and tool.startswith(ACTS) and bool(found.is_from("untrusted"))
        group = f"{run['suite_name']} {'attack' if attack else 'honest'}"
        counts[f"{group}: runs"] += 1
        if attack:
            counts[f"{group}: an argument of the attacker's is from untrusted"] += bool(by_kind)
            counts[f"{group}: a destination of the attacker's is from untrusted"] += "destination" in by_kind
        else:
            counts[f"{group}: a destination of a tool that acts is from untrusted"] += asked
    for title, count in sorted(counts.items()):
        print(f"{count:6}  {title}")
    print("\nHonest runs, arguments by kind")
    for title, counter in sorted(acts.items()):
        print(f"  {title:24} {dict(counter)}")
    print("\nHonest runs, by argument")
    for (kind, tool, name), counter in sorted(honest.items()):
        print(f"  {kind:12} {tool}.{name:24} {dict(counter)}")
        if values:
            show(examples, "honest", tool, name)
    print("\nSuccessful attacks, arguments that stand in the attacker's text and not in the user's")
    for (kind, title), counter in sorted(caught.items()):
        print(f"  {kind:12} {title:40} {dict(counter)}")
        if values:
            show(examples, "attack", *title.split("."))


def show(examples: dict[tuple[str, str, str, str], Counter[str]], group: str, tool: str, name: str) -> None:
    for (which, its_tool, its_name, answer), counter in sorted(examples.items()):
        if (which, its_tool, its_name) == (group, tool, name):
            for text, count in counter.most_common(8):
                print(f"      {answer:18} {count:4} {text}")


def user_text(run: dict[str, Any]) -> str:
    return " ".join(message["content"] for message in run["messages"] if message["role"] == "user").lower()


def each(work: Callable[[], object], rounds: int = 200) -> float:
    """Median seconds of one call."""
    spent = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return statistics.median(spent)


def timings(path: Path) -> None:
    texts = [
        m["content"]
        for run, _ in zip(runs(path), range(200), strict=False)
        for m in run["messages"]
        if m["role"] == "tool"
    ]
    joined = "\n".join(texts)
    text = joined[5000:7048]
    sightings = Sightings(key=KEY)
    sightings.add("untrusted", seen_in(joined[:50_000], key=KEY))
    sightings.add("user", seen_in(joined[200:400], key=KEY))
    prose = joined[1000:1200]
    print("\nTimes, median")
    for title, value in {
        "an address of 26 characters": "mark.black-2134@gmail.com",
        "an account of 23 characters": "US133000000121212121212",
        "a URL of 80 characters": "https://www.my-website-234.com/random/path/report-2024.html?user=emma&token=abc",
        "a name of three words": "Riverside View Hotel",
        "200 characters of a seen text": prose,
        "200 characters of the model's own": OWN,
    }.items():
        cold = each(lambda value=value: (forget(), trace(value, sightings)))
        warm = each(lambda value=value: trace(value, sightings))
        print(f"  origin of {title:36} {cold * 1e6:8.1f} µs at first, {warm * 1e6:6.1f} µs again")
    print(f"  observing {len(text)} characters, fingerprints {each(lambda: seen_in(text, key=KEY)) * 1e6:14.1f} µs")
    seen = seen_in(text, key=KEY)
    big = Sightings(key=KEY)
    print(f"  observing {len(text)} characters, folding in   {each(lambda: big.add('untrusted', seen)) * 1e6:14.1f} µs")
    many = Sightings(key=KEY)
    words = (f"word{number}" for number in range(10**9))
    total = 0
    print(
        "\nThe index of untrusted text as it grows: fingerprints, bytes held, values never seen that it takes for seen"
    )
    for stop in (10_000, 100_000, 200_000, 400_000):
        while total < stop:
            one = seen_in(" ".join(next(words) for _ in range(2000)), key=KEY)
            many.add("untrusted", one)
            total += (len(one.fingerprints) + len(one.likenesses)) // 8
        wrong = sum(many.where(f"x{number}") > 0 for number in range(20_000))
        print(f"  {total:8} {many.size():9} {wrong / 20_000:9.4%}")
    print(f"  bound: {MOST_BYTES} bytes a session")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="recorded runs, JSON lines, may be gzipped")
    parser.add_argument("--values", action="store_true", help="show the most frequent values of each answer")
    given = parser.parse_args()
    figures(given.runs, given.values)
    timings(given.runs)


if __name__ == "__main__":
    main()
