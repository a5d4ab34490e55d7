#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power status of hundreds of BMCs: one task for all against one task a BMC, a pool of ipmitool, and FreeIPMI's ipmipower.

    .venv/bin/python tests/benchmarks/bmc.py             # 300 BMCs, three rounds, with the goals
    .venv/bin/python tests/benchmarks/bmc.py --quick     # 12 BMCs, one round, and less patience

The BMCs are simulated, in one process on loopback addresses (127.5.0.0/16), UDP port 623; so this needs root, or --port. Exit status 1
when the sides do not tell the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTIONS = CHECKOUT / ".build" / "collections"
BIN = Path(sys.executable).parent
USER, PASSWORD = "admin", "simulated"
POOL, FORKS = 16, 50
EVERY = 20          # one of so many hangs in the bad case
PATIENCE = 1200
LEAST = 0.1         # seconds: what the start of Ansible scatters by
OTHERS = (f"ipmitool, pool of {POOL}", "ipmipower")

ONE_TASK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - clusterwright.hpc.bmc_power: {bmcs: "{{ bmcs }}", username: admin, password: simulated, timeout: DEADLINE}
      register: power
      ignore_errors: true
    - copy: {content: "{{ power.power | to_json }}", dest: "{{ result }}"}
"""
TASK_EACH = """
- hosts: bmcs
  gather_facts: false
  tasks:
    - clusterwright.hpc.bmc_power:
        bmcs: [{name: "{{ inventory_hostname }}", address: "{{ ansible_host }}", port: %d}]
        username: admin
        password: simulated
        timeout: %d
"""
COMMUNITY = """
- hosts: bmcs
  gather_facts: false
  tasks:
    - community.general.ipmi_power: {name: "{{ ansible_host }}", port: %d, user: admin, password: simulated, state: "on", timeout: %d}
      check_mode: true
"""
EMPTY = "- {hosts: localhost, gather_facts: false, tasks: [{copy: {content: x, dest: '{{ result }}'}}]}\n"

SIMULATOR = """
import sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.clusterwright.hpc.tests.simulators.bmc import Fleet
count, port = int(sys.argv[2]), int(sys.argv[3])
members = [(f"node{n + 1:03}", f"127.5.{1 + n // 250}.{1 + n % 250}") for n in range(count)]
with Fleet(port=port) as fleet:
    for bmc in fleet.add_all(members, power=True):
        pass
    print("ready", flush=True)
    for line in sys.stdin:
        every = int(line)
        fleet.call(lambda: [setattr(fleet[name].faults, "hang", bool(every) and n % every == 0) for n, (name, _a) in enumerate(members)])
        print("done", flush=True)
