"""The rules for what tools do on a machine: files, commands, addresses, queries, whichever tool it was."""

from __future__ import annotations

from collections.abc import Iterable

from agentpolicy.checker.draft.lines import SECRET_FILES, WORKSPACE

#: The ids that these rules and the shared ones have.
SHARED_IDS = (
    "look", "unknown", "read-files", "write-files", "delete-files", "elsewhere", "secrets", "quiet-commands",
    "commands", "network", "web-reading", "web-sending", "private", "queries", "changes", "default",
)  # fmt: skip

_SECRETS = (
    '"**/.env"', '"**/.env.*"', '"**/*.{pem,key,p12,pfx}"', '"**/{id_rsa,id_ed25519}"',
    '"~/.{ssh,aws,gnupg,kube,docker}/**"', '"~/.config/{gcloud,gh}/**"', '"~/.{netrc,npmrc,pypirc}"',
)  # fmt: skip


def needs_workspace(actions: Iterable[str]) -> bool:
    """Whether rules speak of a workspace."""
    return any(one.startswith("fs.") or one == "exec" for one in actions)


def machine_rules(actions: frozenset[str]) -> list[str]:
    """Lines for the actions that tools declare; empty where there are none."""
    lines: list[str] = []
    runs = "exec" in actions
    here = f'"${{{WORKSPACE}}}/**"'
    if needs_workspace(actions):
        lines += [f"set {SECRET_FILES}: path = {', '.join(_SECRETS)}", f"allow read-files: fs.read {here}"]
        if runs or "fs.write" in actions:
            lines.append(f"allow write-files: fs.write {here}")
        if runs or "fs.delete" in actions:
            lines.append(f"allow delete-files: fs.delete {here}")
        lines += [
            f'ask elsewhere: fs any except {here} because "this is outside the workspace"',
            f'deny secrets: fs {SECRET_FILES} because "secrets are not for the agent"',
        ]
    if runs:
        lines += [
            "allow quiet-commands: exec any when readonly",
            'ask commands: exec any unless readonly because "this runs on the machine and may change something"',
        ]
    nets = {one for one in actions if one.startswith("net")}
    if nets:
        if nets & {"net", "net.get", "net.head", "net.options"}:
            lines.append("allow web-reading: net.get, net.head, net.options any")
        if nets - {"net.get", "net.head", "net.options"}:
            lines.append("allow web-sending: net.post, net.put, net.patch, net.delete any")
        lines.append('deny private: net any when private because "no internal addresses"')
    elif runs:
        lines.append('ask network: net any because "this reaches the network"')
    if any(one.startswith("sql") for one in actions):
        lines += [
            "allow queries: sql.select any",
            'ask changes: sql.insert, sql.update, sql.delete, sql.schema any because "this changes the database"',
        ]
    return lines
