# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an NFS server exports: one file of ours beside those of others, and what the kernel's table says of it.

`exportfs -r` makes the table as the files are; the server is not restarted, and clients that lose nothing notice nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems.intent import ExportIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files, replace
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import FileIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Command, Session

FILE = "/etc/exports.d/clusterwright.exports"
CLIENTS = "/proc/fs/nfsd/clients"
HEAD = "# Ansible managed: exports of the cluster file\n"
RELOAD = Command(("exportfs", "-r"), "exports")
# What is compared with the kernel's table; exportfs writes others in other words, or adds what was not said.
COMPARED = frozenset({"rw", "ro", "sync", "async", "root_squash", "no_root_squash", "all_squash"})

Lines = dict    # of a path: its clients as a line has them, such as 10.0.0.0/24(rw,sync)


@dataclass(frozen=True)
class State:
    """file: the file as it stands. live: options by path and client. missing: declared directories that are not there.

    connected: addresses of the NFSv4 clients that the server knows now.
    """

    file: files.FilesState
    live: dict[tuple[str, str], frozenset[str]]
    missing: list[str]
    connected: list[str]

    @property
    def lines(self) -> Lines:
        """What our file says."""
        return parse((self.file.files[FILE].content or b"").decode("utf-8", "replace"))


@dataclass(frozen=True)
class Plan:
    """lines: what our file shall say. changes: to the file. items: what differs, in words."""

    lines: Lines
    changes: list[files.Change]
    items: list[str]

    @property
    def commands(self) -> list[str]:
        """All commands as a person would type them."""
        return [*(text for change in self.changes for text in change.commands), *([str(RELOAD)] if self.items else [])]


def parse(text: str) -> Lines:
    """The lines of our file, by path."""
    words = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {path: clients for path, *clients in words}


def render(lines: Lines) -> str:
    """The file, whole."""
    return HEAD + "".join(f"{' '.join([path, *clients])}\n" for path, clients in lines.items())


def parse_live(text: str) -> dict[tuple[str, str], frozenset[str]]:
    """What `exportfs -s` prints: a line for each path and client."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(\S+)\s+([^\s(]+)\(([^)]*)\)", line.strip())
        if match:
            found[match[1], match[2]] = frozenset(match[3].split(","))
    return found


def observe(run: Run, exports: Sequence[ExportIntent]) -> State:
    """Looks at our file, the kernel's table, the directories and the clients. Before the package is there, nothing is exported."""
    shown = run(("exportfs", "-s"))
    if shown.rc not in (0, 127):
        raise ClusterwrightError(f"'exportfs -s' failed: {last_lines(shown)}: see 'systemctl status nfs-server'.")
    addresses = set()
    for info in Path(CLIENTS).glob("*/info"):
        try:
            text = info.read_text(encoding="utf-8", errors="replace")
        except OSError:         # it has left
            continue
        addresses |= {found.rsplit(":", 1)[0].strip("[]") for found in re.findall(r'^address: "([^"]+)"', text, re.M)}
    return State(
        files.observe([_file("")]), parse_live(shown.out),
        [export["path"] for export in exports if export["state"] == "present" and not Path(export["path"]).is_dir()],
        sorted(addresses))


def plan(exports: Sequence[ExportIntent], state: State) -> Plan:
    """Compares. Lines of paths that nobody declares stay. Pure. Raises ClusterwrightError for a directory that is not there."""
    if state.missing:
        raise ClusterwrightError(f"{', '.join(state.missing)}: there is no such directory on this server: make it, or mount there what "
                                 "shall be exported. Nothing was changed.")
    lines = state.lines
    for export in exports:
        if export["state"] == "absent":
            lines.pop(export["path"], None)
        else:
            lines[export["path"]] = [f"{client['to']}({','.join(client['options'])})" for client in export["clients"]]
    empty = not lines and state.file.files[FILE].kind == "absent"
    changes = [] if empty else files.plan([_file(render(lines))], state.file, set(), set(), awaits_packages=True)
    items = [f"file {FILE}"] if changes else []
    gone = [export["path"] for export in exports if export["state"] == "absent"]
    return Plan(lines, changes, [*items, *_differing(lines, state.live), *(f"{path} of {to}" for path, to in state.live if path in gone)])


