# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Works off the queue of Slurm's power saving, on a controller: `python3 -m …slurm.power_worker CONFIG SPOOL`, started by systemd.

It runs until there is no more to do. In each round it takes what slurmctld has asked for since, looks at Slurm and at the BMCs, lets
power_steps decide, writes that down, and only then tells the BMCs. It needs no Ansible: the role slurm_power brings this package's modules.

Powered by the collection's own BMC domain and not by ipmipower or powerman, because that speaks Redfish as well, refuses a BMC that belongs
to another machine, and tells a dead BMC from one that lies.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import driver, fleet, power
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Driver, Report
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import Outcome
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import PATH, Result, Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import nodes as slurm_nodes
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import power_steps
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.drain import tagged
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import NodeState, fold
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.power_spool import Request, Spool
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.power_steps import Entry, Limits, Move

DEADLINE = 8.0      # seconds for one call to a BMC
SIDE_BY_SIDE = 32
QUICK, SLOW = 1.0, 3.0      # seconds between two rounds: while BMCs are at work, and while nodes boot
INFO, NOTICE, WARNING, ERROR = 6, 5, 4, 3


class Bmcs(NamedTuple):
    """How BMCs are asked and told: a test puts its own in their place. Both take targets, and give an Outcome a name."""

    look: Callable[[Sequence[BmcIntent], bool], Mapping[str, Outcome]]
    tell: Callable[[Sequence[BmcIntent], Mapping[str, str]], Mapping[str, Outcome]]


def look(targets: Sequence[BmcIntent], check_identity: bool) -> Mapping[str, Outcome]:
    """The power of each; check_identity: and whether it is the BMC of that node, as far as something is known to compare."""
    return power.observe(targets, "soft" if check_identity else "status", check_identity, DEADLINE, SIDE_BY_SIDE)


def tell(targets: Sequence[BmcIntent], steps: Mapping[str, str]) -> Mapping[str, Outcome]:
    """Tell each what its step says, unless its machine is there already."""
    def work(bmc: Driver, target: BmcIntent, report: Report) -> str:
        step = steps[target["name"]]
        seen = bmc.power()
        if seen != power_steps.GOAL[step]:
            report(f"was told to switch {power_steps.TOLD[step]}")
            bmc.control(power_steps.TOLD[step])
        return seen

    return fleet.call(targets, work, DEADLINE, SIDE_BY_SIDE)


def log(level: int, names: Sequence[str], text: str) -> None:
    """A line for the journal."""
    sys.stdout.write(f"<{level}>{f'{fold(names)} ' if names else ''}{text}\n")
    sys.stdout.flush()


