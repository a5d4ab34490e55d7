"""The BMCs of a lab: one process in the background simulates those of the cluster file, and really starts and stops the containers.

They answer at their addresses in the cluster file, which the lab's bridge gets beside its own, so that the nodes reach them, too. Below the
lab's directory, in `bmcs/`: password, and of the process pid, log and spec.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import ipaddress
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import background
from .common import LABEL, LabError, podman, run, say
from .nodes import Lab, in_parallel, networks

USER = "admin"
MARK = "password"
READY = "bmc: "  # how the line begins that the process prints when it serves
LOOK_EVERY = 5  # seconds between two looks at which containers run

SWITCH = (
    'case "$2" in on) exec podman start "$0-$1";; off) exec podman stop -t 0 "$0-$1";; reset) exec podman restart -t 0 "$0-$1";; esac'
)
RUNNING = f'podman ps --filter "label={LABEL}=$0" --format "{{{{.Names}}}}" | sed "s/^$0-//"'
# slurmd takes this machine's uptime for the node's, and slurmctld waits for a node that it has started until that has booted since. With -b
# it says that it has just booted: at its first start only, for a restart that looks like a boot makes slurmctld set the node down.
SLURMD = {"trixie": "/usr/sbin/slurmd --systemd", "bookworm": "/usr/sbin/slurmd -D -s"}
BOOT = """[Service]
ExecStartPre=/bin/sh -c 'if [ -e /run/lab-booted ]; then : > /run/lab-booted; else echo LAB_BOOTED=-b > /run/lab-booted; fi'
EnvironmentFile=-/run/lab-booted
ExecStart=
ExecStart={slurmd} $SLURMD_OPTIONS $LAB_BOOTED
"""


@dataclasses.dataclass(frozen=True)
class Bmcs:
    """The simulated BMCs of one cluster file."""

    inventory: Path
    addresses: Mapping[str, str]  # node name -> address of its BMC
    spec: str  # of another spec, they are made anew


def bmcs_of(cluster: Any, inventory: Path) -> Bmcs:
    """The BMCs of the cluster file's nodes."""
    found = {}
    for group in cluster.groups:
        interface = group.interfaces.get("bmc")
        for position, name in enumerate(group.names if interface else ()):
            found[name] = str(ipaddress.IPv4Address(interface.address(position)))
    protocols = [(group.nodeset, group.hardware.bmc_protocol if group.hardware else None) for group in cluster.groups]
    return Bmcs(inventory.resolve(), found, hashlib.sha256(repr((found, protocols)).encode()).hexdigest()[:12])


def ensure(wanted: Bmcs, lab: Lab, folder: Path) -> bool:
    """Keep the BMCs that run, or make them anew; return whether anything was changed."""
    if not wanted.addresses:
        return stop(folder)
    bridge = networks(lab.name)[0]["network_interface"]
    there = run("ip", "-o", "-4", "address", "show", "dev", bridge).stdout.split()
    for address in wanted.addresses.values():
        if f"{address}/32" not in there:
            done = run("ip", "address", "add", f"{address}/32", "dev", bridge)
            if done.returncode:
                raise LabError(f"simulated BMCs: {bridge} does not take the address {address}: {done.stderr.strip()}")
    # A bridge takes over the address of one of its ports, another one when that goes, and nodes would look for the BMCs in vain meanwhile.
    run("ip", "link", "set", "dev", bridge, "address", (Path("/sys/class/net") / bridge / "address").read_text().strip())
    in_parallel(lambda node: _boots(lab, node), wanted.addresses)
    if running(folder) and background.spec_of(folder) == wanted.spec:
        return False
    stop(folder)
    _start(wanted, lab, folder)
    say(f"simulated BMCs: {len(wanted.addresses)}, {next(iter(wanted.addresses))}'s at {next(iter(wanted.addresses.values()))}")
    return True


def running(folder: Path) -> int | None:
    """The pid of the process, if there is one and it is ours."""
    return background.running(folder, MARK)


def stop(folder: Path) -> bool:
    """End the process; return whether there was one. The addresses go with the bridge."""
    return background.stop(folder, MARK)


def _boots(lab: Lab, node: str) -> None:
    """Let slurmd tell a boot of the container from a restart of its own."""
    folder = "/etc/systemd/system/slurmd.service.d"
    text = BOOT.format(slurmd=SLURMD[lab.releases[node]])
    script = (
        f"mkdir -p {folder} && cd {folder} && cat > new &&"
        " if cmp -s new lab.conf; then rm new; else mv new lab.conf && systemctl daemon-reload; fi"
    )
    podman("exec", "-i", lab.container(node), "sh", "-c", script, stdin=text, timeout=60)


def _start(wanted: Bmcs, lab: Lab, folder: Path) -> None:
    if not importlib.util.find_spec("cryptography"):
        raise LabError("simulated BMCs need the Python package cryptography; run `make setup-lab`")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = folder / MARK
    if not (password.exists() and password.read_text().strip()):
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(12) + "\n")
    (folder / "spec").write_text(wanted.spec)
    command = [sys.executable, "-m", "bmc", "-i", str(wanted.inventory), "--user", USER, "--password-file", str(password), "--on",
               "--hook", shlex.join(["sh", "-c", SWITCH, lab.name]), "--running", shlex.join(["sh", "-c", RUNNING, lab.name]),
               "--every", str(LOOK_EVERY)]  # fmt: skip
    log = folder / "log"
    background.start(folder, "simulated BMCs", command, lambda: log.exists() and READY in log.read_text(),
                     {"PYTHONPATH": str(background.CHECKOUT / "tests/simulators")})  # fmt: skip
