#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster inventory costs, beside other ways to write the same inventory. README.md beside this file says how it measures.

    .venv/bin/python tests/benchmarks/inventory.py            # all sizes and the goals: about a quarter of an hour
    .venv/bin/python tests/benchmarks/inventory.py --quick    # 100 and 1,000 nodes, two rounds
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import yaml

COLLECTIONS = Path(__file__).resolve().parents[2] / ".build" / "collections"
ANSIBLE_INVENTORY = Path(sys.executable).with_name("ansible-inventory")
SIZES = (100, 1_000, 10_000, 50_000)
SLOW_UP_TO = 10_000         # nodes; static YAML and constructed need minutes beyond
GOAL_SIZE, GROWN_SIZE = 10_000, 50_000
OWN_VARIABLES = {"ansible_host", "bmc_address"}                                 # those that differ from host to host
KEY_VARIABLES = {"entry_groups", "rack_group", "partition_group"}               # what constructed makes groups from


class Side(NamedTuple):
    """One way to write the inventory: the plugins that it needs, and its sources."""

    name: str
    what: str
    plugins: str
    sources: tuple[str, ...]
    slow: bool = False


OURS = Side("cluster", "the cluster file", "clusterwright.hpc.cluster", ("cluster.yml",))
FABRIC = Side("with a fabric", "the cluster file, and InfiniBand in it: a GUID for each node, ten tenants", "clusterwright.hpc.cluster",
              ("fabric.cluster.yml",))
ADDER = Side("hosts only", "a plugin that calls add_host for each name and does nothing else", "hosts_only", ("names.hosts_only",))
INI = Side("INI", "INI: groups by ranges; a line for each host, because its addresses differ", "ini", ("hosts.ini",))
BARE_INI = Side("INI, bare", "INI: the same groups and group variables by ranges, but no host variables", "ini", ("bare.ini",))
YAML = Side("YAML", "YAML as --list --export writes it: shared variables on groups", "yaml", ("hosts.yaml",), slow=True)
FLAT_YAML = Side("YAML, flat", "YAML as --list writes it: all variables at each host", "yaml", ("flat.yaml",), slow=True)
CONSTRUCTED = Side("constructed", "INI with variables only; groups by constructed (keyed_groups)", "constructed,ini",
                   ("plain.ini", "groups.config"), slow=True)
SIDES = (OURS, FABRIC, ADDER, BARE_INI, INI, YAML, FLAT_YAML, CONSTRUCTED)
START_UP = Side("start-up", "-i localhost,", "host_list", ("localhost,",))


class Cost(NamedTuple):
    """CPU seconds (user and system) and peak memory in MB (10^6 bytes)."""

    cpu: float
    memory: float


# --- the inventories

