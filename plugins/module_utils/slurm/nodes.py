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
ASLEEP = frozenset({"POWERED_DOWN", "POWERING_DOWN", "POWERING_UP", "POWER_DOWN", "CLOUD", "FUTURE", "REBOOT_ISSUED"})
PAUSE = 1.0     # seconds between two looks


class NodeState(NamedTuple):
    """One node: base and flags of its state, and the reason that somebody gave for it."""

    states: frozenset[str]
    reason: str

    def __str__(self) -> str:
        text = "+".join(sorted(self.states))
        return f"{text} ({self.reason})" if self.reason else text


def observe(run: Run) -> dict[str, NodeState]:
    """Every node that slurmctld knows. Raises ClusterwrightError when it does not answer."""
    result = run(["scontrol", "--oneliner", "show", "node"])
    if result.rc:
        raise ClusterwrightError(f"slurmctld does not answer ({last_lines(result)}): look at `systemctl status slurmctld` on the controller")
    return parse(result.out)


def parse(output: str) -> dict[str, NodeState]:
    """`scontrol --oneliner show node`: a line a node."""
    nodes = {}
    for line in output.splitlines():
        name = re.match(r"NodeName=(\S+)", line)
        state = re.search(r"\sState=(\S+)", line)
        reason = re.search(r"\sReason=(.*?)(?:\s+\[[^\]]*\])?\s*$", line)
        if name and state:
            nodes[name[1]] = NodeState(frozenset(state[1].rstrip("*").split("+")), reason[1] if reason else "")
    return nodes


def not_responding(names: Sequence[str], nodes: dict[str, NodeState]) -> dict[str, str]:
    """Of these nodes, those that slurmctld cannot use, with what it says of them. Nodes that are powered off do not count."""
    bad = {}
    for name in names:
        node = nodes.get(name)
        if node is None:
            bad[name] = "unknown to slurmctld"
        elif node.states & (SILENT | REFUSED) and not node.states & ASLEEP:
            bad[name] = str(node)
    return bad


def wait_responding(run: Run, names: Sequence[str], timeout: float, clock: Callable[[], float] = time.monotonic,
                    pause: Callable[[float], None] = time.sleep) -> tuple[dict[str, NodeState], dict[str, str]]:
    """Look until all these nodes respond, or `timeout` seconds are over; returns all nodes and those that do not respond."""
    end = clock() + timeout
    while True:
        nodes = observe(run)
        bad = not_responding(names, nodes)
        refused = any(name in nodes and nodes[name].states & REFUSED for name in bad)
        if not bad or refused or clock() >= end:
            return nodes, bad
        pause(PAUSE)
