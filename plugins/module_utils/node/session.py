# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call has done so far: the commands, how to undo them, and the files that can still be put back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines


@dataclass(frozen=True)
class Command:
    """One command of a plan; `undo` is what takes it back, empty when nothing needs to; `item` names it in an error."""

    argv: Sequence[str]
    item: str
    undo: Sequence[str] = ()

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass
class Session:
    """Runs commands, remembers them, and holds the ways back until `commit`."""

    run: Run
    commands: list[str] = field(default_factory=list)
    rollback_commands: list[str] = field(default_factory=list)
    _put_back: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    _forget: list[Callable[[], None]] = field(default_factory=list)

    def do(self, command: Command) -> None:
        """Runs one command; raises ClusterwrightError with its last words when it fails."""
        result = self.run(command.argv)
        if result.rc:
            raise ClusterwrightError(f"{command.item}: '{command}' failed: {last_lines(result)}")
        self.did(str(command), command.undo)

    def did(self, command: str, undo: Sequence[str] = ()) -> None:
        """Notes what was done, and the command that takes it back."""
        self.commands.append(command)
        if undo:
            self.rollback_commands.insert(0, shlex.join(undo))

    def keep(self, path: str, put_back: Callable[[], None], forget: Callable[[], None]) -> None:
        """Holds the way back for a path: `put_back` after a failure, `forget` after success."""
        self._put_back.insert(0, (path, put_back))
        self._forget.append(forget)

    def roll_back(self) -> tuple[list[str], list[str]]:
        """Puts all kept paths back, the last first. Returns those put back, and why others could not be."""
        restored, lost = [], []
        for path, put_back in self._put_back:
            try:
                put_back()
                restored.append(path)
            except OSError as error:
                lost.append(f"{path} could not be put back ({error.strerror})")
        self._put_back, self._forget = [], []
        return restored, lost

    def commit(self) -> None:
        """Lets go of the ways back: all went well."""
        for forget in self._forget:
            forget()
        self._put_back, self._forget = [], []
