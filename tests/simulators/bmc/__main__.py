"""Serves the BMCs of a cluster file until SIGTERM or SIGINT.

    PYTHONPATH=tests/simulators .venv/bin/python -m bmc -i inventories/knl300/cluster.yml --network 127.3.0.0/16
    PYTHONPATH=tests/simulators .venv/bin/python -m bmc --count 300 --network 127.3.0.0/16

A cluster file is read by ansible-inventory: every host that has a bmc_address gets a BMC there.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from .fleet import Fleet

SETTLE = 5.0        # seconds after an action in which what --running says of a machine does not count


class Hooks:
    """Runs `COMMAND NAME ACTION` for each power action, of one machine one after the other, and asks which machines really run."""

    def __init__(self, command: str, running: str) -> None:
        self.command = shlex.split(command)
        self.running = shlex.split(running)
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.busy: dict[str, float] = {}        # name -> when its last action ended; infinity while one runs

    def __call__(self, name: str, action: str) -> None:
        if self.command:
            task = asyncio.get_running_loop().create_task(self._call(name, action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _call(self, name: str, action: str) -> None:
        async with self._locks.setdefault(name, asyncio.Lock()):
            self.busy[name] = float("inf")
            process = await asyncio.create_subprocess_exec(*self.command, name, action, stdin=asyncio.subprocess.DEVNULL)
            if await process.wait():
                print(f"bmc: {shlex.join([*self.command, name, action])} ended with {process.returncode}", file=sys.stderr, flush=True)
            self.busy[name] = asyncio.get_running_loop().time()

    async def follow(self, fleet: Fleet, seconds: float) -> None:
        """A machine that goes off or comes up by itself is seen, too."""
        while True:
            await asyncio.sleep(seconds)
            process = await asyncio.create_subprocess_exec(*self.running, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL)
            out, _err = await process.communicate()
            if process.returncode:
                continue
            on, now = set(out.decode().split()), asyncio.get_running_loop().time()
            for name, machine in fleet.machines.items():
                if now - self.busy.get(name, 0) > SETTLE and machine.power != (name in on):
                    machine.power = machine.up = name in on


def members(inventory: Path) -> list[tuple[str, str, str]]:
    """(name, address, protocol) of each host with a BMC."""
    program = shutil.which("ansible-inventory", path=str(Path(sys.executable).parent)) or "ansible-inventory"
    listed = subprocess.run([program, "-i", str(inventory), "--list"], capture_output=True, text=True, check=False)
    if listed.returncode:
        raise SystemExit(f"bmc: {listed.stderr.strip()}")
    hosts = json.loads(listed.stdout)["_meta"]["hostvars"]
    return [(name, keys["bmc_address"], keys.get("bmc_protocol", "ipmi")) for name, keys in hosts.items() if "bmc_address" in keys]


def moved(address: str, network: str) -> str:
    """The same host number in another network."""
    if not network:
        return address
    there = ipaddress.IPv4Network(network)
    return str(there.network_address + (int(ipaddress.IPv4Address(address)) & int(there.hostmask)))


def main() -> int:
    """Until a signal comes."""
    parser = argparse.ArgumentParser(prog="bmc", description=(__doc__ or "").partition("\n")[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("-i", "--inventory", type=Path, metavar="FILE", help="a cluster file, or another inventory with bmc_address")
    source.add_argument("--count", type=int, metavar="N", help="node001 to nodeN, from 10.11.1.1 on")
    parser.add_argument("--network", default="", help="put them into this network, with their own host numbers: 127.3.0.0/16")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password-file", type=Path, help="its first line is the password (simulated)")
    parser.add_argument("--port", type=int, default=623, help="UDP port of IPMI (623)")
    parser.add_argument("--https", type=int, default=443, help="port of Redfish, for those whose bmc_protocol is that (443)")
    parser.add_argument("--on", action="store_true", help="the machines run at the beginning")
    parser.add_argument("--boot-seconds", type=float, default=5.0, help="how long a machine boots (5)")
    parser.add_argument("--hook", default="", metavar="COMMAND", help="called with NAME and on, off or reset, for what really happens")
    parser.add_argument("--running", default="", metavar="COMMAND", help="prints the names of machines that run, asked each --every")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS")
    arguments = parser.parse_args()
    if arguments.inventory:
        found = members(arguments.inventory)
    else:
        first = int(ipaddress.IPv4Address("10.11.1.1"))
        found = [(f"node{number + 1:03}", str(ipaddress.IPv4Address(first + number)), "ipmi") for number in range(arguments.count)]
    if not found:
        raise SystemExit("bmc: no host has a bmc_address")
    password = arguments.password_file.read_text().splitlines()[0] if arguments.password_file else "simulated"
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: over.set())
    hooks = Hooks(arguments.hook, arguments.running)
    with Fleet(arguments.user, password, arguments.port, hooks) as fleet:
        for protocol, https in (("ipmi", 0), ("redfish", arguments.https)):
            group = [(name, moved(address, arguments.network)) for name, address, kind in found if kind == protocol]
            try:
                fleet.add_all(group, arguments.on, https=https, boot_seconds=arguments.boot_seconds)
            except OSError as error:
                raise SystemExit(f"bmc: {error}") from None
        if hooks.running:
            fleet.start(hooks.follow(fleet, arguments.every))
        print(f"bmc: {len(found)} BMCs, {found[0][0]} at {fleet[found[0][0]].address}", flush=True)
        over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