def apply(run: Run, planned: Plan) -> list[str]:
    """Writes the file and has it read. Where exportfs refuses it, the former one is put back, and read again."""
    session = Session(run)
    if not planned.items:
        return []
    try:
        replace.apply(session, planned.changes)
        session.do(RELOAD)
    except ClusterwrightError as error:
        restored, lost = session.roll_back()
        if restored:
            run(RELOAD.argv)
        words = [str(error), *(f"{trouble}." for trouble in lost), "The exports are as before." if restored and not lost else ""]
        raise ClusterwrightError(" ".join(filter(None, words)), changed=bool(lost), verified=False, commands=session.commands,
                                 restored_files=restored, **error.details) from None
    session.commit()
    return session.commands


def compare(exports: Sequence[ExportIntent], state: State, commands: Sequence[str]) -> None:
    """Raises ClusterwrightError where the kernel's table, read back, is not as declared."""
    left = plan(exports, state)
    if left.items:
        raise ClusterwrightError(
            f"Applied, but read back these differ: {', '.join(left.items)}: another line of /etc/exports or /etc/exports.d has the same "
            "path; keep one.", changed=True, verified=False, commands=list(commands), mismatch=left.items, mismatch_commands=left.commands)


def impact(before: State, planned: Plan, exports: Sequence[ExportIntent]) -> list[dict[str, Any]]:
    """Who gains and who loses what."""
    told: list[dict[str, Any]] = []
    now = f" (connected to this server now: {', '.join(before.connected)})" if before.connected else ""
    old = before.lines
    for path in old.keys() - planned.lines.keys():
        told.append({"kind": "export_ends", "path": path, "clients": before.connected,
                     "text": f"{path} is exported no more, and who has it mounted gets errors{now}"})
    for path, clients in planned.lines.items():
        if path not in old:
            told.append({"kind": "export_begins", "path": path, "text": f"{path} is exported"})
            continue
        were, are = _by_client(old[path]), _by_client(clients)
        for to, options in were.items():
            if to not in are:
                told.append({"kind": "client_loses", "path": path, "client": to,
                             "text": f"{to} may mount {path} no more, and has errors where it did{now}"})
            elif "rw" in options and "ro" in are[to]:
                told.append({"kind": "read_only", "path": path, "client": to, "text": f"{to} may only read {path} from now on{now}"})
    declared = {export["path"] for export in exports}
    told += [{"kind": "undeclared", "path": path, "text": f"{path} is still exported, and nothing declares it: state: absent ends it"}
             for path in planned.lines if path not in declared]
    return sorted(told, key=lambda entry: (entry["path"], entry["kind"]))


def _file(text: str) -> FileIntent:
    return {"path": FILE, "state": "file", "content": text.encode(), "secret": False, "block": False, "owner": "root", "group": "root",
            "mode": "0644", "validate": None, "backup": False}


def _by_client(clients: Sequence[str]) -> dict[str, set[str]]:
    return {to: set(options.rstrip(")").split(",")) for to, _bracket, options in (client.partition("(") for client in clients)}


def _differing(lines: Lines, live: dict[tuple[str, str], frozenset[str]]) -> list[str]:
    """The exports of our file that the kernel's table has not, or has otherwise."""
    found = []
    for path, clients in lines.items():
        for to, options in _by_client(clients).items():
            if (path, to) not in live or not options & COMPARED <= live[path, to]:
                found.append(f"{path} of {to}")
        found += [f"{path} of {to}" for there, to in live if there == path and to not in _by_client(clients)]
    return found
