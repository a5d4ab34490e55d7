#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rendering slurm.conf costs, beside a template that loops over hostvars. README.md beside this file says how it measures.

    .venv/bin/python tests/benchmarks/slurm_conf.py            # 10,000 nodes, five rounds, with the goal: two minutes
    .venv/bin/python tests/benchmarks/slurm_conf.py --quick    # 1,000 nodes, two rounds

A real slurmctld reads the files too, in containers of the lab's images, if those are there. Exit status 1 when the sides are not equal or
slurmctld does not take the files.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

COLLECTIONS = Path(__file__).resolve().parents[2] / ".build" / "collections"
sys.path.insert(0, str(COLLECTIONS))
init_plugin_loader([str(COLLECTIONS)])

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.intent import SlurmIntent
from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile as intents

IMAGE = "localhost/clusterwright-lab"
SIZE, QUICK_SIZE = 10_000, 1_000
GOAL = 100
LEAST = 0.05        # seconds that a side runs on end in a round: what is quicker is repeated, or the clock would be all that is measured
PATIENCE = 120      # seconds for slurmctld's start
NODE_KEYS = {"address": "NodeAddr", "sockets": "Sockets", "cores": "CoresPerSocket", "threads": "ThreadsPerCore", "memory": "RealMemory",
             "features": "Features", "gres": "Gres"}


class Side(NamedTuple):
    """One way to get the text of slurm.conf."""

    name: str
    what: str


RENDER = Side("render", "conf.files(intent): every file of /etc/slurm from what the inventory has as slurm_intent")
COMPILE = Side("compile + render", "the same, and before it the intent from the model of the cluster file")
TEMPLATE = Side("hostvars", "a template with a line for each host, by Ansible's Templar, hostvars[host] once a host")
BARE = Side("Jinja2 alone", "the same template and variables by Jinja2 without Ansible, which no playbook has: the floor of a template")
SIDES = (RENDER, COMPILE, TEMPLATE, BARE)

# The file, its head as ours; a line for each host, as templates of Slurm roles have it.
PER_HOST = """\
{{ head }}
{% for host in groups['slurm_compute'] %}
{% set of = hostvars[host] %}
NodeName={{ host }} NodeAddr={{ of.address }} Sockets={{ of.sockets }} CoresPerSocket={{ of.cores }} ThreadsPerCore={{ of.threads }} \
RealMemory={{ of.memory }}{% if of.features %} Features={{ of.features }}{% endif %}{% if of.gres %} Gres={{ of.gres }}{% endif %}

{% endfor %}
{{ tail }}
"""

HEAD = """\
plugin: clusterwright.hpc.cluster
name: big
networks:
  admin: {subnet: 10.0.0.0/9}
hardware:
  standard: {sockets: 2, cores_per_socket: 32, memory: 256 GiB}
  fat: {sockets: 2, cores_per_socket: 48, threads_per_core: 2, memory: 2 TiB, features: [fat]}
  disk: {sockets: 1, cores_per_socket: 64, memory: 512 GiB, features: [local], gres: {nvme: 4}}
nodes:
  head1:
    os: debian-13
    roles: [slurm_controller]
    interfaces:
      eth0: {network: admin, address: 10.127.0.11}
"""
NODES = """\
  "{names}":
    hardware: {hardware}
    os: debian-13
    roles: [slurm_compute]
    interfaces:
      eth0: {{network: admin, address: {address}}}
"""

# In the container: the clock of its start, and what Slurm's commands say of so many nodes.
ASK = f"""
set -e
ip addr add 10.127.0.11/32 dev lo
mkdir -p /etc/slurm /run/munge /var/lib/slurm/slurmctld /var/log/slurm
cp /conf/* /etc/slurm/
chown -R slurm: /var/lib/slurm /var/log/slurm
dd if=/dev/urandom of=/etc/munge/munge.key bs=32 count=1 2>/dev/null
chown munge: /etc/munge/munge.key /run/munge && chmod 400 /etc/munge/munge.key
runuser -u munge -- munged
begin=$(date +%s%N)
slurmctld -D >/dev/null 2>/tmp/said &
until scontrol ping 2>/dev/null | grep -q 'is UP'; do
    kill -0 $! 2>/dev/null || {{ tail -5 /tmp/said; exit 1; }}
    [ $(( $(date +%s%N) - begin )) -lt {PATIENCE}000000000 ] || {{ echo "no answer after {PATIENCE} s"; exit 1; }}
    sleep 0.1
done
echo "answers after $(( ($(date +%s%N) - begin) / 1000000 )) ms"
slurmctld -V
sinfo -ho '%P %D nodes %c CPUs %m MiB'
echo "scontrol show node: $(scontrol -o show node | wc -l)"
cat /var/log/slurm/slurmctld.log /tmp/said | grep -E 'error|fatal' | grep -viE \
     'state file|state save|MailProg|plugstack|glob|pmix' | head -3 || true
"""


