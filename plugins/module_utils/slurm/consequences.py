# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes of Slurm's configuration would do to jobs, and the refusal of those that would end some. Pure.

Sources: slurm.conf(5) of Slurm 24.11, and what was seen when it was tried: a partition that goes ends its jobs and those that wait in it,
a node that goes ends or requeues what it has, and a MaxJobCount below the number of jobs makes slurmctld 24.11 forget all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.difference import ABSENT, Change
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import ASLEEP, OUT, SILENT, flags, fold, fold_some
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.policy import Needs
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import Job, Slurm, expand, unfinished

Hits = Sequence[tuple[Change, list[Job]]]


def goes(change: Change) -> bool:
    """Whether it removes nodes or a partition."""
    return change.key in ("NodeName", "PartitionName") and change.new == ABSENT


def hits(found: Sequence[Change], jobs: Sequence[Job]) -> list[tuple[Change, list[Job]]]:
    """The jobs that each change would end."""
    left = unfinished(jobs)
    on = {job.id: frozenset(expand(job.nodes)) for job in left}
    result = []
    for change in found:
        if change.key == "PartitionName" and goes(change):
            hit = [job for job in left if change.where in job.partition.split(",")]
        elif goes(change) or change.cost.jobs == Needs.DRAINED_NODES:
            hit = [job for job in left if job.runs and (change.nodes is None or on[job.id].intersection(change.nodes))]
        else:
            hit = left if change.cost.jobs == Needs.EMPTY_CLUSTER else []
        if hit:
            result.append((change, hit))
    return result


def refuse(found: Sequence[Change], hit: Hits, before: Slurm | None, blind: bool) -> None:
    """Raises ClusterwrightError, with all reasons, when jobs would end or nodes go that are in service.

    blind: slurmctld does not run and may have jobs that nobody sees.
    """
    nodes = before.nodes if before else {}
    sentences = [_why(change, jobs, list(nodes)) for change, jobs in hit]
    if blind:
        unsafe = [change for change in found if change.cost.jobs or goes(change)]
        if unsafe:
            sentences.append(f"slurmctld does not run, so nobody knows which jobs {', '.join(map(_name, unsafe[:3]))} would end: start "
                             "it with the files as they are, `systemctl start slurmctld`, and run again")
    else:
        named = {name for change, _jobs in hit if change.key == "NodeName" for name in change.nodes or ()}
        gone = [name for change in found if change.key == "NodeName" and goes(change) for name in change.nodes or ()]
        serving = [name for name in gone if name not in named and not flags(nodes[name].get("State", "")) & (OUT | ASLEEP | SILENT)]
        if serving:
            sentences.append(f"{fold_some(serving)} is removed while it is in service: drain it first, `{_drain(serving)}`")
    if sentences:
        raise ClusterwrightError(
            f"Nothing was changed: {'; '.join(sentences)}. Or let what runs there end: end_jobs: true, in the playbooks -e "
            "slurm_controller_end_jobs=true", changed=False, verified=False,
            changes=[change.as_data() for change in found], impact=job_impact(hit), needs=max(change.cost.needs for change in found).words,
        )


def job_impact(hit: Hits) -> list[dict[str, Any]]:
    """The jobs that end, as data and in words, each once."""
    told: dict[str, dict[str, Any]] = {}
    for change, jobs in hit:
        for job in jobs:
            told.setdefault(job.id, {"kind": "job_ends", **job._asdict(), "text": f"{job} ends, because of {_name(change)}"})
    return list(told.values())


def impact(found: Sequence[Change], action: str, standby: bool) -> list[dict[str, Any]]:
    """What else a change disturbs, as data and in words."""
    words = {"start": "slurmctld starts", "restart": "slurmctld restarts: jobs run on, commands wait meanwhile",
             "reconfigure": "slurmctld and every slurmd read their files: jobs run on"}
    text = "slurmctld restarts on the standby, which disturbs nothing" if standby and action == "restart" else words.get(action, "")
    told = [{"kind": f"slurmctld_{action}", "name": "slurmctld.service", "text": text}] if action else []
    keys = dict.fromkeys(change.key for change in found if change.cost.action >= Needs.RESTART_SLURMD)
    if keys:
        told.append({"kind": "slurmd_restart_pending", "name": "slurmd.service", "text": f"every slurmd must restart: {', '.join(keys)}"})
    for change in found:
        if not change.cost.known:
            text = f"{change} is not in the table of what changes need: all daemons must restart"
            told.append({"kind": "unknown_key", "name": change.key, "text": text})
        elif change.key == "State" and change.where.startswith("PartitionName="):
            text = f"{change} goes back from {change.old} to {change.new}, as declared"
            told.append({"kind": "partition_reset", "name": change.where.partition("=")[2], "text": text})
    return told


def _why(change: Change, jobs: Sequence[Job], everywhere: Sequence[str]) -> str:
    listed = ", ".join(map(str, jobs[:5])) + (f" and {len(jobs) - 5} more" if len(jobs) > 5 else "")
    if change.key == "PartitionName":
        return (f"partition {change.where} goes and would take its jobs with it, {listed}: wait for them, or move those that wait, "
                "`scontrol update jobid=ID partition=OTHER`")
    if change.key == "NodeName":
        return f"{change.where} is removed while it has {listed}: drain it first, `{_drain(change.nodes or ())}`, and wait"
    what = f"{change} ({change.old or 'unset'} to {change.new or 'unset'})"
    if change.key.lower() == "statesavelocation":
        return f"{what} would lose {listed}: stop slurmctld, copy its state, `cp -a {change.old}/. {change.new}/`, and run again"
    if change.cost.jobs == Needs.EMPTY_CLUSTER:
        return f"{what} needs an empty cluster and would end {listed}: wait for them"
    names = everywhere if change.nodes is None else change.nodes
    return f"{what} needs {fold_some(list(names))} drained and would hit {listed}: `{_drain(names)}`, and wait"


def _name(change: Change) -> str:
    kind = {"NodeName": "the removal of", "PartitionName": "the removal of partition"}.get(change.key)
    return f"{kind} {change.where}" if kind else str(change)


def _drain(names: Iterable[str]) -> str:
    return f"scontrol update nodename={fold(list(names))} state=drain reason=slurm.conf"
