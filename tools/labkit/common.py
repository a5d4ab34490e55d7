"""What the parts of the lab share: its error, its progress lines, its processes and its lock."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

LABEL = "clusterwright.lab"  # =<cluster name>, on everything that a lab makes
BEGUN = time.monotonic()


class LabError(Exception):
    """What went wrong and the way out, in one sentence."""


def say(text: str) -> None:
    """One line of progress, with the seconds since the command began."""
    print(f"[{time.monotonic() - BEGUN:5.1f} s] {text}", flush=True)


def run(*command: str, timeout: float | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end without judging it; one that hangs longer than `timeout` seconds ends with status 124.

    An interruption does not reach the command: it ends by itself, because a podman that is stopped half-way
    leaves addresses, bridges and firewall rules behind that nothing owns.
    """
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    except FileNotFoundError:
        raise LabError(f"{command[0]} is not installed; run tools/preflight.sh install") from None
    try:
        out, err = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return subprocess.CompletedProcess(command, 124, "", f"no answer in {timeout:.0f} s")
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def podman(*arguments: str, timeout: float | None = None, stdin: str = "") -> str:
    """The output of a podman command that must succeed."""
    done = run("podman", *arguments, timeout=timeout, stdin=stdin)
    if done.returncode:
        raise LabError(f"podman {' '.join(arguments[:2])} failed: {last_line(done.stderr)}")
    return done.stdout


def podman_json(*arguments: str) -> Any:
    """The output of a podman command as data."""
    return json.loads(podman(*arguments, "--format", "json") or "null") or []


def last_line(text: str) -> str:
    """The last line that says something; podman puts the reason there."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


@contextlib.contextmanager
def alone(what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold `what` against other runs of the lab on this machine.

    An abstract socket is the lock: it leaves no file behind, and the kernel frees it however the holder ends.
    """
    lock = socket.socket(socket.AF_UNIX)
    told = False
    while True:
        try:
            lock.bind(f"\0clusterwright-lab/{what}")
            break
        except OSError:
            if not wait:
                raise LabError(f"{what}: another run of tools/lab.py works on it; wait until that has ended") from None
        if not told:
            say(f"{what}: another run works on it, waiting")
            told = True
        time.sleep(1)
    try:
        yield
    finally:
        lock.close()


def warn(text: str) -> None:
    """A line for stderr that does not end the command."""
    print(f"lab: {text}", file=sys.stderr, flush=True)
