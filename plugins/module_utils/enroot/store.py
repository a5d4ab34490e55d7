# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of images that all nodes see, and what hosts that write to it at the same time must heed.

An image NAME is NAME.sqsh, beside it NAME.json with what it was made from. Hidden beside them are NAME's lock, the unfinished files of
runs, each named after the run that writes it, and former images that jobs may still read.

An image appears by rename(2), whole or not at all, whatever becomes of the lock: two imports at once would cost time and nothing else. The
lock is one of fcntl(2), which the kernel takes back when its owner dies, and which NFSv4, CephFS and Lustre (mounted with flock) carry
between hosts. Where a filesystem has none, or none between hosts (BeeGFS as it comes), two hosts may import at the same time.

A file that is replaced is gone at once for those who have it open on another host of NFS ("Stale file handle"): a server forgets what has
no name. So a former image keeps a hidden name for some days, and jobs end with the image that they began with.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

DAY = 24 * 3600
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class Owner(NamedTuple):
    """A run of the module somewhere, by which files of it are told from those of others."""

    host: str
    boot: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.host}~{self.boot}~{self.pid}~{self.started}"

    def dead(self, me: Owner) -> bool:
        """Whether the run is surely over: it was here, and before a reboot or without a process now. Of another host nobody knows."""
        return self.host == me.host and (self.boot != me.boot or _started(self.pid) != self.started)


def this_run() -> Owner:
    """The run that asks."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    return Owner(os.uname().nodename, boot, os.getpid(), _started(os.getpid()))


def image(store: Path, name: str) -> Path:
    """Where an image lies."""
    return store / f"{name}.sqsh"


def record(store: Path, name: str) -> Path:
    """Where it is written down what an image was made from."""
    return store / f"{name}.json"


def read_record(store: Path, name: str) -> dict[str, Any]:
    """What is written down of an image, or nothing."""
    try:
        found = json.loads(record(store, name).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def lock(store: Path, name: str, me: Owner, patience: float, warn: Callable[[str], None]) -> Iterator[None]:
    """Holds an image's lock; raises ClusterwrightError when another run keeps it for longer than `patience` seconds."""
    path = store / f".{name}~lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno in NO_LOCKS:
                    warn(f"{store} has no file locks ({error.strerror}): two imports of {name} at once would both do the work")
                    break
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            if time.monotonic() > end:
                owner = path.read_text().split("~")
                who = f" (process {owner[2]} on {owner[0]})" if len(owner) == 4 else ""
                raise ClusterwrightError(
                    f"image {name}: another run{who} has been importing it for more than {patience:.0f} s: wait for it, or end it; "
                    "the image is as it was")
            time.sleep(0.2)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(me).encode())
        yield
    finally:
        os.close(descriptor)


def unfinished(store: Path, name: str, me: Owner) -> Path:
    """The hidden file in which a run makes an image, in the same filesystem, which a rename cannot leave."""
    return store / f".{name}~{me}~tmp"


def leftovers(store: Path, name: str, me: Owner, now: float) -> list[Path]:
    """Unfinished files of runs that are surely dead. For who holds the lock; `now` by the clock of the filesystem.

    Of a run on another host that is known only of a file which nobody wrote to for a day.
    """
    dead = []
    for path in sorted(store.glob(f".{name}~*~tmp*")):
        words = path.name.split("~")
        if len(words) == 6:
            owner = Owner(words[1], words[2], int(words[3]) if words[3].isdigit() else 0, words[4])
            silent = owner.host != me.host and now - path.stat().st_mtime > DAY
            if owner.dead(me) or silent:
                dead.append(path)
    return dead


def former(store: Path, name: str) -> list[tuple[Path, float]]:
    """Former images that keep a hidden name, and when they were replaced or removed."""
    found = [(path, path.name.split("~")[1]) for path in sorted(store.glob(f".{name}~*~old"))]
    return [(path, float(when)) for path, when in found if when.isdigit()]


def clock(path: Path) -> float:
    """What the filesystem's own clock says, which need not be this host's."""
    os.utime(path)
    return path.stat().st_mtime


def retire(store: Path, name: str, when: float, keep_days: int) -> None:
    """Gives the image that is there a second, hidden name."""
    path = image(store, name)
    if keep_days and path.exists():
        hidden = store / f".{name}~{when:.0f}~old"
        hidden.unlink(missing_ok=True)
        os.link(path, hidden)


def publish(store: Path, name: str, ready: Path, written: Mapping[str, Any]) -> None:
    """Puts a finished image in its place. First its record: one without its image is seen as such, an image without one is a stranger's."""
    note = ready.with_name(f"{ready.name}.json")
    note.write_text(json.dumps(written, indent=2) + "\n")
    for path in (ready, note):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    note.replace(record(store, name))
    ready.replace(image(store, name))
    sync(store)


def sync(store: Path) -> None:
    """Makes the directory's names last."""
    descriptor = os.open(store, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free(directory: Path) -> int:
    """Bytes that are free for those who are not root."""
    seen = os.statvfs(directory)
    return seen.f_bavail * seen.f_frsize


def users(path: Path) -> int:
    """How many processes and loop devices of this host have a file open."""
    try:
        info = path.stat()
    except OSError:
        return 0
    loops = [file.read_text().strip() for file in Path("/sys/block").glob("loop*/loop/backing_file")]
    holders = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            held = descriptor.stat()
            if (held.st_dev, held.st_ino) == (info.st_dev, info.st_ino):
                holders.add(descriptor.parts[2])
    holders.discard(str(os.getpid()))
    return len(holders) + loops.count(str(path))


def _started(pid: int) -> str:
    """When a process began, in ticks since the boot; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
