"""The switches of a lab: one process in the background simulates those of the cluster file, on loopback addresses of this machine.

Below the lab's directory, in `switches/`: password, known_hosts, and of the process pid, log, spec and (once it serves) told.json.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import ipaddress
import json
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import background
from .common import LabError, say
from .nodes import wait_for_ssh

EMULATOR = "tests.simulators.switch"
PORT = 2222
MARK = "told.json"
USER = "admin"
MOST_PORTS = 8  # more than the cluster file names, as a real switch has
STILL_GOOD_DEADLINE = 5


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
    good = there and background.spec_of(folder) == wanted.spec and _told(folder) and _answer(wanted)
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
    return background.running(folder, MARK)


def stop(folder: Path) -> bool:
    """End the process; return whether there was one."""
    stopped = background.stop(folder, MARK)
    (folder / MARK).unlink(missing_ok=True)
    return stopped


def _start(wanted: Switches, folder: Path) -> None:
    if not importlib.util.find_spec("asyncssh"):
        raise LabError("simulated switches need the Python package asyncssh; run `make setup-lab`")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password, told = folder / "password", folder / MARK
    if not (password.exists() and password.read_text().strip()):
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(16) + "\n")
    (folder / "spec").write_text(wanted.spec)
    command = [sys.executable, "-m", EMULATOR, "-i", str(wanted.inventory), "--port", str(PORT), "--ports", str(MOST_PORTS),
               "--user", USER, "--password-file", str(password), "--write", str(told)]  # fmt: skip
    background.start(folder, "simulated switches", command, told.exists)


def _told(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        told: dict[str, dict[str, Any]] = json.loads((folder / MARK).read_text())
    except (OSError, ValueError):
        return {}
    return told


def _answer(wanted: Switches) -> bool:
    """Whether each switch greets."""
    try:
        for name, address in wanted.addresses.items():
            wait_for_ssh(f"switch {name}", address, time.monotonic() + STILL_GOOD_DEADLINE, PORT)
    except LabError:
        return False
    return True