class Worker:
    """Rounds until the queue is empty. at_once, pause: so many machines are told something in a round, and the next ones so much later."""

    def __init__(self, spool: Spool, bmcs: Mapping[str, BmcIntent], run: Run, at_once: int, pause: float, calls: Bmcs = Bmcs(look, tell),  # noqa: B008
                 clock: Callable[[], float] = time.time) -> None:
        self._spool, self._bmcs, self._run, self._calls, self._clock = spool, bmcs, run, calls, clock
        self._at_once, self._pause = at_once, pause
        self._limits: dict[str, Limits] = {}
        self._slurm_answers = True
        self.nodes = {name: Entry(**entry) for name, entry in spool.nodes.items()}
        if self.nodes:
            log(NOTICE, list(self.nodes), "was left by a worker that was stopped: goes on")

    def round(self) -> float | None:
        """One round; returns the seconds until the next one, None when there is nothing more to do."""
        self._take()
        if not self.nodes:
            return None
        now = self._clock()
        seen = self._ask_slurm()
        wanted = [name for name, entry in self.nodes.items() if power_steps.looks(entry, now)]
        fresh = [name for name in wanted if power_steps.comes_to_tell(self.nodes[name])][:self._at_once]
        going = [name for name in wanted if not power_steps.comes_to_tell(self.nodes[name])]
        powers = {**self._look(fresh, True), **self._look(going, False)}
        moves = {name: self._advance(name, seen, powers, now) for name in list(self.nodes) if name in powers or name not in wanted}
        self._say({name: move.said for name, move in moves.items()})
        downs = {name: move.down for name, move in moves.items() if move.down}
        # Whoever is set down stays written down until that is done.
        self._keep({name: move.entry for name, move in moves.items() if name not in downs})
        self._tell([name for name, move in moves.items() if move.tell], now)
        self._keep(dict.fromkeys(self._set_down(downs)))
        if not self.nodes:
            return 0.0
        return max(self._pause, QUICK) if any(entry.step != "boot" for entry in self.nodes.values()) else SLOW

    def _take(self) -> None:
        requests = self._spool.waiting()
        for request in requests:
            names = self._known(request)
            log(INFO, names, f"{request.action} was asked for by slurmctld")
            self.nodes = power_steps.merge(self.nodes, request.action, names, self._clock())
        if requests or not self.nodes:
            self._save(requests)

    def _known(self, request: Request) -> list[str]:
        try:
            names = slurm_nodes.expand(self._run, [request.nodeset])
        except ClusterwrightError as error:
            log(ERROR, [], f"{request.action}: {error}")
            return []
        unknown = [name for name in names if name not in self._bmcs]
        if unknown:
            log(ERROR, unknown, f"has no BMC here, so {request.action} is left out: run site.yml, or name it in power_saving.exclude")
        return [name for name in names if name in self._bmcs]

    def _ask_slurm(self) -> Mapping[str, NodeState] | None:
        try:
            found = self._observe()
            if not self._limits:
                self._limits = limits(self._run)
        except ClusterwrightError as error:
            if self._slurm_answers:
                log(WARNING, [], f"waits: {error}")
            found = None
        self._slurm_answers = found is not None
        return found

    def _observe(self) -> Mapping[str, NodeState]:
        try:
            return slurm_nodes.observe(self._run, list(self.nodes))
        except ClusterwrightError:
            return slurm_nodes.observe(self._run)       # one of them may be no node any more, and then it tells nothing of the others

    def _look(self, names: Sequence[str], check_identity: bool) -> Mapping[str, Outcome]:
        return self._calls.look([self._bmcs[name] for name in names], check_identity) if names else {}

    def _advance(self, name: str, seen: Mapping[str, NodeState] | None, powers: Mapping[str, Outcome], now: float) -> Move:
        if seen is not None and name not in seen:
            return Move(None, "is no node of Slurm any more")
        if not self._limits:
            return Move(self.nodes[name])       # slurmctld has not told its timeouts yet
        node = None if seen is None else seen[name]
        return power_steps.advance(self.nodes[name], node, powers.get(name), now, self._limits_of(name))

    def _tell(self, names: Sequence[str], now: float) -> None:
        if not names:
            return
        said = self._calls.tell([self._bmcs[name] for name in names], {name: self.nodes[name].step for name in names})
        moves = {name: Move(self.nodes[name]._replace(told=now)) if outcome.ok
                 else power_steps.unheard(self.nodes[name], outcome, now, self._limits_of(name)) for name, outcome in said.items()}
        self._keep({name: move.entry for name, move in moves.items()})
        self._say({name: move.said for name, move in moves.items()}, WARNING)

    def _limits_of(self, name: str) -> Limits:
        return self._limits.get(name, self._limits[""])

    def _set_down(self, downs: Mapping[str, str]) -> list[str]:
        done = []
        for why in dict.fromkeys(downs.values()):
            names = [name for name, each in downs.items() if each == why]
            text = re.sub(r'[^ -~]|["\\]', " ", why)[:200]
            result = self._run(["scontrol", "update", f"nodename={fold(names)}", "state=down", f"reason={tagged(text)}"])
            if result.rc:
                log(ERROR, names, f"could not be set down: {last_lines(result)}")
            else:
                done += names
        return done

    def _keep(self, changes: Mapping[str, Entry | None]) -> None:
        for name, entry in changes.items():
            if entry:
                self.nodes[name] = entry
            else:
                del self.nodes[name]
        if changes:
            self._save()

    def _save(self, taken: list[Request] | None = None) -> None:
        self._spool.nodes = {name: entry._asdict() for name, entry in self.nodes.items()}
        self._spool.save(taken)

    def _say(self, said: Mapping[str, str], level: int = NOTICE) -> None:
        for text in dict.fromkeys(filter(None, said.values())):
            log(level, [name for name, each in said.items() if each == text], text)


def limits(run: Run) -> dict[str, Limits]:
    """Slurm's timeouts: of all nodes under the empty name, and of those whose partitions have their own."""
    config = slurm_nodes.answer(run, ["scontrol", "show", "config"])
    keys = ("SuspendTimeout", "ResumeTimeout")
    general = Limits(*(float(found[1]) if (found := re.search(rf"^{key}\s*= (\d+)", config, re.MULTILINE)) else 60.0 for key in keys))
    own: dict[str, Limits] = {}
    for line in slurm_nodes.answer(run, ["scontrol", "--all", "--oneliner", "show", "partition"]).split("\n"):
        partition = slurm_nodes.record(line)
        seconds = [slurm_nodes.number(partition.get(key)) for key in keys]
        if any(value is not None for value in seconds) and partition.get("Nodes"):
            for name in slurm_nodes.expand(run, [partition["Nodes"]]):      # of several partitions, the longest counts
                before = own.get(name, Limits(0, 0))
                own[name] = Limits(*(max(old, other if value is None else value) for old, value, other in zip(before, seconds, general)))
    return {"": general, **own}


def run_command(argv: Sequence[str]) -> Result:
    """A command without a shell, in the C locale."""
    try:
        done = subprocess.run(list(argv), capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                              env={**os.environ, "LC_ALL": "C", "PATH": PATH})
    except subprocess.TimeoutExpired:
        return Result(124, "", f"{argv[0]} did not answer within 60 s")
    except OSError as error:
        return Result(127, "", f"{argv[0]}: {os.strerror(error.errno or 0)}")
    return Result(done.returncode, done.stdout, done.stderr)


def targets(config: Mapping[str, Any]) -> dict[str, BmcIntent]:
    """The BMCs of the configuration, each with user and password."""
    common = {"username": config["username"], "password": config["password"], "verify_tls": config["validate_certs"]}
    found = {bmc["name"]: cast("BmcIntent", {**common, **bmc}) for bmc in config["bmcs"]}
    driver.load(bmc["protocol"] for bmc in found.values())
    return found


def main(arguments: Sequence[str]) -> int:
    """Until there is nothing more to do."""
    config = json.loads(Path(arguments[0]).read_text())
    try:
        worker = Worker(Spool(Path(arguments[1])), targets(config), run_command, config["at_once"], config["pause"])
    except ClusterwrightError as error:
        log(ERROR, [], str(error))
        return 1
    while (pause := worker.round()) is not None:
        time.sleep(pause)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
