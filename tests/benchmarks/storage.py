#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rerun for Ceph's pools, keys and settings costs that changes nothing, beside a task for each. README.md here says how it measures.

    .venv/bin/python tests/benchmarks/storage.py             # a lab of three hosts and a client, 20 pools, three rounds: ten minutes
    .venv/bin/python tests/benchmarks/storage.py --quick     # measures nothing, since a Ceph takes a minute to build

Needs what the lab needs (docs/runbooks/lab.md). Exit status 1 when the two sides do not leave the same Ceph, or ours changes something.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
WORK = CHECKOUT / ".build/benchstorage"       # as deep as the scenario, whose group_vars find the lab's key by a relative path
SCENARIO = CHECKOUT / "molecule/storage"
CLUSTER, NAME = WORK / "cluster.yml", "benchstorage"
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
GOAL_COMMANDS, GOAL_CPU = 20, 10

# Counts root's calls of ceph on a host, with their CPU seconds (user and system).
COUNTER = """\
#!/bin/bash
[ "$UID" = 0 ] || exec /usr/bin/ceph "$@"
TIMEFORMAT='%U %S'
exec 3>&2
{ time /usr/bin/ceph "$@" 2>&3 3>&-; } 2>>/root/ceph-calls
"""


class Cost(NamedTuple):
    """Tasks that ran on a host; calls of ceph; CPU seconds of Ansible here and of those calls there; seconds by the clock."""

    tasks: int
    commands: int
    cpu: float
    ceph_cpu: float
    wall: float


class Failed(Exception):
    """Why there is nothing to measure, in one line."""


