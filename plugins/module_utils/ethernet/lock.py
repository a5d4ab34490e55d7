# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on a switch: a lock on this machine, which the kernel releases when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError


def directory() -> Path:
    """Where locks lie: a place that a reboot empties, if this user has one."""
    if os.geteuid() == 0:
        return Path("/run/lock/clusterwright")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime, "clusterwright") if runtime else Path("~/.cache/clusterwright").expanduser()


@contextmanager
def locked(name: str, host: str, port: int, *, wanted: bool = True) -> Iterator[None]:
    """Hold the lock of the switch at this address, if it is wanted. Raises ClusterwrightError when another process has it."""
    if not wanted:
        yield
        return
    path = directory() / f"switch-{host.replace('/', '_')}-{port}.lock"
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        text = f"{name}: the lock file {path} cannot be used ({error.strerror}): remove it, or run as its owner"
        raise ClusterwrightError(text) from error
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read(20).strip()
            who = f"process {holder}" if holder else "another process"
            raise ClusterwrightError(f"{name}: another run works on this switch ({who} holds {path}): wait until it is done") from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
