# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's releases, and from which of them each can be reached in one step.

Sources: the table "Compatible Prior Version" of https://slurm.schedmd.com/upgrades.html, as Slurm 24.11 and 26.05 ship it; for 22.05 its
RELEASE_NOTES. Two releases back up to 24.05, three from 24.11 on. What is seen outside of the window, with a database and a state
of 22.05 and the daemons of 24.11: slurmdbd ends with "Database schema is too old for this version of Slurm to upgrade", slurmctld with
"Can not recover assoc_usage state, incompatible version, got 9728 need >= 9984 <= 10752".
"""

from __future__ import annotations

import re
from collections import deque

# release -> the former releases whose database, state files, messages and running jobs it takes
TAKES = {
    "22.05": ("21.08", "20.11"),
    "23.02": ("22.05", "21.08"),
    "23.11": ("23.02", "22.05"),
    "24.05": ("23.11", "23.02"),
    "24.11": ("24.05", "23.11", "23.02"),
    "25.05": ("24.11", "24.05", "23.11"),
    "25.11": ("25.05", "24.11", "24.05"),
    "26.05": ("25.11", "25.05", "24.11"),
    "26.11": ("26.05", "25.11", "25.05"),
}
# In their order, which is also that of their protocol's number: 38 << 8 is 22.05, 42 << 8 is 24.11 and 45 << 8 is 26.05.
KNOWN = ("20.11", "21.08", *TAKES)
FIRST_PROTOCOL = 36


def release(version: str) -> str:
    """The release of a version: 24.11 of `24.11.5`, `24.11` and Debian's `24.11.5-4+deb13u1`. Empty when it has none."""
    found = re.match(r"(?:\d+:)?(\d\d\.\d\d)(?=[.~+-]|$)", version)
    return found[1] if found else ""


def by_protocol(protocol: int) -> str:
    """The release that has written with this protocol version; empty where it is not known here."""
    position = (protocol >> 8) - FIRST_PROTOCOL
    return KNOWN[position] if 0 <= position < len(KNOWN) else ""


def number(name: str) -> tuple[int, ...]:
    """For comparing releases."""
    return tuple(int(part) for part in name.split("."))


def refusal(running: str, target: str) -> str:
    """Why one cannot go from a release to another in one step, and the way out; empty when one can. Both are releases."""
    if running == target:
        return ""
    if number(running) > number(target):
        return f"Slurm {running} does not go back to {target}: what {running} has written, {target} cannot read"
    if target not in TAKES:
        return f"from which releases Slurm {target} can be reached is not known here (known: {', '.join(TAKES)})"
    if running in TAKES[target]:
        return ""
    way = steps(running, target)
    way_out = f"go in steps, {' -> '.join(way)}, and let the jobs of each step end" if way else "there is no way in steps either"
    return f"Slurm {target} takes over from {', '.join(TAKES[target])}, not from {running}: {way_out}"


def steps(running: str, target: str) -> list[str]:
    """The fewest releases to go through, both ends included; empty when there is no way."""
    ways = deque([[target]])
    while ways:
        way = ways.popleft()
        if way[0] == running:
            return way
        # Newest first: of two ways that are as short, the one with the smaller last step.
        ways.extend([before, *way] for before in TAKES.get(way[0], ()))
    return []
