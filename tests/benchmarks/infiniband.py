#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member of one partition changes: from the task to tables that are proven, against opensm alone.

    .venv/bin/python tests/benchmarks/infiniband.py             # 128, 512, 1,024 and 2,000 HCAs, five rounds, with the goals
    .venv/bin/python tests/benchmarks/infiniband.py --quick     # 128 HCAs, one round

The fabric is simulated (ibsim), OpenSM is the real one. Needs opensm, ibsim-utils and infiniband-diags; ends with status 0 and says so
where they are not installed. Exit status 1 when a side does not do what it should.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".build" / "collections"))

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import reader, trial
from ansible_collections.clusterwright.hpc.tests.simulators.infiniband import Fabric

SIZES, MEMBERS = (128, 512, 1024, 2000), 20
QUICK = (128,)
GOAL = 3
PATIENCE = 60       # seconds
HALF = 18           # ports of a leaf for hosts, and as many upwards
KEY = 0x100

# Asks one port again and again, and says when it holds one key: the shortest way to see that OpenSM has done its work.
WATCH = inspect.getsource(reader).split("\nif __name__")[0] + """
fabric, name, key = Fabric(), sys.argv[2], int(sys.argv[3])
lid = lids(sys.argv[1])[name]
print("ready", flush=True)
while key not in fabric.converse({name: port(name, lid)})[name]["keys"]:
    time.sleep(0.002)
print(time.monotonic(), flush=True)
fabric.close()
"""


def intent(guids: list[str]) -> dict[str, Any]:
    """Twenty members a partition."""
    partitions = [{"name": f"p{first}", "pkey": KEY + first // MEMBERS, "ipoib": False, "mtu": 4, "rate": 3, "sl": 0, "members": [
        {"name": f"cn{number}", "guid": guids[number], "membership": "full"} for number in range(first, min(first + MEMBERS, len(guids)))]}
        for first in range(1, len(guids), MEMBERS)]
    return {"fabric": "ib0", "owned": [KEY, KEY + 0xFF], "default": "limited", "mtu": 4, "rate": 3, "table": 64, "without_guid": [],
            "managers": [{"name": "head1", "guid": guids[0]}],
            "ports": [{"name": f"cn{number}", "guid": guid} for number, guid in enumerate(guids)], "partitions": partitions}


def fat_tree(guids: list[str]) -> str:
    """Leaves of 36 ports, 18 of them for hosts, and one link from each to each of 18 core switches, in ibsim's form."""
    leaves = (len(guids) + HALF - 1) // HALF
    lines = []
    for leaf in range(leaves):
        lines += [f"switchguid={0xFD00000000000000 + leaf:#x}", f'Switch {2 * HALF} "leaf{leaf}"']
        lines += [f'[{port + 1}] "host{leaf * HALF + port}"[1]' for port in range(min(HALF, len(guids) - leaf * HALF))]
        lines += [f'[{HALF + core + 1}] "core{core}"[{leaf + 1}]' for core in range(HALF)]
    for core in range(HALF):
        lines += [f"switchguid={0xFD10000000000000 + core:#x}", f'Switch {leaves} "core{core}"']
        lines += [f'[{leaf + 1}] "leaf{leaf}"[{HALF + core + 1}]' for leaf in range(leaves)]
    for host, guid in enumerate(guids):
        lines += [f"caguid={int(guid, 16) - 1:#x}", f'Ca 1 "host{host}"', f'[1] "leaf{host // HALF}"[{host % HALF + 1}]']
    return "\n".join([*lines, ""])


def quiet(fabric: Fabric, sweeps: int) -> None:
    """Waits until OpenSM has finished so many sweeps."""
    end = time.monotonic() + PATIENCE
    while fabric.log().count("SUBNET UP") < sweeps:
        if time.monotonic() > end:
            raise SystemExit(f"OpenSM has not finished a sweep in {PATIENCE} s")
        time.sleep(0.05)
    time.sleep(0.2)


class Taken(NamedTuple):
    """Seconds: on the clock, and of processors, with OpenSM's whole sweep and the simulator."""

    wall: float
    cpu: float


def work(fabric: Fabric) -> float:
    """CPU seconds so far of OpenSM and the simulator, and of the processes that have ended here."""
    fields = [Path("/proc", str(process.pid), "stat").read_text().rsplit(")", 1)[1].split() for process in fabric.processes]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK") + used.ru_utime + used.ru_stime


