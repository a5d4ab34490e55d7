# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes, partitions, jobs and reservations in one shape, whatever the version of Slurm: memory in MiB, times in seconds since 1970.

From 24.11 on, nodes and jobs are read as JSON, where no text that somebody wrote can be taken for a key. Partitions and reservations are
always read from lines: as JSON, Slurm up to 26.05 does not say which partition is the default, nor whether a reservation is active.

Sources: the data parsers v0.0.42 (24.11) to v0.0.45 (26.05), `slurm_sprint_*` and squeue(1) of 22.05 and 24.11.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, TypedDict

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import answer, flags, number, record

JSON_SINCE = (24, 11)
# The order in which squeue looks at the flags of a job's state; a job that has none of them is in its base state.
JOB_FLAGS = ("COMPLETING", "STAGE_OUT", "CONFIGURING", "RESIZING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "STOPPED",
             "REVOKED", "RESV_DEL_HOLD", "SIGNALING")
ENDED = frozenset({"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY"})
# The name is last, because users choose it.
SQUEUE = "%A|%i|%u|%a|%P|%q|%T|%r|%N|%D|%C|%Q|%l|%V|%S|%e|%j"


class Node(TypedDict):
    """One node."""

    states: list[str]
    reason: str
    reason_by: str
    reason_at: int | None
    comment: str
    cpus: int | None
    cpus_allocated: int | None
    memory: int | None
    memory_allocated: int | None
    memory_free: int | None
    sockets: int | None
    cores_per_socket: int | None
    threads_per_core: int | None
    gres: str
    features: list[str]
    partitions: list[str]
    address: str
    version: str
    booted_at: int | None
    slurmd_started: int | None


class Job(TypedDict):
    """One job that waits, runs or ends just now. id as squeue shows it and scancel takes it; job_id is the number behind it."""

    id: str
    job_id: int | None
    name: str
    user: str
    account: str
    partition: str
    qos: str
    state: str
    reason: str
    nodes: str
    node_count: int | None
    cpus: int | None
    priority: int | None
    time_limit: int | None
    submitted_at: int | None
    started_at: int | None
    ends_at: int | None
    restarts: int | None


class Partition(TypedDict):
    """One partition; a time of None is unlimited."""

    state: str
    default: bool
    nodes: str
    node_count: int | None
    cpus: int | None
    max_time: int | None
    default_time: int | None
    qos: str
    accounts: list[str]


class Reservation(TypedDict):
    """One reservation."""

    state: str
    nodes: str
    node_count: int | None
    partition: str
    starts_at: int | None
    ends_at: int | None
    users: list[str]
    accounts: list[str]
    flags: list[str]


def version(run: Run) -> str:
    """Slurm's version here, such as 24.11.5."""
    result = run(["scontrol", "--version"])
    found = re.search(r"\d+\.\d+(\.\d+)?", result.out)
    if result.rc or not found:
        raise ClusterwrightError(f"scontrol does not say its version ({last_lines(result)}): are Slurm's commands installed here?")
    return found[0]


def has_json(said: str) -> bool:
    """Whether this version's JSON has all that is told of a node and a job."""
    return tuple(map(int, said.split(".")[:2])) >= JSON_SINCE


def nodes(run: Run, as_json: bool) -> dict[str, Node]:
    """Every node by name."""
    if as_json:
        return {entry["name"]: node_from_json(entry) for entry in _load(run, "nodes")}
    return nodes_from_lines(answer(run, ["scontrol", "--oneliner", "show", "node"]))


def jobs(run: Run, as_json: bool) -> list[Job]:
    """Every job that has not ended, those of hidden partitions too."""
    if as_json:
        return [job for entry in _load(run, "jobs") if (job := job_from_json(entry))["state"] not in ENDED]
    mark = secrets.token_hex(8)     # at the begin of each line, for a name may have line breaks
    return jobs_from_lines(answer(run, ["squeue", "--all", "--noheader", f"--format={mark}|{SQUEUE}"]), mark)


