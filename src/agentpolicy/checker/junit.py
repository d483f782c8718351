"""Test reports as JUnit XML, the form that build servers read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from xml.etree import ElementTree

from agentpolicy.checker.results import FileReport, Finding
from agentpolicy.language.render import render_all

#: What XML 1.0 (fifth edition, 2.2, Char) cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(reports: Iterable[FileReport]) -> bytes:
    """The reports as one XML document in UTF-8: a suite for each file, a case for each test and proof."""
    root = ElementTree.Element("testsuites", name="agentpolicy")
    totals = {"tests": 0, "failures": 0, "errors": 0}
    seconds = 0.0
    for report in reports:
        suite, counted, took = _suite(report)
        root.append(suite)
        seconds += took
        for key, value in counted.items():
            totals[key] += value
    for key, value in totals.items():
        root.set(key, str(value))
    root.set("time", f"{seconds:.6f}")
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _suite(report: FileReport) -> tuple[ElementTree.Element, dict[str, int], float]:
    suite = ElementTree.Element("testsuite", name=clean(report.path))
    counted = {"tests": 0, "failures": 0, "errors": 0}
    took = 0.0
    name = clean(os.path.splitext(report.path)[0].replace(os.sep, ".").strip("."))
    if report.diagnostics:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name="the file", time="0")
        counted["tests"] += 1
        counted["errors"] += 1
        problem = ElementTree.SubElement(case, "error", message=clean(report.diagnostics[0].message))
        problem.text = clean(render_all(report.diagnostics))
    for result in report.results:
        counted["tests"] += 1
        took += result.duration
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=name,
            name=clean(result.title),
            file=clean(report.path),
            line=str(result.place.line),
            time=f"{result.duration:.6f}",
        )
        if result.outcome != "passed":
            kind = "failure" if result.outcome == "failed" else "error"
            counted[f"{kind}s"] += 1
            problem = ElementTree.SubElement(case, kind, message=clean(_first(result.findings)))
            problem.text = clean("\n\n".join(one.text() for one in result.findings))
    for key, value in counted.items():
        suite.set(key, str(value))
    suite.set("time", f"{took:.6f}")
    return suite, counted, took


def _first(findings: tuple[Finding, ...]) -> str:
    return findings[0].diagnostic.message if findings else ""


def clean(text: str) -> str:
    """Text with every character that XML cannot hold written as ``\\u{…}``."""
    return _FORBIDDEN.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text)
