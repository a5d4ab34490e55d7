"""Processes in the background that belong to a lab. Each leaves pid, log and spec in a directory of its own, and is ended by its pid."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .common import LabError, last_line

CHECKOUT = Path(__file__).resolve().parents[2]
START_DEADLINE = 60  # seconds; it takes 2, or 10 on a busy machine
STOP_DEADLINE = 5


def running(folder: Path, mark: str) -> int | None:
    """The pid of the process, if there is one and it is ours: `folder/mark` is one of its words."""
    try:
        pid = int((folder / "pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(folder / mark).encode() in words else None


def stop(folder: Path, mark: str) -> bool:
    """End the process; return whether there was one."""
    found = running(folder, mark)
    if found:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            os.kill(found, sign)
            end = time.monotonic() + STOP_DEADLINE
            while running(folder, mark) and time.monotonic() < end:
                time.sleep(0.05)
            if not running(folder, mark):
                break
    for name in ("pid", "spec"):
        (folder / name).unlink(missing_ok=True)
    return bool(found)


def start(folder: Path, what: str, command: Sequence[str], ready: Callable[[], bool], more: Mapping[str, str] | None = None) -> None:
    """Start it and wait until it is ready; `what` begins the error otherwise, `more` goes into its environment."""
    log = folder / "log"
    # Started by Ansible, this process has settings of that run that are not meant for another one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    environment |= {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), **(more or {})}
    with log.open("w") as output:
        # The shell writes the pid before anything else happens: a process that nobody knows of could not be stopped.
        child = subprocess.Popen(
            ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(folder / "pid"), *command],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    end = time.monotonic() + START_DEADLINE
    while not ready():
        if child.poll() is not None:
            raise LabError(f"{what}: the process ended: {last_line(log.read_text())}; all that it said is in {log}")
        if time.monotonic() > end:
            raise LabError(f"{what}: they do not serve after {START_DEADLINE} s; what the process said is in {log}")
        time.sleep(0.05)


def spec_of(folder: Path) -> str:
    """What the running process was started for."""
    try:
        return (folder / "spec").read_text()
    except OSError:
        return ""