@contextmanager
def lab(pools: int) -> Iterator[None]:
    """The cluster of the scenario `storage` with further pools and clients; afterwards every trace of it is gone."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(SCENARIO / "group_vars", WORK / "group_vars")
    text = (SCENARIO / "cluster.yml").read_text()
    further = "".join(f"    images{number}: {{application: rbd}}\n" for number in range(1, pools + 1))
    clients = "".join(f'    user{number}: {{mon: profile rbd, osd: "profile rbd pool=images{number}"}}\n' for number in range(1, pools + 1))
    for old, new in (("name: moleculestorage", f"name: {NAME}"), ("10.63.0.", "10.65.0."),
                     ("  filesystems:\n", f"{further}  clients:\n{clients}  filesystems:\n")):
        if old not in text:
            raise Failed(f"{SCENARIO / 'cluster.yml'} has no {old.strip()!r} any more")
        text = text.replace(old, new)
    CLUSTER.write_text(text)
    lab_command("down")
    try:
        lab_command("up", "--image", "ceph")
        yield
    finally:
        lab_command("down")


def lab_command(*words: str) -> None:
    """tools/lab.py."""
    command = [sys.executable, str(CHECKOUT / "tools/lab.py"), words[0], "-i", str(CLUSTER), *words[1:]]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise Failed(f"tools/lab.py {words[0]} failed")


def node(name: str, script: str) -> str:
    """What a shell script prints on a node."""
    done = subprocess.run(["ssh", "-F", CHECKOUT / f".build/lab/{NAME}/ssh_config", name, "sh -s"], input=script, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise Failed(f"{name}: {done.stderr.strip()}")
    return done.stdout


def play(playbook: Path, *, converge: bool = False) -> Cost:
    """Run it once; a run that fails, or changes something where it should not, raises Failed."""
    node("store1", ": > /root/ceph-calls")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "true", "ANSIBLE_GATHERING": "explicit"}
    with (WORK / "log").open("w") as log:
        begun = time.monotonic()
        process = subprocess.Popen([PLAYBOOK, "-i", CLUSTER, playbook], env=environment, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    said = (WORK / "log").read_text()
    if process.returncode or (not converge and re.search(r"changed=[1-9]", said)):
        raise Failed(f"{playbook.name}: a run that should change nothing did, or failed; see {WORK / 'log'}")
    calls = [sum(map(float, line.split())) for line in node("store1", "cat /root/ceph-calls").splitlines()]
    return Cost(sum(map(int, re.findall(r" ok=(\d+)", said))), len(calls), usage.ru_utime + usage.ru_stime, sum(calls), wall)


def write_plays() -> dict[str, Path]:
    """The sides, from what the inventory says of this cluster; JSON is YAML."""
    listed = subprocess.run([PLAYBOOK.with_name("ansible-inventory"), "-i", CLUSTER, "--host", "store1"], capture_output=True, text=True,
                            env={**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}, cwd=CHECKOUT, check=True)
    intent = json.loads(listed.stdout)["ceph_intent"]
    ours = [{"clusterwright.hpc.ceph_config": {"settings": intent["config"]}},
            {"clusterwright.hpc.ceph_auth": {"entities": intent["clients"]}}, {"clusterwright.hpc.ceph_pool": {"pools": intent["pools"]}}]
    theirs = [["config", "set", section, name, str(value)]
              for section, values in intent["config"].items() for name, value in values.items()]
    theirs += [["auth", "get-or-create", client["name"], *(word for pair in client["caps"].items() for word in pair)]
               for client in intent["clients"]]
    for pool in intent["pools"]:
        name, groups = pool["name"], str(pool["pg_num"])
        theirs += [["osd", "pool", "create", name, groups, groups, "replicated", "clusterwright_host", "--autoscale-mode=off"],
                   ["osd", "pool", "set", name, "size", str(pool["size"])], ["osd", "pool", "set", name, "min_size", str(pool["min_size"])],
                   ["osd", "pool", "application", "enable", name, pool["application"]]]
    plays = {"one task for all": ours, "a task each": [{"ansible.builtin.command": {"argv": ["ceph", *words]}, "changed_when": False}
                                                       for words in theirs], "start-up": []}
    paths = {}
    for name, tasks in plays.items():
        paths[name] = WORK / f"{name.replace(' ', '-')}.yml"
        paths[name].write_text(json.dumps([{"hosts": "ceph_mon[0]", "gather_facts": False, "tasks": tasks}]))
    return paths


def state() -> Any:
    """What Ceph is, without what counts the changes."""
    dump = json.loads(node("store1", "/usr/bin/ceph osd dump --format json"))
    pools = [{key: pool[key] for key in ("pool_name", "size", "min_size", "pg_num", "crush_rule", "application_metadata",
                                         "pg_autoscale_mode")} for pool in dump["pools"]]
    return pools, node("store1", "/usr/bin/ceph config dump"), node("store1", "/usr/bin/ceph auth ls 2>/dev/null")


def benchmark(rounds: int, pools: int) -> list[str]:
    """Builds, compares and measures; returns what is wrong."""
    with lab(pools):
        built = play(CHECKOUT / "playbooks/storage.yml", converge=True)
        node("store1", f"cat > /usr/local/bin/ceph <<'END'\n{COUNTER}END\nchmod +x /usr/local/bin/ceph")
        again = play(CHECKOUT / "playbooks/storage.yml")
        hosts = len(re.findall(r" ok=\d+", (WORK / "log").read_text()))
        print(f"\n  storage.yml, {hosts} hosts: {built.tasks} host-tasks that build, {again.tasks} that change nothing, with "
              f"{again.commands} calls of ceph", flush=True)
        plays = write_plays()
        seen, before = [], state()
        for number in range(rounds):
            names = [*plays][number % 2:] + [*plays][:number % 2]
            seen.append({name: play(plays[name]) for name in names})
            print(f"  round {number + 1} of {rounds}", flush=True)
            if state() != before:
                return ["the two sides do not leave the same Ceph"]
    print_table(seen, pools)
    return []


def print_table(seen: list[dict[str, Cost]], pools: int) -> None:
    """Counts, and CPU and time as ratios to ours, Ansible's own start taken off."""
    def middle(name: str, what: str) -> float:
        bare = "start-up" if what in ("cpu", "wall") else None
        return statistics.median(getattr(costs[name], what) - (getattr(costs[bare], what) if bare else 0) for costs in seen)
    ours, theirs = "one task for all", "a task each"
    print(f"\n  {pools + 2} pools, {pools + 1} clients; medians of {len(seen)} rounds\n"
          f"  {'':18}{'host-tasks':>12}{'calls of ceph':>15}{'CPU, to ours':>14}{'CPU of ceph':>13}{'wall':>7}")
    ratios = {what: middle(theirs, what) / middle(ours, what) for what in ("tasks", "commands", "cpu", "ceph_cpu", "wall")}
    for name in (ours, theirs):
        to = {what: 1.0 if name == ours else ratio for what, ratio in ratios.items()}
        print(f"  {name:18}{middle(name, 'tasks'):12.0f}{middle(name, 'commands'):15.0f}{to['cpu']:14.1f}{to['ceph_cpu']:13.1f}"
              f"{to['wall']:7.1f}")
    print("\nGoals")
    for text, what, goal in (("calls of ceph to ours", "commands", GOAL_COMMANDS), ("CPU to ours", "cpu", GOAL_CPU)):
        print(f"  {'met    ' if ratios[what] >= goal else 'NOT MET'} {text}: {ratios[what]:.1f} (goal {goal})")


def main() -> int:
    """Prints the table; see the head of this file for the status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pools", type=int, default=20, help="further pools, each with a client (20)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--quick", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        print("storage: left out in the quick form, for it needs a Ceph of its own, which takes a minute to build")
        return 0
    try:
        wrong = benchmark(arguments.rounds, arguments.pools)
    except Failed as error:
        wrong = [str(error)]
    for line in wrong:
        print(f"storage: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