# --- the two sides

def cluster_file(kinds: list[tuple[str, str, int]]) -> str:
    """A cluster file of these kinds of nodes: (name, hardware, how many)."""
    text, at, partitions = HEAD, 0, []
    for name, hardware, number in kinds:
        names = f"{name}[{'1'.zfill(len(str(number)))}-{number}]"
        text += NODES.format(names=names, hardware=hardware, address=f"10.{at}.0.1")
        partitions.append(f'    {name}: {{nodes: "{names}"{", default: true" if not at else ""}}}\n')
        at += 1 + number // 65_000
    return text + "slurm:\n  partitions:\n" + "".join(partitions)


def kinds_of(mixed: bool, nodes: int) -> list[tuple[str, str, int]]:
    """All alike, or in three kinds: nine of ten standard ones, and the rest in two kinds."""
    if not mixed:
        return [("cn", "standard", nodes)]
    few = nodes // 20
    return [("cn", "standard", nodes - 2 * few), ("fat", "fat", few), ("disk", "disk", few)]


def expanded(intent: SlurmIntent) -> dict[str, dict[str, Any]]:
    """Each node with its own variables, as another inventory has them at its hosts."""
    found = {}
    for line in intent["nodes"]:
        names = NodeSet(str(line["NodeName"]), resolver=RESOLVER_NOGROUP)
        for name, address in zip(names, _addresses(str(line["NodeAddr"])), strict=True):
            found[name] = {ours: line.get(key, "") for ours, key in NODE_KEYS.items()} | {"address": address}
    return found


def _addresses(folded: str) -> list[str]:
    """In the order in which they are written."""
    return [name for term in folded.split(",10.") for name in NodeSet(f"{'' if term.startswith('10.') else '10.'}{term}",
                                                                       resolver=RESOLVER_NOGROUP)]


def side_of_template(folder: Path, hosts: dict[str, dict[str, Any]], head: str, tail: str) -> tuple[Callable[[], str], Callable[[], str]]:
    """The template by Ansible and by Jinja2 alone; inventory and variables are loaded before, and are not measured."""
    lines = [" ".join([name, *(f"{key}={value!r}" for key, value in keys.items())]) for name, keys in hosts.items()]
    inventory_file = folder / "hosts.ini"
    inventory_file.write_text("\n".join(["[slurm_compute]", *lines, ""]))
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[str(inventory_file)])
    hostvars = HostVars(inventory, VariableManager(loader, inventory), loader)
    groups = inventory.get_groups_dict()
    templar = Templar(loader, variables={"hostvars": hostvars, "groups": groups, "head": head, "tail": tail})
    text = trust_as_template(PER_HOST)
    bare = jinja2.Environment(trim_blocks=True).from_string(PER_HOST)
    return (
        lambda: str(templar.template(text)),
        lambda: bare.render(hostvars=hosts, groups={"slurm_compute": [*hosts]}, head=head, tail=tail),
    )


# --- are the sides equal?

def meaning(text: str) -> tuple[dict[str, tuple[Any, ...]], dict[str, NodeSet]]:
    """({node: its address and hardware}, {partition: its nodes}) of a slurm.conf, whatever is folded in it."""
    nodes: dict[str, tuple[Any, ...]] = {}
    partitions: dict[str, NodeSet] = {}
    for line in conf.parse(text):
        if "NodeName" in line:
            names = NodeSet(line["NodeName"], resolver=RESOLVER_NOGROUP)
            rest = tuple(line.get(key, "") for key in NODE_KEYS.values() if key != "NodeAddr")
            nodes.update({name: (address, *rest) for name, address in zip(names, _addresses(line["NodeAddr"]), strict=True)})
        elif "PartitionName" in line:
            partitions[line["PartitionName"]] = NodeSet(line["Nodes"], resolver=RESOLVER_NOGROUP)
    return nodes, partitions


def differences(ours: str, other: str, name: str) -> list[str]:
    """How another side's file differs from ours in what it means."""
    (nodes, partitions), (other_nodes, other_partitions) = meaning(ours), meaning(other)
    differ = sorted(node for node in nodes.keys() | other_nodes.keys() if nodes.get(node) != other_nodes.get(node))
    found = [f"{name}: {len(differ)} nodes differ, first {differ[0]}: {other_nodes.get(differ[0])} instead of {nodes.get(differ[0])}"] \
        if differ else []
    return found + ([f"{name}: the partitions differ"] if partitions != other_partitions else [])


# --- measuring

def seconds(call: Callable[[], object]) -> float:
    """CPU seconds of one call, from as many as fill LEAST."""
    calls, begin = 0, time.process_time()
    while not calls or time.process_time() - begin < LEAST:
        call()
        calls += 1
    return (time.process_time() - begin) / calls


