# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on a cluster: a lock file that lives as long as a process does.

A task cannot keep a lock open: the process that runs it ends with the task. So the file names the process that lives
for the whole run (pid and start time), and whoever finds the file looks whether that process is still there.
The file is never unlinked: `flock` on it serialises those who read, judge and write it, and that works only
while all of them open the same file.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class LockError(Exception):
    """The lock cannot be used at all; the text is one sentence for the user."""


@dataclass(frozen=True)
class Holder:
    """The run that a lock file names."""

    pid: int
    started: int  # clock ticks after boot (field 22 of /proc/PID/stat): tells a process from a later one with its pid
    user: str
    host: str
    command: str  # program and playbooks only: options may carry secrets
    since: str  # UTC, 2026-11-21T03:12:07Z

    @classmethod
    def parse(cls, text: str) -> Holder | None:
        """Read a lock file's text; None when no complete record stands there."""
        try:
            data = json.loads(text)
            return cls(int(data["pid"]), int(data["started"]), *(str(data[key]) for key in TEXTS))
        except (ValueError, TypeError, KeyError):
            return None

    def same_process(self, other: Holder) -> bool:
        """Whether both name one process, whatever else they say."""
        return (self.pid, self.started, self.host) == (other.pid, other.started, other.host)

    def alive(self, here: str) -> bool:
        """Whether the process still runs. On another host than `here` nobody can look, so it counts as running."""
        if self.host != here:
            return True
        started = process_start(self.pid)
        if started is None:
            return hidden(self.pid)
        return started == self.started

    def seen_from(self, here: str) -> str:
        """In words, with the host where that matters."""
        where = "" if self.host == here else f" on {self.host}"
        return f"pid {self.pid} ({self.command}) started {self.since} by {self.user}{where}"


TEXTS = ("user", "host", "command", "since")


@dataclass(frozen=True)
class Held:
    """The lock is with another run: `holder`, seen from host `here`."""

    name: str
    path: Path
    holder: Holder
    here: str

    def __str__(self) -> str:
        if self.holder.host == self.here:
            way_out = f"stop it with `kill {self.holder.pid}`"
        else:
            way_out = f"remove {self.path} if that run is gone"
        who = self.holder.seen_from(self.here)
        return f"Cluster {self.name}: another run holds the lock: {who}; wait for it, or {way_out}."


@dataclass(frozen=True)
class Taken:
    """The lock is ours. `stale` is the dead run that it was taken from; `again` says that we had it already."""

    holder: Holder
    stale: Holder | None = None
    again: bool = False


def process_start(pid: int) -> int | None:
    """Start time of a process in clock ticks after boot; None when it is gone or only waits to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def hidden(pid: int) -> bool:
    """Whether a process exists that /proc keeps from us (another user's, where /proc is mounted with hidepid)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not os.access(f"/proc/{pid}/stat", os.R_OK)
    except (OSError, OverflowError):
        return False
    return False


def default_directory(uid: int, environ: Mapping[str, str]) -> Path:
    """Where locks lie: a place that a reboot empties, if this user has one."""
    if uid == 0:
        return Path("/run/lock/clusterwright")
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime, "clusterwright")
    return Path(environ.get("HOME") or "~").expanduser() / ".cache" / "clusterwright"


def lock_path(name: str, directory: Path) -> Path:
    """The lock file of cluster `name`; raises LockError for a name that is no file name."""
    if not NAME.fullmatch(name):
        raise LockError(
            f"Cluster name {name!r} cannot name a lock file: "
            "use letters, digits, '.', '_' and '-', a letter or digit first."
        )
    return directory / f"{name}.lock"


def take(name: str, path: Path, me: Holder) -> Taken | Held:
    """Take the lock for `me`, unless a living process of another run has it."""
    _prepare(path.parent)
    with _opened(path, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as file:
        found = Holder.parse(file.read())
        if found and found.same_process(me):
            return Taken(found, again=True)
        if found and found.alive(me.host):
            return Held(name, path, found, me.host)
        # A record that does not parse is one whose writer died while writing: it held this flock until then.
        file.seek(0)
        file.truncate()
        json.dump(asdict(me), file)
        file.write("\n")
        file.flush()
        return Taken(me, stale=found)


def look(name: str, path: Path, me: Holder) -> Held | None:
    """Who else holds the lock; creates and changes nothing."""
    if not path.exists():
        return None
    with _opened(path, os.O_RDONLY, fcntl.LOCK_SH) as file:
        found = Holder.parse(file.read())
    if found is None or found.same_process(me) or not found.alive(me.host):
        return None
    return Held(name, path, found, me.host)


def record(holder: Holder | None) -> dict[str, Any] | None:
    """A holder as plain data."""
    return asdict(holder) if holder else None


def _prepare(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        owner = directory.stat().st_uid
    except OSError as error:
        raise LockError(
            f"Lock directory {directory} cannot be made: {error.strerror}; name another one in `directory`."
        ) from error
    # /run/lock is open to everyone: a directory put there by somebody else could hold us up or mislead us.
    if owner not in (0, os.geteuid()):
        raise LockError(
            f"Lock directory {directory} belongs to uid {owner}, neither to root nor to this user: "
            "remove it or name another one in `directory`."
        )


@contextmanager
def _opened(path: Path, flags: int, lock: int) -> Iterator[TextIO]:
    """The lock file, under flock until the block ends."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "r" if flags == os.O_RDONLY else "r+", encoding="utf-8", errors="replace") as file:
            fcntl.flock(file, lock)
            yield file
    except OSError as error:
        raise LockError(
            f"Lock file {path} cannot be used: {error.strerror}; remove it or name another `directory`."
        ) from error