def partitions(run: Run) -> dict[str, Partition]:
    """Every partition by name, hidden ones too."""
    return partitions_from_lines(answer(run, ["scontrol", "--all", "--oneliner", "show", "partition"]))


def reservations(run: Run) -> dict[str, Reservation]:
    """Every reservation by name."""
    return reservations_from_lines(answer(run, ["scontrol", "--all", "--oneliner", "show", "reservation"]))


def _load(run: Run, what: str) -> list[dict[str, Any]]:
    text = answer(run, ["scontrol", "--all", "--json", "show", what])
    try:
        return json.loads(text)[what]
    except (ValueError, KeyError, TypeError):
        raise ClusterwrightError(f"`scontrol --json show {what}` does not give the JSON of Slurm 24.11, but {text[:60]!r}…") from None


# --- as JSON

def node_from_json(entry: Mapping[str, Any]) -> Node:
    """One entry of `nodes`."""
    return Node(
        states=sorted(entry["state"]), reason=" ".join(entry.get("reason", "").split("\n")), reason_by=_user(entry),
        reason_at=_count(entry.get("reason_changed_at")), comment=entry.get("comment", ""),
        cpus=entry.get("cpus"), cpus_allocated=entry.get("alloc_cpus"), memory=entry.get("real_memory"),
        memory_allocated=entry.get("alloc_memory"), memory_free=_count(entry.get("free_mem"), zero=True),
        sockets=entry.get("sockets"), cores_per_socket=entry.get("cores"), threads_per_core=entry.get("threads"),
        gres=entry.get("gres", ""), features=list(entry.get("features", ())), partitions=list(entry.get("partitions", ())),
        address=entry.get("address", ""), version=entry.get("version", ""),
        booted_at=_count(entry.get("boot_time")), slurmd_started=_count(entry.get("slurmd_start_time")))


def job_from_json(entry: Mapping[str, Any]) -> Job:
    """One entry of `jobs`."""
    states = entry["job_state"]
    minutes = _count(entry.get("time_limit"))
    return Job(
        id=_job_id(entry), job_id=entry["job_id"], name=entry.get("name", ""), user=entry.get("user_name", ""),
        account=entry.get("account", ""), partition=entry.get("partition", ""), qos=entry.get("qos", ""),
        state=next((flag for flag in JOB_FLAGS if flag in states), states[0]), reason=_none(entry.get("state_reason", "")),
        nodes=entry.get("nodes", ""), node_count=_count(entry.get("node_count")), cpus=_count(entry.get("cpus")),
        priority=_count(entry.get("priority"), zero=True), time_limit=None if minutes is None else minutes * 60,
        submitted_at=_count(entry.get("submit_time")), started_at=_count(entry.get("start_time")), ends_at=_count(entry.get("end_time")),
        restarts=entry.get("restart_cnt"))


def _job_id(entry: Mapping[str, Any]) -> str:
    array, leader = _count(entry.get("array_job_id")), _count(entry.get("het_job_id"))
    if array:
        tasks = entry.get("array_task_string")
        return f"{array}_[{tasks}]" if tasks else f"{array}_{_count(entry.get('array_task_id'), zero=True)}"
    return f"{leader}+{_count(entry.get('het_job_offset'), zero=True)}" if leader else str(entry["job_id"])


def _user(entry: Mapping[str, Any]) -> str:
    return entry.get("reason_set_by_user", "") if entry.get("reason") else ""


def _count(value: Any, zero: bool = False) -> int | None:
    """A number that may be unset or infinite; of a time, 0 says that there is none."""
    if not isinstance(value, Mapping) or not value.get("set") or value.get("infinite"):
        return None
    return int(value["number"]) if value["number"] or zero else None


# --- from lines