def by_hand(fabric: Fabric, text: str, key: int, guid: str) -> float:
    """Seconds from the file that is replaced to the table of the one port."""
    argv = [sys.executable, "-IS", "-c", WATCH, str(fabric.folder / "guid2lid"), guid, str(key)]
    with subprocess.Popen(argv, env={**os.environ, **fabric.variables}, cwd=fabric.folder, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout
        watch.stdout.readline()
        begin = time.monotonic()
        fabric.path.write_text(text)
        fabric.opensm.send_signal(1)
        return float(watch.stdout.readline()) - begin


def ours(fabric: Fabric, wanted: dict[str, Any]) -> float:
    """Seconds that the module takes, its start with it."""
    begin = time.monotonic()
    done = fabric.module(wanted, state="exact")
    seconds = time.monotonic() - begin
    if not (done.get("changed") and done.get("verified") and done["trial"]):
        raise SystemExit(f"ib_partitions has not changed and proven the fabric: {done.get('msg') or done}")
    return seconds


def start(fabric: Fabric) -> float:
    """Seconds that the start of a module takes that is told too little."""
    begin = time.monotonic()
    fabric.module({})
    return time.monotonic() - begin


def measure(count: int, rounds: int) -> dict[str, Taken]:
    """Medians of one fabric."""
    guids = [f"{0x0002c90300000001 + number:#018x}" for number in range(count)]
    taken: dict[str, list[Taken]] = {"opensm alone": [], "start": [], "ib_partitions": []}
    whole, less = intent(guids), intent(guids)
    less["partitions"][0]["members"][3]["membership"] = "limited"
    with tempfile.TemporaryDirectory(prefix="infiniband-") as folder:
        fabric = Fabric(Path(folder), guids)
        fabric.topology = fat_tree(guids)
        try:
            fabric.up()
            ours(fabric, whole)
            text = fabric.path.read_text()
            changed = text.replace(f"{guids[4]}=full", f"{guids[4]}=limited", 1)
            sweeps = 2
            quiet(fabric, sweeps)

            def timed(name: str, side: Callable[[], float]) -> None:
                nonlocal sweeps
                before, seconds = work(fabric), side()
                sweeps += name != "start"
                quiet(fabric, sweeps)
                taken[name].append(Taken(seconds, work(fabric) - before))

            for turn in range(rounds):
                for side in ("opensm alone", "ib_partitions") if turn % 2 else ("ib_partitions", "opensm alone"):
                    for file, key, wanted in ((changed, KEY, less), (text, KEY | 0x8000, whole)):
                        if side == "opensm alone":
                            timed(side, partial(by_hand, fabric, file, key, guids[4]))
                        else:
                            timed("start", partial(start, fabric))
                            timed(side, partial(ours, fabric, wanted))
        finally:
            fabric.down()
    return {name: Taken(*map(statistics.median, zip(*found))) for name, found in taken.items()}


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", metavar="HCAS", help="numbers of HCAs (128 512 1024 2000)")
    parser.add_argument("--rounds", type=int, help="rounds (5), each away and back")
    parser.add_argument("--quick", action="store_true", help="128 HCAs, one round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians to this file")
    arguments = parser.parse_args()
    if not trial.library():
        print("opensm or ibsim-utils is not installed: nothing to measure")
        return 0
    sizes = arguments.sizes or (QUICK if arguments.quick else SIZES)
    rounds = arguments.rounds or (1 if arguments.quick else 5)
    found: dict[int, dict[str, Taken]] = {}
    ratios: dict[int, Taken] = {}
    print(f"One member of one partition, {rounds} round{'s' * (rounds > 1)} away and back: seconds (medians), without the module's start\n")
    print(f"{'':>8} {'on the clock':^38} {'of processors, OpenSM and simulator too':^38}")
    print(f"  {'HCAs':>6} " + 2 * f"{'opensm alone':>14} {'ib_partitions':>14} {'ratio':>8} ")
    for size in sizes:
        sides = found[size] = measure(size, rounds)
        alone, begun = sides["opensm alone"], sides["start"]
        ours_ = sides["ours"] = Taken(*(max(both - first, 0) for both, first in zip(sides["ib_partitions"], begun)))
        ratios[size] = Taken(*(mine / theirs for mine, theirs in zip(ours_, alone)))
        print(f"  {size:6} " + "".join(f"{theirs:14.3f} {mine:14.3f} {ratio:8.1f} "
                                       for theirs, mine, ratio in zip(alone, ours_, ratios[size])), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    print("\nGoals")
    last = max(sizes)
    goals = [(ratios[last].wall <= GOAL, f"{last} HCAs: {ratios[last].wall:.1f} times as long as opensm alone ({GOAL})")]
    for few, many in zip(sorted(sizes), sorted(sizes)[1:]):
        growth = found[many]["ours"].wall / found[few]["ours"].wall
        goals.append((growth <= many / few, f"{few} to {many} HCAs: {growth:.1f} times as long ({many / few:.1f}, linear)"))
    for met, text in goals:
        print(f"  {'met    ' if met else 'NOT MET'} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
