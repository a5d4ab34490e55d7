# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as slurmctld sees them.

Sources: scontrol(1) and `enum node_states` of Slurm 24.11; a state is a base (IDLE, DOWN, …) and flags, joined by +.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

# What slurmd has not answered for, and what it has answered for with less than slurm.conf declares.
SILENT = frozenset({"UNKNOWN", "NOT_RESPONDING"})
REFUSED = frozenset({"INVALID_REG"})
OUT = frozenset({"DRAIN", "DOWN"})
ASLEEP = frozenset({"POWERED_DOWN", "POWERING_DOWN", "POWERING_UP", "POWER_DOWN", "CLOUD", "FUTURE", "REBOOT_ISSUED"})
PAUSE = 1.0     # seconds between two looks
GRACE = 5.0     # seconds in which a node that slurmctld refused may register anew, because slurm.conf was just corrected


class NodeState(NamedTuple):
    """One node: base and flags of its state, the reason for it, and the user who gave that: `slurm` where it was slurmctld itself."""

    states: frozenset[str]
    reason: str = ""
    reason_by: str = ""

    def __str__(self) -> str:
        text = "+".join(sorted(self.states))
        return f"{text} ({self.reason})" if self.reason else text


def observe(run: Run) -> dict[str, NodeState]:
    """Every node that slurmctld knows. Raises ClusterwrightError when it does not answer."""
    result = run(["scontrol", "--oneliner", "show", "node"])
    if result.rc:
        said = last_lines(result)
        raise ClusterwrightError(f"slurmctld does not answer ({said}): look at `systemctl status slurmctld` on the controller")
    return parse(result.out)


def parse(output: str) -> dict[str, NodeState]:
    """`scontrol --oneliner show node`: a line a node."""
    nodes = {}
    for line in output.splitlines():
        name = re.match(r"NodeName=(\S+)", line)
        state = re.search(r"\sState=(\S+)", line)
        reason = re.search(r"\sReason=(.*?)(?:\s+\[([^\]@]*)@[^\]]*\])?\s*$", line)
        if name and state:
            nodes[name[1]] = NodeState(frozenset(state[1].rstrip("*").split("+")), *(reason.groups(default="") if reason else ()))
    return nodes


def not_responding(names: Sequence[str], nodes: dict[str, NodeState]) -> dict[str, str]:
    """Of these nodes, those that slurmctld cannot use, with what it says of them and the way out. Nodes powered off do not count."""
    bad = {}
    for name in names:
        node = nodes.get(name)
        if node is None:
            bad[name] = "slurmctld does not know it: run without --limit, so that the controller's slurm.conf names it"
        elif node.states & ASLEEP:
            continue
        elif node.states & REFUSED:
            way_out = f"correct its hardware in the cluster file or mend the node, then type `{_resume(name)}`"
            bad[name] = f"slurmctld refuses it, {node}: {way_out}"
        elif node.states & SILENT:
            bad[name] = f"slurmctld does not hear from it, {node}: look at `journalctl -u slurmd` there"
    return bad


def withdrawn(names: Sequence[str], nodes: dict[str, NodeState]) -> dict[str, str]:
    """Of these nodes, those that respond but take no jobs because slurmctld by itself drained them or set them down, with the way out."""
    bad = {}
    for name in names:
        node = nodes.get(name)
        if node and node.states & OUT and not node.states & (SILENT | REFUSED | ASLEEP) and node.reason_by == "slurm":
            bad[name] = f"slurmctld has taken it out of service, {node}: once the reason is gone, type `{_resume(name)}`"
    return bad


def _resume(name: str) -> str:
    return f"scontrol update nodename={name} state=resume"


def wait_responding(run: Run, names: Sequence[str], timeout: float, clock: Callable[[], float] = time.monotonic,
                    pause: Callable[[float], None] = time.sleep) -> tuple[dict[str, NodeState], dict[str, str]]:
    """Look until all these nodes respond, or `timeout` seconds are over; returns all nodes and those that do not respond.

    Nodes that are unknown or refused are given up soon, for waiting does not mend them.
    """
    begin = clock()
    while True:
        nodes = observe(run)
        bad = not_responding(names, nodes)
        silent = any(name in nodes and not nodes[name].states & REFUSED for name in bad)
        if not bad or clock() - begin >= (timeout if silent else min(timeout, GRACE)):
            return nodes, bad
        pause(PAUSE)
