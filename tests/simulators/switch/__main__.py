"""Serves all switches of a cluster file, for playbooks and Molecule. Nothing here is a real switch.

    python -m tests.simulators.switch --inventory inventories/tenants/cluster.yml --port 2222 --write .build/switches.json

Each switch listens on an address of its own in 127.0.0.0/8: the cluster file's if it is one of these. Its ports are those of its intent,
and more up to `--ports`; LLDP hears on each port what the port's description says. When all listen, the file is there:
{"leaf1": {"host", "port", "host_key", "user", "password", "platform"}}. SIGTERM ends it in order and takes the file away; it ends too when
somebody else takes the file away.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from .dialects import DIALECTS
from .fabric import Fabric, Switch
from .model import Neighbour

LAG = re.compile(r"(?i)(m?lag|mpo|po|port-?channel|bridge-aggregation|bond)\D*\d")


def main() -> int:
    options = arguments()
    hosts = inventory(options.inventory)
    if not hosts:
        print(f"{options.inventory} has no switches", file=sys.stderr)
        return 1
    stop = [signal.SIGTERM, signal.SIGINT]
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with Fabric(minute=options.minute) as fabric:
        told: dict[str, Any] = {}
        for at, (name, variables) in enumerate(hosts.items()):
            own = IPv4Address(variables["ansible_host"])
            address = str(own if own.is_loopback else IPv4Address(options.first_address) + at)
            switch = serve(fabric, name, variables, options, address)
            told[name] = {"host": switch.host, "port": switch.port, "host_key": fabric.host_key, "user": switch.user,
                          "password": switch.password, "platform": switch.platform}
            print(f"{name}: simulated {switch.platform} at {switch.host}:{switch.port}", flush=True)
        if options.write:
            new = options.write.with_suffix(".new")
            new.write_text(json.dumps(told, indent=2) + "\n")
            new.replace(options.write)
        try:
            while signal.sigtimedwait(stop, 1) is None and (not options.write or options.write.exists()):
                pass
        finally:
            if options.write:
                options.write.unlink(missing_ok=True)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.switch", description="Serve simulated switches for a cluster file.")
    parser.add_argument("--inventory", "-i", required=True, help="the cluster file")
    parser.add_argument("--port", type=int, default=2222, help="TCP port of every switch (0: any)")
    parser.add_argument("--first-address", default="127.101.0.1", help="of the first switch, where the file has others; they count up")
    parser.add_argument("--write", type=Path, help="file for addresses and passwords")
    parser.add_argument("--ports", type=int, default=0, help="at least so many ports on each switch")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password-file", type=Path, help="file with the user's password (default: simulated)")
    parser.add_argument("--minute", type=float, default=60.0, help="seconds that a minute of the switches' timers lasts")
    return parser.parse_args()


def inventory(path: str) -> dict[str, dict[str, Any]]:
    """The switches' host variables, as Ansible has them."""
    program = Path(sys.executable).with_name("ansible-inventory")
    listed = subprocess.run([program, "-i", path, "--list"], capture_output=True, text=True, check=False, env=os.environ)
    if listed.returncode:
        raise SystemExit(f"ansible-inventory -i {path}: {listed.stderr.strip()}")
    groups = json.loads(listed.stdout)
    return {name: groups["_meta"]["hostvars"][name] for name in members(groups, "switches")}


def members(groups: dict[str, Any], group: str) -> Iterator[str]:
    """The hosts of a group and of the groups in it."""
    entry = groups.get(group, {})
    yield from entry.get("hosts", ())
    for child in entry.get("children", ()):
        yield from members(groups, child)


def serve(fabric: Fabric, name: str, variables: dict[str, Any], options: argparse.Namespace, address: str) -> Switch:
    """One switch, with the ports that its intent names."""
    platform = variables["switch_platform"]
    if platform not in DIALECTS:
        raise SystemExit(f"{name}: no switch of platform {platform} is simulated; there are {', '.join(sorted(DIALECTS))}")
    dialect = DIALECTS[platform]
    intent = variables.get("switch_intent", {}).get("ports", [])
    ports = {dialect.port_name(port["name"]): port.get("description") or "" for port in intent}
    lags = {port: () for port in ports if LAG.match(port)}
    names = dict.fromkeys([*(port for port in ports if port not in lags), *dialect.port_names(options.ports)])
    password = options.password_file.read_text().strip() if options.password_file else "simulated"
    login = {"user": options.user, "password": password}
    switch = fabric.switch(name, platform, list(names), lags, address=address, port=options.port, **login)
    for port, description in ports.items():
        system, _blank, remote = description.partition(" ")
        if remote and port not in lags:
            switch.neighbours.append(Neighbour(port, system, remote, bridge=system in fabric.switches))
    return switch


if __name__ == "__main__":
    sys.exit(main())
