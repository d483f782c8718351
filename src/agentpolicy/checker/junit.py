"""Reports of policy tests in the JUnit form that build servers read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from agentpolicy.checker.testing import FileReport
from agentpolicy.language.render import render_all


def junit(reports: Sequence[FileReport]) -> bytes:
    """One ``testsuite`` a file, as UTF-8 XML."""
    root = ElementTree.Element("testsuites")
    for report in reports:
        states = [one.state for one in report.outcomes]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_clean(report.path),
            tests=str(len(states) + (1 if report.broken else 0)),
            failures=str(states.count("failed")),
            errors=str(states.count("error") + (1 if report.broken else 0)),
            time=f"{sum(one.seconds for one in report.outcomes):.6f}",
        )
        if report.broken:
            case = ElementTree.SubElement(suite, "testcase", name="the file loads", classname=_clean(report.path))
            error = ElementTree.SubElement(case, "error", message=_clean(report.broken[0].message))
            error.text = _clean(render_all(report.broken))
        for one in report.outcomes:
            case = ElementTree.SubElement(
                suite, "testcase", name=_clean(one.title), classname=_clean(report.path), time=f"{one.seconds:.6f}"
            )
            if one.state != "passed":
                word = "failure" if one.state == "failed" else "error"
                child = ElementTree.SubElement(case, word, message=_clean(one.diagnostics[0].message))
                child.text = _clean(render_all(one.diagnostics))
    whole: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return whole + b"\n"


def _clean(text: str) -> str:
    """The text without what XML 1.0 (2.2) cannot hold."""
    return "".join(
        letter
        if letter in "\t\n" or (letter >= " " and not "\ud800" <= letter <= "\udfff" and letter not in "\ufffe\uffff")
        else "\ufffd"
        for letter in text
    )