def cluster_file(nodes: int) -> str:
    """A cluster of one controller and so many compute nodes, in racks of 72, with two partitions."""
    last = str(nodes)
    first = "1".zfill(len(last))
    quarter = str(nodes // 4).zfill(len(last))
    return f"""\
plugin: clusterwright.hpc.cluster
name: big
networks:
  admin: {{subnet: 10.0.0.0/9}}
  bmc: {{subnet: 10.128.0.0/9}}
hardware:
  standard: {{sockets: 2, cores_per_socket: 32, memory: 256 GiB}}
nodes:
  head1:
    os: debian-13
    roles: [slurm_controller]
    interfaces:
      eth0: {{network: admin, address: 10.127.0.11}}
  "cn[{first}-{last}]":
    hardware: standard
    os: debian-13
    roles: [slurm_compute]
    rack: "r[1-{-(-nodes // 72)}]"
    interfaces:
      eth0: {{network: admin, address: 10.0.1.1}}
      bmc: {{network: bmc, address: 10.128.1.1}}
slurm:
  partitions:
    all: {{nodes: "cn[{first}-{last}]", default: true}}
    debug: {{nodes: "cn[{first}-{quarter}]"}}
"""


def write_fabric(folder: Path, nodes: int) -> None:
    """The same cluster on InfiniBand."""
    width = len(str(nodes))
    text = cluster_file(nodes)
    for old, new in (
        ("hardware:\n", "fabrics:\n  ib0: {kind: infiniband, managers: head1, pkeys: 0x0100-0x01ff}\nhardware:\n"),
        ("[slurm_controller]", "[slurm_controller, subnet_manager]"),
        ("10.127.0.11}\n", "10.127.0.11}\n      ib0: {fabric: ib0, guid: '0x0002c903ffffffff'}\n"),
        ("10.128.1.1}\n", "10.128.1.1}\n      ib0: {fabric: ib0}\n    table: guids.csv\n"),
    ):
        text = text.replace(old, new, 1)
    bounds = [nodes * tenant // 10 for tenant in range(11)]
    tenants = [f"  t{tenant}: {{nodes: 'cn[{first + 1:0{width}d}-{last:0{width}d}]', pkey: {0x101 + tenant}}}\n"
               for tenant, (first, last) in enumerate(zip(bounds, bounds[1:]))]
    (folder / "fabric.cluster.yml").write_text(f"{text}tenants:\n{''.join(tenants)}")
    (folder / "guids.csv").write_text("name,guid\n" + "".join(f"cn{node:0{width}d},0x0002c903{node:08x}\n" for node in range(1, nodes + 1)))


HOSTS_ONLY = '''\
"""Adds the hosts, and does nothing else."""
from ansible.plugins.inventory import BaseInventoryPlugin


class InventoryModule(BaseInventoryPlugin):
    NAME = "hosts_only"

    def verify_file(self, path):
        return path.endswith(".hosts_only")

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        with open(path) as file:
            number = int(file.read())
        width = len(str(number))
        inventory.add_host("head1")
        for index in range(1, number + 1):
            inventory.add_host(f"cn{index:0{width}d}")
'''


def write_others(folder: Path, nodes: int, slow: bool) -> None:
    """Write the inventories of the other sides, from what ours exports."""
    exported = json.loads(_read(OURS, folder, "--list", "--export"))
    host_vars = exported.pop("_meta")["hostvars"]
    names = [name for name in [*exported, *exported["all"]["children"]] if name != "ungrouped"]
    groups: dict[str, dict[str, Any]] = {name: exported.get(name, {}) for name in names}
    own = [name for name in groups if name.startswith("nodeset_")]
    (folder / "names.hosts_only").write_text(f"{nodes}\n")
    (folder / "hosts.ini").write_text("\n".join(_ini(groups, own, host_vars)) + "\n")
    (folder / "bare.ini").write_text("\n".join(_ini(groups, [], host_vars)) + "\n")
    if not slow:
        return
    _write_yaml(folder / "hosts.yaml", groups, own, host_vars)
    flattened = json.loads(_read(OURS, folder, "--list"))["_meta"]["hostvars"]
    _write_yaml(folder / "flat.yaml", {name: {**entry, "vars": {}} for name, entry in groups.items()}, own, flattened)
    _write_constructed(folder, groups, own, host_vars)


def _write_yaml(path: Path, groups: dict[str, dict[str, Any]], own: list[str], host_vars: dict[str, dict[str, Any]]) -> None:
    """A static YAML inventory; hosts have their variables where they stand in the groups ``own``."""
    static: dict[str, Any] = {
        name: {"vars": entry.get("vars", {}),
               "hosts": {host: host_vars.get(host, {}) if name in own else {} for host in entry.get("hosts", ())},
               "children": {child: {} for child in entry.get("children", ())}} for name, entry in groups.items()}
    everything = static.pop("all")
    everything["children"] = static
    with path.open("w") as file:
        yaml.dump({"all": everything}, file, getattr(yaml, "CSafeDumper", yaml.SafeDumper), default_flow_style=False)


def _ini(groups: dict[str, dict[str, Any]], own: Iterable[str], host_vars: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Lines of an INI inventory; hosts of the groups ``own`` have a line each with their variables, others come as ranges."""
    for name in sorted(groups, key=lambda name: name not in own):
        hosts = groups[name].get("hosts")
        if hosts:
            yield f"[{name}]"
        if hosts and name in own:
            yield from (" ".join([host, *(f"{key}={value}" for key, value in host_vars.get(host, {}).items())]) for host in hosts)
        elif hosts:
            yield from _ranges(hosts)
        if groups[name].get("children") and name != "all":
            yield from (f"[{name}:children]", *groups[name]["children"])
        if groups[name].get("vars"):
            yield f"[{name}:vars]"
            yield from (f"{key}={value!r}" for key, value in groups[name]["vars"].items())


def _ranges(hosts: list[str]) -> Iterator[str]:
    """Hosts as INI's ranges: ``cn[001:072]``."""
    runs: list[tuple[str, str, str]] = []       # prefix, first, last
    for host in hosts:
        prefix, digits = re.fullmatch(r"(.*?)(\d+)", host).groups()     # type: ignore[union-attr]
        if runs and runs[-1][0] == prefix and int(runs[-1][2]) + 1 == int(digits):
            runs[-1] = (prefix, runs[-1][1], digits)
        else:
            runs.append((prefix, digits, digits))
    return (f"{prefix}[{first}:{last}]" for prefix, first, last in runs)


def _write_constructed(folder: Path, groups: dict[str, dict[str, Any]], own: list[str],
                       host_vars: dict[str, dict[str, Any]]) -> None:
    """All variables in a plain source; the groups follow from some of them: what the entry is in, and what the host is in."""
    of_entry: dict[str, list[str]] = {name: [] for name in own}
    of_host: dict[str, list[str]] = {}
    plain: dict[str, dict[str, Any]] = {name: {"hosts": groups[name]["hosts"], "vars": {}} for name in own}
    plain["all"] = {"vars": groups["all"].get("vars", {})}
    variables = {host: dict(values) for host, values in host_vars.items()}
    for name, entry in groups.items():
        if name == "all":
            continue
        for child in entry.get("children", ()):
            of_entry[child].append(name)
            plain[child]["vars"] |= entry.get("vars", {})
        for host in entry.get("hosts", ()) if name not in own else ():
            of_host.setdefault(host, []).append(name)
            variables[host] |= entry.get("vars", {})
    for name in own:
        plain[name]["vars"]["entry_groups"] = of_entry[name]
    for host, names in of_host.items():
        variables[host]["rack_group"] = names[0]
        if len(names) > 1:
            variables[host]["partition_group"] = names[1]
    (folder / "plain.ini").write_text("\n".join(_ini(plain, own, variables)) + "\n")
    (folder / "groups.config").write_text(json.dumps(
        {"plugin": "constructed", "strict": False,
         "keyed_groups": [{"key": key, "prefix": "", "separator": ""} for key in sorted(KEY_VARIABLES)]}))


# --- running

def _environment(side: Side, folder: Path) -> dict[str, str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    return {**ours, "ANSIBLE_CONFIG": str(folder.parent / "ansible.cfg"), "ANSIBLE_INVENTORY_ENABLED": side.plugins}


def _command(side: Side, folder: Path, *options: str) -> list[str]:
    sources = [word for source in side.sources for word in ("-i", source if source.endswith(",") else str(folder / source))]
    return [str(ANSIBLE_INVENTORY), *sources, *options]


def _read(side: Side, folder: Path, *options: str) -> str:
    command = _command(side, folder, *options)
    return subprocess.run(command, env=_environment(side, folder), check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(side: Side, folder: Path, option: str) -> Cost:
    """Run it once. The kernel's own account of the process, so what else the machine does matters little."""
    command = _command(side, folder, option)
    process = subprocess.Popen(command, env=_environment(side, folder), stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{side.name}: {' '.join(command)} failed with status {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


# --- are the sides equal?

def content(side: Side, folder: Path) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    """(group: hosts, those of child groups included; host: variables) of an inventory."""
    listed = json.loads(_read(side, folder, "--list"))
    variables = listed.pop("_meta")["hostvars"]

    def members(name: str) -> set[str]:
        entry = listed.get(name, {})
        return set(entry.get("hosts", ())).union(*map(members, entry.get("children", ())))

    return {name: sorted(members(name)) for name in listed}, variables


def compare(folder: Path, sides: list[Side]) -> list[str]:
    """How the other sides differ from ours; hosts for all, groups and variables for those that have them."""
    groups, variables = content(OURS, folder)
    differences = []
    for side in sides:
        if side == OURS:
            continue
        other_groups, other_variables = content(side, folder)
        if other_groups["all"] != groups["all"]:
            differences.append(f"{side.name}: {len(other_groups['all'])} hosts, ours {len(groups['all'])}")
        if side in (ADDER, FABRIC):
            continue
        differences += [f"{side.name}: group {name} differs" for name in sorted(groups.keys() | other_groups.keys())
                        if groups.get(name) != other_groups.get(name)]
        for host, mine in variables.items():
            expected = {key: value for key, value in mine.items() if side != BARE_INI or key not in OWN_VARIABLES}
            got = {key: value for key, value in other_variables.get(host, {}).items() if key not in KEY_VARIABLES}
            if got != expected:
                differences.append(f"{side.name}: variables of {host} differ: {got} instead of {expected}")
                break
    return differences


# --- rounds and tables

def rounds_of(folder: Path, sides: list[Side], rounds: int, nodes: int) -> dict[tuple[str, str], Cost]:
    """Medians of (side, option), start-up taken off the CPU time round by round."""
    taken: dict[tuple[str, str], list[Cost]] = {}
    for number in range(rounds):
        start = measure(START_UP, folder, "--graph")
        taken.setdefault((START_UP.name, "--graph"), []).append(start)
        turned = sides[number % len(sides):] + sides[:number % len(sides)]      # nobody always comes first
        for side in turned:
            for option in ("--graph", "--list"):
                if number and option == "--list" and nodes >= (SLOW_UP_TO if side.slow else SLOW_UP_TO + 1):
                    continue        # its memory is known, and it takes a minute
                cost = measure(side, folder, option)
                taken.setdefault((side.name, option), []).append(Cost(cost.cpu - start.cpu, cost.memory))
    return {key: Cost(statistics.median(cost.cpu for cost in costs), statistics.median(cost.memory for cost in costs))
            for key, costs in taken.items()}


def print_table(nodes: int, rounds: int, sides: list[Side], costs: dict[tuple[str, str], Cost]) -> None:
    """One size: CPU seconds without start-up, the ratio to ours, and memory."""
    start = costs[START_UP.name, "--graph"]
    print(f"\n{nodes:,} nodes, medians of {rounds} rounds; "
          f"start-up alone (taken off the seconds): {start.cpu:.2f} s, {start.memory:.0f} MB")
    print(f"  {'':13}{'--graph':>9}{'to ours':>9}{'MB':>7}{'--list':>10}{'to ours':>9}{'MB':>7}")
    for side in sides:
        line = f"  {side.name:13}"
        for option, width in (("--graph", 9), ("--list", 10)):
            cost, ours = costs[side.name, option], costs[OURS.name, option]
            line += f"{cost.cpu:{width - 2}.3f} s{cost.cpu / ours.cpu:9.2f}{cost.memory:7.0f}"
        print(line, flush=True)


def goals(results: dict[int, dict[tuple[str, str], Cost]]) -> list[tuple[str, float, float, bool]]:
    """(goal, measured, limit, met) for each goal whose sizes and sides were measured."""
    at = results.get(GOAL_SIZE, {})
    graph = {side.name: at[side.name, "--graph"].cpu for side in SIDES if (side.name, "--graph") in at}
    found = []
    if graph:
        ours = graph[OURS.name]
        found = [
            (f"--graph: CPU to the plugin that only adds hosts, at {GOAL_SIZE:,}", ours / graph[ADDER.name], 1.6, True),
            (f"--graph: CPU to INI with the same variables, at {GOAL_SIZE:,}", ours / graph[INI.name], 1.0, True),
            (f"--graph: CPU of static YAML (flat) to ours, at {GOAL_SIZE:,}", graph[FLAT_YAML.name] / ours, 60, False),
            (f"--list: peak memory in MB, at {GOAL_SIZE:,}", at[OURS.name, "--list"].memory, 110, True),
        ]
        if GROWN_SIZE in results:
            grown = results[GROWN_SIZE][OURS.name, "--graph"].cpu
            found.append((f"--graph: CPU at {GROWN_SIZE:,} to that at {GOAL_SIZE:,}", grown / ours, 6, True))
    return [(text, measured, limit, measured <= limit if at_most else measured >= limit) for text, measured, limit, at_most in found]


def main() -> int:
    """Prints the tables; status 1 only when the sides are not equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")],
                        help="numbers of nodes (100,1000,10000,50000)")
    parser.add_argument("--rounds", type=int, help="rounds at each size (5, and 3 above 10,000 nodes)")
    parser.add_argument("--quick", action="store_true", help="100 and 1,000 nodes, two rounds")
    parser.add_argument("--all", action="store_true", help="static YAML and constructed above 10,000 nodes as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians to this file")
    arguments = parser.parse_args()
    sizes = arguments.sizes or ((100, 1_000) if arguments.quick else SIZES)
    results = {}
    with tempfile.TemporaryDirectory(prefix="inventory-") as temporary, ProcessPoolExecutor(1) as apart:
        # Files are written and compared in a process apart: this one stays small, because a child's peak memory counts from its parent's.
        top = Path(temporary)
        (top / "hosts_only.py").write_text(HOSTS_ONLY)
        (top / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {COLLECTIONS}\ninventory_plugins = {top}\nhome = {top / 'home'}\n"
                                         "[inventory]\nany_unparsed_is_failed = true\n")
        print("\n".join(f"{side.name:13} {side.what}" for side in SIDES), flush=True)
        for nodes in sizes:
            slow = nodes <= SLOW_UP_TO or arguments.all
            sides = [side for side in SIDES if slow or not side.slow]
            rounds = arguments.rounds or (2 if arguments.quick else 5 if nodes <= SLOW_UP_TO else 3)
            folder = top / str(nodes)
            folder.mkdir()
            (folder / "cluster.yml").write_text(cluster_file(nodes))
            apart.submit(write_fabric, folder, nodes).result()
            apart.submit(write_others, folder, nodes, slow).result()
            differences = apart.submit(compare, folder, sides).result()
            if differences:
                print("The sides are not equal:", *differences, sep="\n  ", file=sys.stderr)
                return 1
            results[nodes] = rounds_of(folder, sides, rounds, nodes)
            print_table(nodes, rounds, sides, results[nodes])
    if arguments.json:
        arguments.json.write_text(json.dumps({nodes: {f"{name} {option}": cost._asdict() for (name, option), cost in costs.items()}
                                              for nodes, costs in results.items()}, indent=2) + "\n")
    found = goals(results)
    print("\nGoals" if found else "\nThe goals are for 10,000 nodes.")
    for text, measured, limit, met in found:
        print(f"  {'met    ' if met else 'NOT MET'} {text}: {measured:.2f} (goal {limit:g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
