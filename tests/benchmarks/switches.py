#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VLAN on 100 ports of a switch costs, and forty switches at once, beside other ways. README.md here says how it measures.

    .venv/bin/python tests/benchmarks/switches.py             # three rounds, with the goals: half an hour
    .venv/bin/python tests/benchmarks/switches.py --quick     # six ports, six switches, one round

The switches are simulated. Exit status 1 when the sides do not leave equal switches, or ours needs more than one session and one save each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))

from tests.simulators.switch import Fabric
from tests.simulators.switch.fabric import Switch
from tests.simulators.switch.model import Config

WORK = CHECKOUT / ".build/benchmarks/switches"
FETCHED = CHECKOUT / ".build/benchmarks/vendor"
VENDOR = tuple(f"ansible_collections/{name}/" for name in ("ansible/netcommon", "ansible/utils", "arista/eos", "cisco/nxos"))
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
VLAN, NAME = 301, "bio"
GOAL_LOOP, GOAL_VENDOR, GOAL_MANY = 40, 1, 3


class Side(NamedTuple):
    """One way to the same state."""

    name: str
    what: str


ONE = Side("one call", "one call of switch_vlans")
LOOP = Side("loop", "switch_vlans in a loop, a port each time")
SESSIONS = Side("session a port", "netmiko, for each port: log in, configure, save, log out; as networking-generic-switch does")
EOS = Side("arista.eos", "eos_vlans, eos_l2_interfaces, and eos_config to save, by network_cli")
NXOS = Side("cisco.nxos", "nxos_vlans, nxos_l2_interfaces, and nxos_config to save; beside one call, on a switch with NX-OS")


class Cost(NamedTuple):
    """Seconds by the clock, and CPU (user and system) of the process with what it started and waited for."""

    wall: float
    cpu: float


class Count(NamedTuple):
    """What a switch was asked for."""

    sessions: int
    commands: int
    saves: int


class Failed(Exception):
    """Why there is nothing to measure, in one line."""


# --- running

def run(command: list[Any], **environment: str) -> Cost:
    """Run to the end. Raises Failed."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    ours.update({"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "true", **environment})
    with (WORK / "log").open("w") as log:
        begun = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), env=ours, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{' '.join(map(str, command))} ended with status {process.returncode}; see {WORK / 'log'}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def play(tasks: list[dict[str, Any]], inventory: dict[str, Any], *, local: bool, **environment: str) -> Cost:
    """Run these tasks; JSON is YAML."""
    plays = [{"hosts": "all", "gather_facts": False, **({"connection": "local"} if local else {}), "tasks": tasks}]
    (WORK / "play.yml").write_text(json.dumps(plays))
    (WORK / "hosts.yml").write_text(json.dumps({"all": {"hosts": inventory}}))
    return run([PLAYBOOK, "-i", WORK / "hosts.yml", WORK / "play.yml"], **environment)


def known_host(fabric: Fabric, switch: Switch) -> str:
    """A line for known_hosts."""
    return f"[{switch.host}]:{switch.port} {fabric.host_key}\n"


# --- a VLAN on many ports

def ours(switch: Switch, ports: list[str], *, loop: bool) -> Cost:
    """By switch_vlans."""
    wishes = [{"name": name, "mode": "access", "untagged": VLAN} for name in ports]
    intent = {"name": switch.name, "platform": switch.platform, "vlans": [{"id": VLAN, "name": NAME}], "owned": [[VLAN, VLAN]],
              "ports": ["{{ item }}"] if loop else wishes}
    task: dict[str, Any] = {"clusterwright.hpc.switch_vlans": {
        "intent": intent, "host": switch.host, "port": switch.port, "user": switch.user, "password": switch.password,
        "known_hosts": str(WORK / "known_hosts"), "max_changed_ports": len(ports)}}
    if loop:
        task |= {"loop": wishes, "loop_control": {"label": "{{ item.name }}"}}
    return play([task], {switch.name: {"ansible_python_interpreter": sys.executable}}, local=True)


def vendor(switch: Switch, ports: list[str]) -> Cost:
    """By the vendor's modules, whose names and options are alike."""
    collection, short = {"eos": (EOS.name, "eos"), "nxos": (NXOS.name, "nxos")}[switch.platform]
    interfaces = [{"name": name, "mode": "access", "access": {"vlan": VLAN}} for name in ports]
    tasks: list[dict[str, Any]] = [
        {f"{collection}.{short}_vlans": {"config": [{"vlan_id": VLAN, "name": NAME}], "state": "merged"}},
        {f"{collection}.{short}_l2_interfaces": {"config": interfaces, "state": "merged"}},
        {f"{collection}.{short}_config": {"save_when": "modified"}}]
    host = {"ansible_host": switch.host, "ansible_port": switch.port, "ansible_user": switch.user, "ansible_password": switch.password,
            "ansible_connection": "ansible.netcommon.network_cli", "ansible_network_os": f"{collection}.{short}",
            "ansible_python_interpreter": sys.executable}
    return play(tasks, {switch.name: host}, local=False, ANSIBLE_COLLECTIONS_PATH=str(FETCHED), ANSIBLE_HOST_KEY_CHECKING="false")