def nodes_from_lines(output: str) -> dict[str, Node]:
    """`scontrol --oneliner show node`."""
    found = {}
    for keys in map(record, output.split("\n")):
        if "NodeName" not in keys:
            continue
        found[keys["NodeName"]] = Node(
            states=sorted(flags(keys.get("State", "UNKNOWN"))), reason=keys.get("Reason", ""), reason_by=keys.get("ReasonBy", ""),
            reason_at=number(keys.get("ReasonAt")), comment=keys.get("Comment", ""),
            cpus=number(keys.get("CPUTot")), cpus_allocated=number(keys.get("CPUAlloc")), memory=number(keys.get("RealMemory")),
            memory_allocated=number(keys.get("AllocMem")), memory_free=number(keys.get("FreeMem")),
            sockets=number(keys.get("Sockets")), cores_per_socket=number(keys.get("CoresPerSocket")),
            threads_per_core=number(keys.get("ThreadsPerCore")),
            gres=keys.get("Gres", ""), features=_list(keys.get("AvailableFeatures")), partitions=_list(keys.get("Partitions")),
            address=keys.get("NodeAddr", ""), version=keys.get("Version", ""),
            booted_at=number(keys.get("BootTime")), slurmd_started=number(keys.get("SlurmdStartTime")))
    return found


def jobs_from_lines(output: str, mark: str) -> list[Job]:
    """squeue's lines in the format SQUEUE, each begun by a mark that no job's name can know."""
    found = []
    for line in output.split(f"{mark}|")[1:]:
        values = line.rstrip("\n").split("|", SQUEUE.count("|"))
        texts = [_none(value) for value in values]
        found.append(Job(
            job_id=number(texts[0]), id=texts[1], user=texts[2], account=texts[3], partition=texts[4], qos=texts[5], state=texts[6],
            reason=texts[7], nodes=texts[8], node_count=number(texts[9]), cpus=number(texts[10]), priority=number(texts[11]),
            time_limit=seconds(texts[12]), submitted_at=number(texts[13]), started_at=number(texts[14]), ends_at=number(texts[15]),
            restarts=None, name=values[16]))
    return found


def partitions_from_lines(output: str) -> dict[str, Partition]:
    """`scontrol --oneliner show partition`."""
    return {keys["PartitionName"]: Partition(
        state=keys.get("State", ""), default=keys.get("Default") == "YES", nodes=keys.get("Nodes", ""),
        node_count=number(keys.get("TotalNodes")), cpus=number(keys.get("TotalCPUs")), max_time=seconds(keys.get("MaxTime")),
        default_time=seconds(keys.get("DefaultTime")), qos="" if keys.get("QoS", "N/A") == "N/A" else keys["QoS"],
        accounts=[] if keys.get("AllowAccounts", "ALL") == "ALL" else _list(keys["AllowAccounts"]))
        for keys in map(record, output.split("\n")) if "PartitionName" in keys}


def reservations_from_lines(output: str) -> dict[str, Reservation]:
    """`scontrol --oneliner show reservation`."""
    return {keys["ReservationName"]: Reservation(
        state=keys.get("State", ""), nodes=keys.get("Nodes", ""), node_count=number(keys.get("NodeCnt")),
        partition=keys.get("PartitionName", ""), starts_at=number(keys.get("StartTime")), ends_at=number(keys.get("EndTime")),
        users=_list(keys.get("Users")), accounts=_list(keys.get("Accounts")), flags=_list(keys.get("Flags")))
        for keys in map(record, output.split("\n")) if "ReservationName" in keys}


def seconds(text: str | None) -> int | None:
    """A time as Slurm prints it, days-hours:minutes:seconds, in seconds; None for UNLIMITED, NONE and the like."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text or "")
    if not match:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _none(text: str) -> str:
    return "" if text in ("None", "(null)", "N/A") else text


def _list(text: str | None) -> list[str]:
    return [part for part in (text or "").split(",") if part]
