#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of site.yml costs that changes nothing, beside the same configuration by stock tasks. README.md here says how it measures.

    .venv/bin/python tests/benchmarks/converge.py             # a lab of 8 compute nodes, five rounds: half an hour
    .venv/bin/python tests/benchmarks/converge.py --quick     # two compute nodes, one round, without facts

Needs what the lab needs (docs/runbooks/lab.md). Exit status 1 when the two sides differ or a compute node has too many host-tasks.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = Path(__file__).resolve().with_name("converge")
# As deep below the checkout as FILES, since group_vars finds the lab's key by a relative path.
WORK = CHECKOUT / ".build/benchmarks/converge"
CLUSTER, KEY, SSH_CALLS = WORK / "cluster.yml", WORK / "munge.key", WORK / "ssh-calls"
PYTHON = sys.executable
ANSIBLE = Path(sys.executable).with_name("ansible")
GOAL_HOST_TASKS, GOAL_RATIO = 6, 10


class Side(NamedTuple):
    """One playbook, and whether plays gather facts by themselves (`smart`: once a host and run) or only when asked to (`explicit`)."""

    name: str
    what: str
    playbook: Path
    gathering: str = "explicit"


OURS = Side("site", "playbooks/site.yml", CHECKOUT / "playbooks/site.yml")
STOCK = Side("stock", "converge/stock.yml, no facts", FILES / "stock.yml")
STOCK_FACTS = Side("stock, facts", "converge/stock.yml; facts gathered once a host, as by default", FILES / "stock.yml", "smart")
START_UP = Side("start-up", "a play of the same hosts without tasks", FILES / "empty.yml")
SIDES = (OURS, STOCK, STOCK_FACTS)


class Cost(NamedTuple):
    """Seconds: by the clock, and CPU (user and system) of ansible-playbook with all that it started on this machine."""

    wall: float
    cpu: float


class Count(NamedTuple):
    """Host-tasks (least and most that a compute node had, sum over all hosts) and commands that were sent over ssh."""

    least: int
    most: int
    total: int
    ssh_calls: int


class Failed(Exception):
    """Why there is nothing to measure, or what went wrong, in one line."""


# --- the lab

@contextmanager
def lab() -> Iterator[None]:
    """A new lab with what stock tasks need on a node; afterwards every trace of it is gone."""
    _lab("down")
    try:
        _lab("up")
        # ansible.builtin.apt needs it, and would install it by itself. Ours does not.
        prepare = "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends python3-apt"
        _run([ANSIBLE, "nodes", "-i", CLUSTER, "-m", "ansible.builtin.raw", "-a", prepare], OURS)
        yield
    finally:
        _lab("down")


@contextmanager
def alone() -> Iterator[None]:
    """Two runs would share the lab, and end each other's."""
    WORK.parent.mkdir(parents=True, exist_ok=True)
    with WORK.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed("another run of this benchmark goes on: wait for its end") from None
        yield