def session_a_port(switch: Switch, ports: list[str]) -> Cost:
    """By this file, in a process of its own."""
    (WORK / "ports.json").write_text(json.dumps({"switch": switch.netmiko(), "ports": ports}))
    return run([sys.executable, __file__, "--sessions", WORK / "ports.json"])


def sessions(path: Path) -> None:
    """The process of `session_a_port`: a network is made, then each port is plugged into it."""
    from netmiko import ConnectHandler  # noqa: PLC0415 - its import is this side's start-up

    work = json.loads(path.read_text())
    plugged = [[f"interface {port}", "switchport mode access", f"switchport access vlan {VLAN}"] for port in work["ports"]]
    for commands in [[f"vlan {VLAN}", f"name {NAME}"], *plugged] if plugged else []:
        with ConnectHandler(**work["switch"]) as connection:
            connection.enable()
            connection.send_config_set(config_commands=commands)
            connection.save_config()


def start_up(side: Side) -> Cost:
    """What a side costs before it does anything."""
    if side is SESSIONS:
        (WORK / "ports.json").write_text(json.dumps({"switch": {}, "ports": []}))
        return run([sys.executable, __file__, "--sessions", WORK / "ports.json"])
    return play([], {"leaf": {}}, local=True)


def fetch_vendor(*, new: bool) -> str:
    """The vendors' collections, out of PyPI's ansible package; why not, if they cannot be had. `new`: whether to fetch them."""
    if all((FETCHED / name).is_dir() for name in VENDOR):
        return ""
    if not new:
        return "not fetched in the quick form"
    release = int(version("ansible-core").split(".")[1]) - 7       # ansible 12 has core 2.19, 13 has 2.20
    FETCHED.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", FETCHED, f"ansible=={release}.*"],
                          capture_output=True, text=True, check=False)
    wheels = list(FETCHED.glob("ansible-*.whl"))
    if done.returncode or not wheels:
        return f"ansible {release} cannot be fetched from PyPI"
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(FETCHED, [name for name in wheel.namelist() if name.startswith(VENDOR)])
    wheels[0].unlink()
    return ""


class Ports:
    """The sides that put a VLAN on ports, each on a new switch each time."""

    def __init__(self, fabric: Fabric, platform: str, count: int, delay: float, sides: Iterable[Side]) -> None:
        self.fabric, self.platform, self.count, self.delay = fabric, platform, count, delay
        every: dict[Side, Callable[[Switch, list[str]], Cost]] = {
            ONE: lambda switch, ports: ours(switch, ports, loop=False), LOOP: lambda switch, ports: ours(switch, ports, loop=True),
            SESSIONS: session_a_port, EOS: vendor, NXOS: vendor}
        self.sides = {side: every[side] for side in sides}
        self.counts: dict[Side, Count] = {}
        self.states: dict[Side, Any] = {}
        self.rounds: list[dict[Side, Cost]] = []

    def measure(self, side: Side) -> Cost:
        """One run; its counts and its switch's state are kept."""
        switch = self.fabric.switch(f"leaf{len(self.fabric.switches) + 1}", self.platform, ports=self.count)
        switch.faults.delay(self.delay)
        (WORK / "known_hosts").write_text(known_host(self.fabric, switch))
        cost = self.sides[side](switch, switch.dialect.port_names(self.count))
        self.counts[side] = Count(switch.sessions, len(switch.commands), switch.saves)
        self.states[side] = (switch.running, switch.startup)
        return cost

    def round(self, number: int) -> None:
        """Each side once, without its start-up."""
        sides = list(self.sides)
        start = {side: start_up(side) for side in (ONE, SESSIONS) if side in sides}
        costs = {}
        for side in sides[number % len(sides):] + sides[:number % len(sides)]:     # nobody always comes first
            cost, before = self.measure(side), start[SESSIONS if side is SESSIONS else ONE]
            costs[side] = Cost(cost.wall - before.wall, cost.cpu - before.cpu)
            print(f"  round {number + 1}: {side.name} on {self.platform}", flush=True)
        self.rounds.append(costs)

    def wrong(self) -> list[str]:
        """Where the switches differ, and where ours asked for more than it should."""
        running, startup = self.states[ONE]
        found = [f"{side.name} leaves another switch than {ONE.name} ({self.platform}: {what})" for side, state in self.states.items()
                 for what, mine, theirs in (("running", running, state[0]), ("startup", startup, state[1])) if mine != theirs]
        carried = {running.carries(port) for port in running.ports.values()}
        found += [f"{ONE.name} leaves ports that carry {carried}"] if carried != {(VLAN, frozenset())} else []
        one = self.counts[ONE]
        if (one.sessions, one.saves) != (1, 1):
            found.append(f"{ONE.name} on {self.platform}: {one.sessions} sessions and {one.saves} saves, not one of each")
        return found

    def ratio(self, side: Side, what: str) -> tuple[float, float, float]:
        """A side's cost to one call: of the medians, least and most of a round."""
        both = [(getattr(costs[side], what), getattr(costs[ONE], what)) for costs in self.rounds]
        each = [theirs / mine for theirs, mine in both]
        return statistics.median(theirs for theirs, _ in both) / statistics.median(mine for _, mine in both), min(each), max(each)


