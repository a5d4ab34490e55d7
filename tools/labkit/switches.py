"""The switches of a lab: one process in the background simulates those of the cluster file, on loopback addresses of this machine.

Below the lab's directory, in `switches/`: password, known_hosts, and of the process pid, log, spec and (once it serves) told.json.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import ipaddress
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .common import LabError, last_line, say
from .nodes import wait_for_ssh

CHECKOUT = Path(__file__).resolve().parents[2]
EMULATOR = "tests.simulators.switch"
PORT = 2222
USER = "admin"
MOST_PORTS = 8  # more than the cluster file names, as a real switch has
START_DEADLINE = 60  # seconds; it takes 2, or 10 on a busy machine
STILL_GOOD_DEADLINE = 5
STOP_DEADLINE = 5


@dataclasses.dataclass(frozen=True)
class Switches:
    """The simulated switches of one cluster file."""

    inventory: Path
    addresses: Mapping[str, str]  # switch name -> address
    platforms: Mapping[str, str]
    spec: str  # of another spec, they are made anew


def switches_of(cluster: Any, inventory: Path) -> Switches:
    """The switches of the cluster file that have a loopback address: any other one leads to a real switch.

    Their hardware and cables make the spec, and what they are configured to be does not.
    """
    found = [switch for switch in cluster.switches if ipaddress.IPv4Address(switch.address).is_loopback]
    cables = [(cable.node, cable.interface, cable.switch, cable.port, cable.lag) for cable in cluster.cabling]
    spec = repr(([(switch.name, switch.platform, switch.address) for switch in found], cables))
    return Switches(
        inventory.resolve(),
        {switch.name: switch.address for switch in found},
        {switch.name: switch.platform for switch in found},
        hashlib.sha256(spec.encode()).hexdigest()[:12],
    )


def ensure(wanted: Switches, folder: Path) -> bool:
    """Keep the switches that run, or make them anew; return whether anything was changed."""
    if not wanted.addresses:
        return stop(folder)
    there = running(folder)
    good = there and _spec(folder) == wanted.spec and _told(folder) and _answer(wanted)
    if there and not good:
        say("simulated switches: not as they should be, making them anew, with nothing configured")
    if not good:
        stop(folder)
        _start(wanted, folder)
        where = (f"{name} ({wanted.platforms[name]}) at {address}:{PORT}" for name, address in wanted.addresses.items())
        say(f"simulated switches: {', '.join(where)}")
    (folder / "known_hosts").write_text("".join(f"[{entry['host']}]:{PORT} {entry['host_key']}\n" for entry in _told(folder).values()))
    return not good


def running(folder: Path) -> int | None:
    """The pid of the process, if there is one and it is ours."""
    try:
        pid = int((folder / "pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(folder / "told.json").encode() in words else None


def stop(folder: Path) -> bool:
    """End the process; return whether there was one."""
    found = running(folder)
    if found:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            os.kill(found, sign)
            end = time.monotonic() + STOP_DEADLINE
            while running(folder) and time.monotonic() < end:
                time.sleep(0.05)
            if not running(folder):
                break
    for name in ("pid", "spec", "told.json"):
        (folder / name).unlink(missing_ok=True)
    return bool(found)


def _start(wanted: Switches, folder: Path) -> None:
    if not importlib.util.find_spec("asyncssh"):
        raise LabError("simulated switches need the Python package asyncssh; run `make setup-lab`")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password, log, told = folder / "password", folder / "log", folder / "told.json"
    if not (password.exists() and password.read_text().strip()):
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(16) + "\n")
    (folder / "spec").write_text(wanted.spec)
    command = [sys.executable, "-m", EMULATOR, "-i", str(wanted.inventory), "--port", str(PORT), "--ports", str(MOST_PORTS),
               "--user", USER, "--password-file", str(password), "--write", str(told)]  # fmt: skip
    # Started by Ansible, this process has settings of that run that are not meant for another one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    environment["ANSIBLE_CONFIG"] = str(CHECKOUT / "ansible.cfg")
    with log.open("w") as output:
        # The shell writes the pid before anything else happens: a process that nobody knows of could not be stopped.
        child = subprocess.Popen(
            ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(folder / "pid"), *command],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    end = time.monotonic() + START_DEADLINE
    while not told.exists():
        if child.poll() is not None:
            raise LabError(f"simulated switches: the process ended: {last_line(log.read_text())}; all that it said is in {log}")
        if time.monotonic() > end:
            raise LabError(f"simulated switches: they do not serve after {START_DEADLINE} s; what the process said is in {log}")
        time.sleep(0.05)


def _told(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        told: dict[str, dict[str, Any]] = json.loads((folder / "told.json").read_text())
    except (OSError, ValueError):
        return {}
    return told


def _spec(folder: Path) -> str:
    try:
        return (folder / "spec").read_text()
    except OSError:
        return ""


def _answer(wanted: Switches) -> bool:
    """Whether each switch greets."""
    try:
        for name, address in wanted.addresses.items():
            wait_for_ssh(f"switch {name}", address, time.monotonic() + STILL_GOOD_DEADLINE, PORT)
    except LabError:
        return False
    return True
