# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long nodes take from the moment when Slurm wants them until slurmctld hears from them, and the ResumeTimeout that follows.

Sources, all tried on 24.11: slurmctld's log at its usual level has the begin (a job gets nodes that are off, or `powering up node`) and the
end (`Node … now responding`, `not resumed by ResumeTimeout`); with DebugFlags=Power, `power_save: waking nodes`. The journal of the power
queue has the whole time of each node. What is no source: sacctmgr's events, which end when a node is asked to start; and BootTime and
SlurmdStartTime of `scontrol show node`, which leave out the firmware, where most of the time goes.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import expand

LEAST = 60          # seconds: Slurm's own default
STEP = 30           # seconds to which a proposal is rounded up
LONGEST = 3600.0    # seconds after which an answer has nothing to do with a request any more

_LINE = re.compile(r"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?[^\]]*\] (.*)")
_ASKED = (
    re.compile(r"power_save: (?:pid \d+ )?waking nodes (\S+)"),
    re.compile(r"powering up node (\S+)"),
    re.compile(r"sched: (?:\S+: )?Allocate JobId=(?P<job>\S+) NodeList=(\S+)"),
    re.compile(r"sched/backfill: _start_job: Started JobId=(?P<job>\S+) in \S+ on (\S+)"),
)
_UP = re.compile(r"Node (\S+) now responding")
_LOST = re.compile(r"(?:error: )?Nodes (\S+) not responding")
_FAILED = re.compile(r"node (\S+) not resumed by ResumeTimeout\((\d+)\)")
_ENDED = re.compile(r"(?:_job_complete: JobId=|_slurm_rpc_kill_job: REQUEST_KILL_JOB JobId=)(\S+?)(?: |$)")
_QUEUE_UP = re.compile(r"(\S+) is up after (\d+) s")
_QUEUE_CYCLED = re.compile(r"(\S+) .*its power is cycled")
_QUEUE_WANTED = re.compile(r"(\S+) resume was asked for")


class Boots(NamedTuple):
    """times: (node, seconds) of each boot. late: of those, how many answered only after ResumeTimeout. failed: that never answered."""

    times: list[tuple[str, float]]
    late: int = 0
    failed: tuple[str, ...] = ()


def from_log(lines: Iterable[str]) -> Boots:
    """slurmctld's log. A node that answers after it was lost, or after its job has ended, did not boot then."""
    asked: dict[str, float] = {}
    of_job: dict[str, list[str]] = {}
    given_up: dict[str, str] = {}
    times: list[tuple[str, float]] = []
    late = 0
    for line in lines:
        parts = _LINE.match(line)
        if not parts:
            continue
        text = parts[3]
        if found := _first(_ASKED, text):
            at = datetime.fromisoformat(parts[1]).timestamp() + float(parts[2] or 0)
            names = expand(found[found.lastindex or 1])
            # A job that gets a node which was asked for already begins nothing.
            fresh = [name for name in names if name in given_up or asked.get(name, 0.0) < at - LONGEST]
            asked.update(dict.fromkeys(fresh, at))
            given_up = {name: why for name, why in given_up.items() if name not in fresh} if given_up else given_up
            if job := found.groupdict().get("job"):
                of_job[job] = fresh
        elif found := _UP.match(text):
            begin = asked.pop(found[1], 0.0)
            at = datetime.fromisoformat(parts[1]).timestamp() + float(parts[2] or 0)
            if begin and 0 <= at - begin <= LONGEST:
                times.append((found[1], at - begin))
                late += found[1] in given_up
            given_up.pop(found[1], None)
        elif found := _FAILED.match(text):
            given_up[found[1]] = found[2]
        elif found := _LOST.match(text):
            for name in expand(found[1]):
                asked.pop(name, None)
        elif found := _ENDED.match(text):
            for name in of_job.pop(found[1], []):
                if name not in given_up:
                    asked.pop(name, None)
    return Boots(times, late, tuple(sorted(given_up)))


def from_queue(lines: Iterable[str]) -> Boots:
    """The journal of the power queue. A node whose power was cycled on the way took two boots, and does not count."""
    times: list[tuple[str, float]] = []
    cycled: set[str] = set()
    for line in lines:
        if found := _QUEUE_WANTED.search(line):
            cycled.difference_update(expand(found[1]))
        elif found := _QUEUE_CYCLED.search(line):
            cycled.update(expand(found[1]))
        elif found := _QUEUE_UP.search(line):
            times += [(name, float(found[2])) for name in expand(found[1]) if name not in cycled]
    return Boots(times)


def _first(patterns: Sequence[re.Pattern[str]], text: str) -> re.Match[str] | None:
    return next((found for pattern in patterns if (found := pattern.match(text))), None)


def read(log: Path) -> list[str]:
    """The lines of a log and of those before it that logrotate has kept, oldest first. Raises ClusterwrightError."""
    kept = sorted(log.parent.glob(f"{log.name}*"), key=lambda path: path.stat().st_mtime)
    lines: list[str] = []
    try:
        for path in kept or [log]:
            data = path.read_bytes()
            lines += (gzip.decompress(data) if path.suffix == ".gz" else data).decode(errors="replace").splitlines()
    except (OSError, EOFError) as error:
        raise ClusterwrightError(f"{log} cannot be read ({error}): is this the controller, and is "
                                 "SlurmctldLogFile set?") from None
    return lines


def percentile(times: Sequence[float], percent: float) -> float:
    """The smallest time that so many percent of all do not exceed (nearest rank)."""
    ordered = sorted(times)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def propose(times: Sequence[float], percent: float, factor: float) -> int:
    """ResumeTimeout for these times: a percentile of them times a factor, rounded up to half a minute, at least a minute.

    The factor is two where the power queue is at work: it cycles a node's power after half of ResumeTimeout, and then that node needs the
    other half to boot.
    """
    return max(LEAST, ceil(percentile(times, percent) * factor / STEP) * STEP)