# --- many switches

class Many:
    """playbooks/network.yml on one switch, and on all of a file."""

    def __init__(self, fabric: Fabric, count: int, delay: float) -> None:
        self.fabric, self.count, self.delay = fabric, count, delay
        self.ratios: list[tuple[float, float]] = []
        self.wrong: list[str] = []

    def measure(self, *, one: bool) -> Cost:
        """One run on new switches; ours is one session and one save on each that it concerns, and none on the others."""
        leaves = [self.fabric.switch(f"leaf{len(self.fabric.switches) + 1}", "eos", ports=8) for _ in range(self.count)]
        place = WORK / "site"
        shutil.rmtree(place, ignore_errors=True)
        (place / "host_vars").mkdir(parents=True)
        (place / "group_vars").mkdir()
        for leaf in leaves:
            leaf.faults.delay(self.delay)
            leaf.change(uplink)
            (place / "host_vars" / f"{leaf.name}.yml").write_text(f"ansible_port: {leaf.port}\n")
        (place / "known_hosts").write_text("".join(known_host(self.fabric, leaf) for leaf in leaves))
        (place / "group_vars/switches.yml").write_text(
            f"ansible_user: {leaves[0].user}\nansible_password: {leaves[0].password}\nethernet_fabric_known_hosts: {place}/known_hosts\n")
        (place / "cluster.yml").write_text(cluster(leaves))
        cost = run([PLAYBOOK, "-i", place / "cluster.yml", "playbooks/network.yml", *(["--limit", leaves[0].name] if one else [])])
        for number, leaf in enumerate(leaves):
            wanted = 0 if one and number else 1
            if (leaf.sessions, leaf.saves) != (wanted, wanted):
                self.wrong.append(f"{leaf.name} of {len(leaves)}: {leaf.sessions} sessions and {leaf.saves} saves, not {wanted}")
            if wanted and any(leaf.running.carries(leaf.running.ports[f"Ethernet{port}"]) != (10, {VLAN}) for port in range(1, 5)):
                self.wrong.append(f"{leaf.name} of {len(leaves)} is not as the cluster file says")
        return cost

    def round(self, number: int) -> None:
        """One, and all."""
        found = {one: self.measure(one=one) for one in ((True, False) if number % 2 else (False, True))}
        self.ratios.append((found[False].wall / found[True].wall, found[False].cpu / found[True].cpu))
        print(f"  round {number + 1}: {self.count} switches at once", flush=True)


def uplink(config: Config) -> None:
    """Its last port is a trunk already."""
    config.ports["Ethernet8"].mode, config.ports["Ethernet8"].allowed = "trunk", frozenset({1})


def cluster(leaves: list[Switch]) -> str:
    """A cluster file of these switches with four nodes on each, all of a tenant's."""
    switches = "".join(f"  {leaf.name}: {{platform: eos, address: {leaf.host}, uplinks: [Ethernet8]}}\n" for leaf in leaves)
    cabling = "".join(f"  - {{nodes: 'cn[{4 * at + 1}-{4 * at + 4}]', interface: eth0, switch: {leaf.name}, ports: 'Ethernet[1-4]'}}\n"
                      for at, leaf in enumerate(leaves))
    nodes = f"cn[1-{4 * len(leaves)}]"
    return ("plugin: clusterwright.hpc.cluster\nname: many\nnetworks:\n  admin: {vlan: 10, subnet: 10.0.0.0/16}\n"
            f"nodes:\n  {nodes}:\n    interfaces: {{eth0: {{network: admin, address: 10.0.1.1}}}}\n"
            f"switches:\n{switches}cabling:\n{cabling}tenants:\n  {NAME}: {{nodes: '{nodes}', vlan: {VLAN}}}\n")