"""


class Context(NamedTuple):
    """What the sides know."""

    folder: Path
    addresses: dict[str, str]
    port: int
    deadline: int       # seconds for a BMC


Side = Callable[[Context], tuple[float, set[str]]]
Times = dict[str, list[float]]


def ansible(context: Context, playbook: str, *more: str) -> tuple[float, str]:
    """(seconds, output) of a playbook."""
    path = context.folder / "play.yml"
    path.write_text(playbook)
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{os.environ.get('ANSIBLE_COLLECTIONS_PATH', '')}",
                   "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_HOST_KEY_CHECKING": "false", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    begin = time.monotonic()
    done = subprocess.run([str(BIN / "ansible-playbook"), "-i", str(context.folder / "hosts.ini"), "-c", "local", "-f", str(FORKS),
                           "-e", f"ansible_python_interpreter={sys.executable}", "-e", f"result={context.folder / 'result.json'}",
                           *more, str(path)], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return time.monotonic() - begin, done.stdout + done.stderr


def one_task(context: Context) -> tuple[float, set[str]]:
    """The whole fleet by one task."""
    port = {} if context.port == 623 else {"port": context.port}
    entries = [{"name": name, "address": address, **port} for name, address in context.addresses.items()]
    (context.folder / "vars.json").write_text(json.dumps({"bmcs": entries}))
    variables = ["-e", f"@{context.folder / 'vars.json'}"]
    seconds, said = ansible(context, ONE_TASK.replace("DEADLINE", str(context.deadline)), *variables)
    try:
        powers = json.loads((context.folder / "result.json").read_text())
    except (OSError, ValueError):
        raise SystemExit(said) from None
    return seconds, {name for name, power in powers.items() if power == "on"}


def task_each(context: Context, playbook: str) -> tuple[float, set[str]]:
    """One host a BMC. Those that ended well count as on."""
    seconds, said = ansible(context, playbook)
    return seconds, set(re.findall(r"^(node\d+)\s+: ok=1 ", said, re.MULTILINE))


def ipmitool(context: Context) -> tuple[float, set[str]]:
    """A pool of processes."""
    def ask(entry: tuple[str, str]) -> str:
        name, address = entry
        done = subprocess.run(["ipmitool", "-I", "lanplus", "-C", "17", "-H", address, "-p", str(context.port), "-U", USER, "-P", PASSWORD,
                               "-N", "1", "-R", str(context.deadline), "power", "status"], capture_output=True, text=True, check=False)
        return name if "is on" in done.stdout else ""

    begin = time.monotonic()
    with ThreadPoolExecutor(POOL) as pool:
        on = set(pool.map(ask, context.addresses.items()))
    return time.monotonic() - begin, on - {""}


def ipmipower(context: Context) -> tuple[float, set[str]]:
    """One process for all."""
    hosts = ",".join(f"{address}:{context.port}" for address in context.addresses.values())
    begin = time.monotonic()
    done = subprocess.run(["ipmipower", "-h", hosts, "-u", USER, "-p", PASSWORD, "-D", "LAN_2_0", "-I", "17", "--stat",
                           "--session-timeout", str(context.deadline * 1000)], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - begin
    on = set(re.findall(r"^([\d.]+)(?::\d+)?: on$", done.stdout, re.MULTILINE))
    return seconds, {name for name, address in context.addresses.items() if address in on}


def has_community() -> bool:
    """Whether community.general is installed."""
    listing = [str(BIN / "ansible-doc"), "-t", "module", "-l", "community.general"]
    done = subprocess.run(listing, capture_output=True, text=True, check=False)
    return "ipmi_power" in done.stdout


def sides(healthy: bool, quick: bool) -> dict[str, Side]:
    """Those that can run here. What takes minutes where some hang is left out then, in the quick form the pool too."""
    found: dict[str, Side] = {"bmc_power, one task": one_task}
    if healthy:
        found["bmc_power, a task a BMC"] = lambda context: task_each(context, TASK_EACH % (context.port, context.deadline))
        if has_community():
            found["community.general.ipmi_power"] = lambda context: task_each(context, COMMUNITY % (context.port, context.deadline))
    if shutil.which("ipmitool") and (healthy or not quick):
        found[f"ipmitool, pool of {POOL}"] = ipmitool
    if shutil.which("ipmipower"):
        found["ipmipower"] = ipmipower
    return found


def cpu() -> float:
    """CPU seconds of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(context: Context, rounds: int, names: dict[str, Side], expected: set[str]) -> tuple[Times, Times]:
    """Seconds, and CPU seconds, of each side; SystemExit when one tells something else. Ansible's start is taken off."""
    taken: Times = {name: [] for name in names}
    used: Times = {name: [] for name in names}
    order = list(names)
    for turn in range(rounds):
        before = cpu()
        start = ansible(context, EMPTY)[0]
        start_cpu = cpu() - before
        for name in order[turn % len(order):] + order[:turn % len(order)]:
            before = cpu()
            seconds, on = names[name](context)
            if on != expected:
                raise SystemExit(f"{name} tells {len(on)} of {len(expected)} machines that are on: the sides are not equal")
            own = (0.0, 0.0) if name in OTHERS else (start, start_cpu)
            taken[name].append(max(seconds - own[0], LEAST))
            used[name].append(max(cpu() - before - own[1], LEAST))
    return taken, used


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, help="number of BMCs (300)")
    parser.add_argument("--rounds", type=int, help="rounds (3)")
    parser.add_argument("--port", type=int, default=623, help="UDP port of the simulated BMCs (623)")
    parser.add_argument("--quick", action="store_true", help="12 BMCs, one round, 2 s for a BMC instead of 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians to this file")
    arguments = parser.parse_args()
    count = arguments.count or (12 if arguments.quick else 300)
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    medians: dict[str, dict[str, float]] = {}
    late = 0.0
    serve = [sys.executable, "-c", SIMULATOR, str(COLLECTIONS), str(count), str(arguments.port)]
    with tempfile.TemporaryDirectory(prefix="bmc-") as temporary, \
            subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdin and simulator.stdout
        if simulator.stdout.readline().strip() != "ready":
            raise SystemExit("the simulated BMCs did not start: is the port free, and may this user have it (--port)?")
        addresses = {f"node{number + 1:03}": f"127.5.{1 + number // 250}.{1 + number % 250}" for number in range(count)}
        folder = Path(temporary)
        lines = "".join(f"{name} ansible_host={address}\n" for name, address in addresses.items())
        (folder / "hosts.ini").write_text(f"localhost\n[bmcs]\n{lines}")
        context = Context(folder, addresses, arguments.port, 2 if arguments.quick else 5)
        print(f"{count} BMCs, {rounds} round{'s' if rounds > 1 else ''}; Ansible's own start is taken off\n")
        for every in (0, EVERY):
            simulator.stdin.write(f"{every}\n")
            simulator.stdin.flush()
            simulator.stdout.readline()
            expected = {name for number, name in enumerate(addresses) if not every or number % every}
            title = f"{count - len(expected)} of {count} hang after the login" if every else "healthy"
            taken, used = measure(context, rounds, sides(not every, arguments.quick), expected)
            medians[title] = {name: statistics.median(seconds) for name, seconds in taken.items()}
            ours = medians[title]["bmc_power, one task"]
            late = ours - context.deadline
            print(f"{title:34} {'time':>9} {'ratio':>8} {'CPU':>11}")
            for name, seconds in medians[title].items():
                print(f"  {name:32} {seconds:7.2f} s {seconds / ours:8.2f} {statistics.median(used[name]):9.2f} s")
            print(flush=True)
        simulator.stdin.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(medians, indent=2) + "\n")
    if arguments.quick:
        print("The goals are for 300 BMCs")
        return 0
    healthy = medians["healthy"]
    ours = healthy["bmc_power, one task"]
    pool, bulk = healthy.get(f"ipmitool, pool of {POOL}"), healthy.get("ipmipower")
    other = "community.general.ipmi_power" if "community.general.ipmi_power" in healthy else "bmc_power, a task a BMC"
    print("Goals (for 300 BMCs)")
    goals = [(healthy[other] >= 20 * ours, f"{other} takes {healthy[other] / ours:.0f} times as long (20)")]
    goals += [(pool > ours, f"ipmitool in a pool takes {pool / ours:.1f} times as long (1)")] if pool else []
    goals += [(ours <= 3 * bulk, f"{ours / bulk:.1f} times as long as ipmipower (3)")] if bulk else []
    goals += [(late <= 2, f"with some that hang, {late:.1f} s after their deadline (2)")]
    for met, text in goals:
        print(f"  {'met    ' if met else 'NOT MET'} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