def _lab(command: str) -> None:
    done = subprocess.run([PYTHON, CHECKOUT / "tools/lab.py", command, "-i", CLUSTER], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise Failed(f"tools/lab.py {command} failed")


def write_files(nodes: int) -> None:
    """The cluster file for so many compute nodes, and what belongs beside it."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(FILES / "group_vars", WORK / "group_vars")
    CLUSTER.write_text((FILES / "cluster.yml").read_text().replace("cn[1-8]", f"cn[1-{nodes}]"))
    counting = WORK / "counting-ssh"
    counting.write_text(f'#!/bin/sh\necho >> "{SSH_CALLS}"\nexec ssh "$@"\n')
    counting.chmod(0o755)


# --- running

def _environment(side: Side) -> dict[str, str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    return {
        **ours,
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_GATHERING": side.gathering,
        # Connections of our own that stay open from run to run, so that no side pays for them.
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(WORK / "cp"),
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=30m -o PreferredAuthentications=publickey",
        "ANSIBLE_NOCOLOR": "true",
    }


def _command(side: Side) -> list[str | Path]:
    return [side.playbook, "-i", CLUSTER, "-e", f"stock_key_file={KEY}"]


def _run(command: list[Any], side: Side) -> None:
    with (WORK / "log").open("w") as log:
        done = subprocess.run(command, env=_environment(side), cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Failed(f"{side.name}: {' '.join(map(str, command))} ended with status {done.returncode}; see {WORK / 'log'}")


def converge(side: Side, *options: str, **environment: str) -> dict[str, Any]:
    """Run a side's playbook by tools/run.py; returns summary.json. Raises Failed when a host failed or did not answer."""
    runs = WORK / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    with (WORK / "log").open("w") as log:
        subprocess.run([PYTHON, CHECKOUT / "tools/run.py", *_command(side), "--artifacts", runs, *options],
                       env={**_environment(side), **environment}, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT, check=False)
    found = list(runs.glob("*/summary.json"))
    summary: dict[str, Any] = json.loads(found[0].read_text()) if found else {"verdict": "not run"}
    if summary["verdict"] not in ("ok", "changed"):
        raise Failed(f"{side.name}: {summary['verdict']} {summary.get('message') or ''}; see {WORK / 'log'}")
    return summary


def measure(side: Side) -> Cost:
    """Run a side's playbook once, by ansible-playbook alone. The CPU is that of it, its workers and ssh; the nodes' is in wall only."""
    with (WORK / "log").open("w") as log:
        begun = time.monotonic()
        process = subprocess.Popen([ANSIBLE.with_name("ansible-playbook"), *_command(side)], env=_environment(side), cwd=CHECKOUT,
                                   stdout=log, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or re.search(r"changed=[1-9]", (WORK / "log").read_text()):
        raise Failed(f"{side.name}: a run that should change nothing did, or failed; see {WORK / 'log'}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


# --- are the sides equal, and how much do they do?

def differences(maker: Side, judge: Side) -> list[str]:
    """Makes the nodes by one side, and asks the other what it would change."""
    converge(maker)
    return [f"{host}: {maker.name} made it, and {judge.name} would change {counts['changed']} things"
            for host, counts in converge(judge, "--check")["hosts"].items() if counts["changed"]]


def count(side: Side) -> Count:
    """Counts of a run that changes nothing."""
    SSH_CALLS.write_text("")
    hosts = converge(side, ANSIBLE_SSH_EXECUTABLE=str(WORK / "counting-ssh"))["hosts"]
    changed = [host for host, counts in hosts.items() if counts["changed"]]
    if changed:
        raise Failed(f"{side.name}: a run that should change nothing changed {', '.join(changed)}")
    compute = [counts["host_tasks"] for host, counts in hosts.items() if host.startswith("cn")]
    return Count(min(compute), max(compute), sum(counts["host_tasks"] for counts in hosts.values()), len(SSH_CALLS.read_text()))


# --- rounds and tables

def rounds_of(rounds: int, sides: Sequence[Side]) -> list[dict[str, Cost]]:
    """One cost a side and round, start-up taken off."""
    taken = []
    for number in range(rounds):
        start = measure(START_UP)
        turned = [*sides[number % len(sides):], *sides[:number % len(sides)]]      # nobody always comes first
        costs = {side.name: measure(side) for side in turned}
        taken.append({name: Cost(cost.wall - start.wall, cost.cpu - start.cpu) for name, cost in costs.items()})
        ratios = [f"{side.name} {taken[-1][side.name].cpu / taken[-1][OURS.name].cpu:.1f}" for side in sides[1:]]
        print(f"  round {number + 1} of {rounds}: {', '.join(ratios)} x the CPU of site", flush=True)
    return taken


def ratio(taken: list[dict[str, Cost]], side: Side, what: str) -> tuple[float, float, float]:
    """A side's cost to ours: (of the medians, least of a round, most of a round)."""
    both = [(getattr(costs[side.name], what), getattr(costs[OURS.name], what)) for costs in taken]
    each = [theirs / ours for theirs, ours in both]
    return statistics.median(theirs for theirs, _ in both) / statistics.median(ours for _, ours in both), min(each), max(each)


def print_counts(counts: dict[str, Count]) -> None:
    """The counts, which are the same in each run."""
    print(f"\n  {'':14}{'host-tasks a compute node':>27}{'of all hosts':>14}{'to site':>9}{'ssh commands':>14}{'to site':>9}")
    ours = counts[OURS.name]
    for name, one in counts.items():
        span = f"{one.least}" if one.least == one.most else f"{one.least} to {one.most}"
        print(f"  {name:14}{span:>27}{one.total:14}{one.total / ours.total:9.1f}{one.ssh_calls:14}{one.ssh_calls / ours.ssh_calls:9.1f}")


def print_ratios(taken: list[dict[str, Cost]], sides: Sequence[Side]) -> dict[str, float]:
    """Costs to ours, by what was compared."""
    found = {}
    print(f"\n  to site, start-up off; of medians of {len(taken)} rounds (least and most of a round)")
    print(f"  {'':14}{'CPU':>22}{'wall':>22}")
    for side in sides[1:]:
        line = f"  {side.name:14}"
        for what, title in (("cpu", "CPU"), ("wall", "wall")):
            middle, least, most = ratio(taken, side, what)
            line += f"{middle:.1f} ({least:.1f} to {most:.1f})".rjust(22)
            found[f"{side.name}: {title}"] = middle
        print(line)
    return found


def benchmark(rounds: int, sides: Sequence[Side]) -> tuple[list[str], dict[str, Any]]:
    """Compares, counts and measures; returns what is wrong and what was found."""
    with lab():
        wrong = differences(OURS, STOCK)
    with lab():
        wrong += differences(STOCK, OURS)
        if wrong:
            return wrong, {}
        print("\nEqual: of nodes that one side made, the other would change nothing.", flush=True)
        counts = {side.name: count(side) for side in sides}
        print_counts(counts)
        if counts[OURS.name].most > GOAL_HOST_TASKS:
            wrong.append(f"a compute node has {counts[OURS.name].most} host-tasks, and the goal is at most {GOAL_HOST_TASKS}")
        print(flush=True)
        ratios = print_ratios(rounds_of(rounds, sides), sides)
    return wrong, {"counts": {name: one._asdict() for name, one in counts.items()}, "ratios": ratios}


def main() -> int:
    """Prints the tables; see the head of this file for the status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nodes", type=int, help="compute nodes (8; 2 with --quick)")
    parser.add_argument("--rounds", type=int, help="rounds (5)")
    parser.add_argument("--quick", action="store_true", help="one round on two nodes, without the side that gathers facts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts and the ratios to this file")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("converge: ended by SIGTERM"))     # and the lab goes on the way out
    sides = SIDES[:2] if arguments.quick else SIDES
    try:
        with alone():
            write_files(arguments.nodes or (2 if arguments.quick else 8))
            print("\n".join(f"{side.name:14} {side.what}" for side in (*sides, START_UP)), flush=True)
            wrong, found = benchmark(arguments.rounds or (1 if arguments.quick else 5), sides)
    except Failed as error:
        wrong, found = [str(error)], {}
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    if found:
        most = found["counts"][OURS.name]["most"]
        print(f"\nGoals\n  {verdict(most <= GOAL_HOST_TASKS)} host-tasks of a compute node: {most} (goal {GOAL_HOST_TASKS})")
    for text, value in found.get("ratios", {}).items():
        print(f"  {verdict(value >= GOAL_RATIO)} {text} to site: {value:.1f} (goal {GOAL_RATIO})")
    for line in wrong:
        print(f"converge: {line}", file=sys.stderr)
    return 1 if wrong else 0


def verdict(met: bool) -> str:
    """As the inventory benchmark says it."""
    return "met    " if met else "NOT MET"


if __name__ == "__main__":
    sys.exit(main())
