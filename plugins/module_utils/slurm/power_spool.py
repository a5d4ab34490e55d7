# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of Slurm's power saving: a directory that outlives every process, so that nothing is lost and nothing is done twice.

    queue/<time>-<pid>.<action>     what slurmctld asked for: a NodeSet, put there whole by a rename
    nodes.json                      what is being done with which node, and the requests that are in it already

A request is taken in two moves: nodes.json is replaced by one that has it, then its file goes. Whoever is killed between the two leaves a
file whose name stands in nodes.json, and the next one only removes it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

ACTIONS = ("suspend", "resume", "resume-failed")


class Request(NamedTuple):
    """A call of one of slurmctld's programs."""

    name: str
    action: str
    nodeset: str


class Spool:
    """The directory. `nodes`: what is being done with which node, as plain data; whoever changes it calls `save`."""

    def __init__(self, folder: Path) -> None:
        self._queue = folder / "queue"
        self._file = folder / "nodes.json"
        self.nodes: dict[str, dict[str, Any]] = {}
        self._taken: set[str] = set()
        if self._file.exists():
            data = json.loads(self._file.read_text())
            self.nodes, self._taken = data["nodes"], set(data["taken"])
        self._drop()

    def waiting(self) -> list[Request]:
        """The requests that are not in `nodes` yet, in the order in which they came."""
        found = []
        for path in sorted(self._queue.iterdir()):
            action = path.name.partition(".")[2]
            if action not in ACTIONS:
                path.replace(self._queue.parent / f"unknown.{path.name}")       # or systemd would start a worker for it for ever
            elif path.name not in self._taken:
                found.append(Request(path.name, action, path.read_text().strip()))
        return found

    def save(self, taken: list[Request] | None = None) -> None:
        """Keep `nodes`; these requests are in it now, and go."""
        self._taken.update(request.name for request in taken or ())
        if self.nodes or self._taken:
            self._write()
        self._drop()
        if not self.nodes:
            self._file.unlink(missing_ok=True)      # nobody waits for anything
        self._taken.clear()

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        with new.open("w") as file:
            json.dump({"nodes": self.nodes, "taken": sorted(self._taken)}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)

    def _drop(self) -> None:
        for name in self._taken:
            (self._queue / name).unlink(missing_ok=True)