# --- tables and goals

def print_tables(tables: list[Ports], many: Many) -> dict[str, Any]:
    """Counts and ratios; returns them."""
    found: dict[str, Any] = {}
    for ports in tables:
        print(f"\n  VLAN {VLAN} on {ports.count} ports of one switch with {ports.platform}; to one call, start-up off, of medians of "
              f"{len(ports.rounds)} rounds")
        print(f"  {'':16}{'sessions':>9}{'commands':>9}{'saves':>6}{'wall':>26}{'CPU':>26}")
        for side, count in ports.counts.items():
            line = f"  {side.name:16}{count.sessions:9}{count.commands:9}{count.saves:6}"
            for what in ("wall", "cpu"):
                middle, least, most = ports.ratio(side, what)
                line += f"{middle:.1f} ({least:.1f} to {most:.1f})".rjust(26)
                found[f"{side.name}: {what}"] = middle
            print(line)
    wall, cpu = (statistics.median(each) for each in zip(*many.ratios))
    print(f"\n  network.yml, {many.count} switches to one, start-up included: wall {wall:.1f}, CPU {cpu:.1f} ({os.cpu_count()} processors)")
    counts = {ports.platform: {side.name: count._asdict() for side, count in ports.counts.items()} for ports in tables}
    return {**found, "many: wall": wall, "many: cpu": cpu, "counts": counts}


def goals(found: dict[str, Any], count: int, many: Many) -> list[tuple[bool, str]]:
    """Each goal, and whether it is met."""
    said = [(True, "one session and one save a switch")]    # or we would not be here
    loop = found[f"{LOOP.name}: wall"]
    said.append((loop >= GOAL_LOOP, f"the loop takes {loop:.0f} x as long (goal {GOAL_LOOP}, with 100 ports; here {count})"))
    for side in (EOS, NXOS):
        if f"{side.name}: wall" in found:
            times = found[f"{side.name}: wall"]
            said.append((times >= GOAL_VENDOR, f"{side.name} takes {times:.1f} x as long (goal {GOAL_VENDOR})"))
    wall = found["many: wall"]
    return [*said, (wall <= GOAL_MANY, f"{many.count} switches take {wall:.1f} x as long as one (goal {GOAL_MANY}, with 40)")]


def benchmark(arguments: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """Compares, counts and measures; returns what is wrong and what was found."""
    why = fetch_vendor(new=not arguments.quick)
    if why:
        print(f"{EOS.name} and {NXOS.name} are left out: {why}")
    with Fabric() as fabric:
        count = arguments.ports or (6 if arguments.quick else 100)
        tables = [Ports(fabric, "eos", count, arguments.delay, [ONE, LOOP, SESSIONS, *([] if why else [EOS])]),
                  *([] if why else [Ports(fabric, "nxos", count, arguments.delay, [ONE, NXOS])])]
        many = Many(fabric, arguments.switches or (6 if arguments.quick else 40), arguments.delay)
        print("\n".join(f"{side.name:16} {side.what}" for side in dict.fromkeys(side for ports in tables for side in ports.sides)),
              flush=True)
        for number in range(arguments.rounds or (1 if arguments.quick else 3)):
            for ports in tables:
                ports.round(number)
            many.round(number)
            wrong = [line for ports in tables for line in ports.wrong()] + many.wrong
            if wrong:
                return wrong, {}
        print("Equal: all sides leave the same switch, running and saved.")
        found = print_tables(tables, many)
        print("\nGoals")
        for met, text in goals(found, count, many):
            print(f"  {'met    ' if met else 'NOT MET'} {text}")
    return [], found


def main() -> int:
    """Prints the tables; see the head of this file for the status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ports", type=int, help="ports of the one switch (100; 6 with --quick)")
    parser.add_argument("--switches", type=int, help="switches at once (40; 6 with --quick)")
    parser.add_argument("--rounds", type=int, help="rounds (3; 1 with --quick)")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that a switch takes for each answer (0)")
    parser.add_argument("--quick", action="store_true", help="one round, few of everything")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write counts and ratios to this file")
    parser.add_argument("--sessions", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sessions:
        sessions(arguments.sessions)
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        wrong, found = benchmark(arguments)
    except Failed as error:
        wrong, found = [str(error)], {}
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    for line in wrong:
        print(f"switches: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