def measure(mixed: bool, nodes: int, rounds: int, folder: Path) -> tuple[list[str], dict[str, float], dict[str, str]]:
    """(what differs, {side: median of its seconds}, our files)."""
    folder.mkdir()
    (folder / "cluster.yml").write_text(cluster_file(kinds_of(mixed, nodes)))
    cluster = model.load(str(folder / "cluster.yml"))
    intent = intents.slurm(cluster)
    files = conf.files(intent)
    lines = files["slurm.conf"].splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("NodeName="))
    tail = [line for line in lines if line.startswith("PartitionName=")]
    template, bare = side_of_template(folder, expanded(intent), "\n".join(lines[:first]), "\n".join(tail))
    calls: dict[Side, Callable[[], object]] = {
        RENDER: lambda: conf.files(intent), COMPILE: lambda: conf.files(intents.slurm(cluster)), TEMPLATE: template, BARE: bare,
    }
    texts = {TEMPLATE.name: template(), BARE.name: bare()}
    differ = [line for name, text in texts.items() for line in differences(files["slurm.conf"], text, name)]
    taken: dict[str, list[float]] = {side.name: [] for side in SIDES}
    for number in range(0 if differ else rounds):
        for side in SIDES[number % len(SIDES):] + SIDES[:number % len(SIDES)]:      # nobody always comes first
            taken[side.name].append(seconds(calls[side]))
    kind = "in three kinds" if mixed else "all alike"
    counts = {name: sum(line.startswith("NodeName=") for line in text.splitlines())
              for name, text in {RENDER.name: files["slurm.conf"], COMPILE.name: files["slurm.conf"], **texts}.items()}
    medians = {name: statistics.median(times) for name, times in taken.items() if times}
    if not differ:
        print(f"\n{nodes:,} nodes, {kind}: equal nodes, addresses, CPUs, memory and partitions; medians of {rounds} rounds")
        print(f"  {'':18}{'node lines':>11}{'CPU':>14}{'to render':>14}")
        for name, median in medians.items():
            print(f"  {name:18}{counts[name]:>11,}{median * 1000:>11.3f} ms{median / medians[RENDER.name]:>14,.1f}", flush=True)
    return differ, medians, files


# --- a real slurmctld

def images() -> list[str]:
    """The lab's images with Slurm in them, one for each of Debian's releases."""
    if not shutil.which("podman"):
        return []
    command = ["podman", "images", "--sort=created", "--format={{.Repository}}:{{.Tag}}", IMAGE]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return [name for name in listed if ":slurm-" in name]


def accepted(files: dict[str, str], folder: Path, name: str) -> bool:
    """Whether a slurmctld without a network starts with the files; prints what Slurm's commands say then."""
    (folder / "conf").mkdir(exist_ok=True)
    for file, text in files.items():
        (folder / "conf" / file).write_text(text)
    command = ["podman", "run", "--rm", "--interactive", "--network=none", "--cap-add=NET_ADMIN", "--hostname=head1",
               f"--volume={folder / 'conf'}:/conf:ro", name, "bash", "-s"]
    done = subprocess.run(command, input=ASK, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
    print("  slurmctld " + ("takes the files:" if done.returncode == 0 else "DOES NOT take the files:"))
    print("".join(f"    {line}\n" for line in (done.stdout + (done.stderr if done.returncode else "")).splitlines()), end="", flush=True)
    return done.returncode == 0


def main() -> int:
    """Prints the tables; status 1 only when the sides are not equal or slurmctld refuses the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nodes", type=int, help=f"number of nodes ({SIZE:,})")
    parser.add_argument("--rounds", type=int, help="rounds (5)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SIZE:,} nodes, two rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians to this file")
    arguments = parser.parse_args()
    nodes = arguments.nodes or (QUICK_SIZE if arguments.quick else SIZE)
    rounds = arguments.rounds or (2 if arguments.quick else 5)
    print("\n".join(f"{side.name:18} {side.what}" for side in SIDES), flush=True)
    there, refused, results = images(), False, {}
    with tempfile.TemporaryDirectory(prefix="slurm-conf-") as temporary:
        for mixed in (False, True):
            folder = Path(temporary) / str(mixed)
            differ, results[f"{nodes} {'mixed' if mixed else 'alike'}"], files = measure(mixed, nodes, rounds, folder)
            if differ:
                print("The sides are not equal:", *differ, sep="\n  ", file=sys.stderr)
                return 1
            for name in there:
                refused |= not accepted(files, folder, name)
    if not there:
        print("\nNo slurmctld has read the files: `make lab` makes an image with one.")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    print("\nGoal")
    for name, medians in results.items():
        ratio = medians[TEMPLATE.name] / medians[RENDER.name]
        met = "met    " if ratio >= GOAL else "NOT MET"
        print(f"  {met} {name}: a template over hostvars takes {ratio:,.0f} times as long (goal {GOAL})")
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
