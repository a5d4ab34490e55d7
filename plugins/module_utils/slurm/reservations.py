# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations: what is asked for beside what runs, and the one command that closes the gap.

A relative time (now, +10min) counts when the reservation is made; afterwards it has its time. What is not said stays as it is.

Sources: scontrol(1), `update_resv` and `parse_time` of Slurm 22.05 and 24.11: the start of a reservation that has started cannot be moved,
`uts` before a number is a time in seconds since 1970.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import info, nodes
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.drain import Job, list_jobs, parse_jobs
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.info import Reservation

TOLERANCE = 60          # seconds; Slurm counts durations in minutes
IMPLIED = frozenset({"SPEC_NODES", "ALL_NODES"})        # flags that Slurm sets by what nodes are asked for
REPEATS = frozenset({"HOURLY", "DAILY", "WEEKDAY", "WEEKEND", "WEEKLY"})
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_UNIT = r"s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ours?)?|d(?:ays?)?|w(?:eeks?)?"
REMEDIES = {
    "nodes are busy": "jobs run there beyond the start: take a later start, or flags: [ignore_jobs]",
    "overlaps with another": "`scontrol show reservation` shows which: take other nodes or times, or flags: [overlap]",
    "Invalid account": "an account of it is not in slurmdbd",
    "Invalid user": "a user of it is not known on the controller",
    "Invalid partition": "slurmctld does not know its partition",
    "already started": "delete it (state: absent) and make it anew",
}


class Wanted(NamedTuple):
    """What is asked for; None is not said. Times in seconds since 1970, `*_moves` where they are counted from now."""

    name: str
    starts_at: int | None = None
    start_moves: bool = True
    ends_at: int | None = None
    end_moves: bool = False
    duration: int | None = None
    nodes: str | None = None
    node_count: int | None = None
    partition: str | None = None
    users: list[str] | None = None
    accounts: list[str] | None = None
    flags: list[str] | None = None


# --- what is asked for

def wanted(params: dict[str, Any], now: float) -> Wanted:
    """Options as what is asked for. Raises ClusterwrightError for times that are none, and a name that scontrol would read as keys."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", params["name"]):
        raise ClusterwrightError(f"{params['name']!r} cannot be a reservation's name, of letters, digits and . _ -: nothing was changed")
    start, start_moves = moment(params["start"], now, "start") if params["start"] else (None, True)
    end, end_moves = moment(params["end"], now, "end") if params["end"] else (None, False)
    flags = None if params["flags"] is None else sorted({flag.strip().upper() for flag in params["flags"]} - IMPLIED)
    return Wanted(
        params["name"], start, start_moves, end, end_moves, length(params["duration"]) if params["duration"] else None,
        params["nodes"], params["node_count"], params["partition"], params["users"], params["accounts"], flags)


def moment(text: str, now: float, what: str) -> tuple[int, bool]:
    """now, +10min, 2026-11-22T08:00 (in the controller's time zone) as seconds since 1970, and whether it is counted from now."""
    short = text.strip().lower()
    later = re.fullmatch(rf"(?:now)?\s*\+\s*([0-9]{{1,9}})\s*({_UNIT})", short)
    if short == "now" or later:
        return int(now) + (int(later[1]) * UNITS[later[2][0]] if later else 0), True
    try:
        return int(datetime.fromisoformat(re.sub(r"z$", "+00:00", short)).timestamp()), False
    except (ValueError, OverflowError):
        raise ClusterwrightError(f"{what}: {text!r} is no time such as now, +10min or 2026-11-22T08:00: nothing was changed") from None


def length(text: str) -> int:
    """4h, 90min or 1-12:00:00 in seconds, whole minutes as Slurm counts them.

    A number alone is refused: it may be what YAML makes of 4:00:00 without quotes, 14400.
    """
    units = re.fullmatch(rf"([0-9]{{1,9}})\s*({_UNIT})", text.strip().lower())
    seconds = int(units[1]) * UNITS[units[2][0]] if units else info.seconds(text.strip())
    if not seconds:
        raise ClusterwrightError(f"duration: {text!r} is no time such as 4h, 90min or '1-12:00:00' (in quotes): nothing was changed")
    return -(-seconds // 60) * 60


# --- what is to be done

def plan(want: Wanted, found: Reservation | None, same_nodes: bool, now: float) -> list[str]:
    """The command that makes the reservation or changes what differs; empty when nothing does. same_nodes: as NodeSets expand."""
    lacks = [what for what, given in (
        ("nodes or node_count", want.nodes or want.node_count),
        ("users or accounts", want.users or want.accounts),
        ("duration or end", want.duration or want.ends_at),
    ) if not given]
    if found is None and lacks:
        raise ClusterwrightError(f"there is no reservation {want.name}, and to make it needs {', '.join(lacks)}: nothing was changed")
    starts_at, ends_at = times(want, found, now)
    if ends_at <= starts_at:
        raise ClusterwrightError(f"reservation {want.name} would end at {clock(ends_at)}, before it starts: nothing was changed")
    if found is not None:
        return _update(want, found, same_nodes, starts_at, ends_at, now)
    if starts_at < now - TOLERANCE:
        raise ClusterwrightError(f"reservation {want.name} would start at {clock(starts_at)}, which is past: nothing was changed")
    return ["scontrol", "create", "reservation", f"reservationname={want.name}", f"starttime=uts{starts_at}", f"endtime=uts{ends_at}",
            *_resources(want), *_lists(want), *([f"flags={','.join(want.flags)}"] if want.flags else [])]


def times(want: Wanted, found: Reservation | None, now: float) -> tuple[int, int]:
    """When it shall start and end. One that exists keeps what is counted from now, and one that repeats moves on by itself."""
    if found is None:
        starts_at = int(now) if want.starts_at is None else want.starts_at
        return starts_at, starts_at + want.duration if want.duration else want.ends_at or 0
    repeats = bool(REPEATS & set(found["flags"]))
    has_start, has_end = found["starts_at"] or 0, found["ends_at"] or 0
    starts_at = has_start if want.starts_at is None or want.start_moves or repeats else want.starts_at
    if want.duration:
        return starts_at, starts_at + want.duration
    if want.ends_at is None or want.end_moves or repeats:
        return starts_at, starts_at + has_end - has_start
    return starts_at, want.ends_at


def _resources(want: Wanted) -> list[str]:
    pairs = (("nodes", want.nodes), ("nodecnt", want.node_count), ("partition", want.partition))
    return [f"{key}={value}" for key, value in pairs if value is not None]


def _lists(want: Wanted) -> list[str]:
    return [f"{key}={','.join(names)}" for key, names in (("users", want.users), ("accounts", want.accounts)) if names is not None]


def _update(want: Wanted, found: Reservation, same_nodes: bool, starts_at: int, ends_at: int, now: float) -> list[str]:
    keys = []
    has_start, has_end = found["starts_at"] or 0, found["ends_at"] or 0
    if abs(starts_at - has_start) > TOLERANCE:
        if has_start <= now:
            raise ClusterwrightError(
                f"reservation {want.name} has started at {clock(has_start)} and cannot start at {clock(starts_at)}: nothing was changed. "
                f"To move it, {REMEDIES['already started']}")
        keys.append(f"starttime=uts{starts_at}")
    if keys or abs(ends_at - has_end) > TOLERANCE:
        keys.append(f"endtime=uts{ends_at}")
    if not same_nodes:
        keys.append(f"nodes={want.nodes}")
    if want.node_count not in (None, found["node_count"]):
        keys.append(f"nodecnt={want.node_count}")
    if want.partition not in (None, found["partition"]):
        keys.append(f"partition={want.partition}")
    for key, names, has in (("users", want.users, found["users"]), ("accounts", want.accounts, found["accounts"])):
        if names is not None and set(names) != set(has):
            keys.append(f"{key}={','.join(names)}")
    keys += _flags(want, found)
    return ["scontrol", "update", f"reservationname={want.name}", *keys] if keys else []


def _flags(want: Wanted, found: Reservation) -> list[str]:
    if want.flags is None:
        return []
    has = {flag.split("=")[0]: flag for flag in found["flags"] if flag not in IMPLIED}
    names = {flag.split("=")[0]: flag for flag in want.flags}
    more, less = sorted(names.keys() - has.keys()), sorted(has.keys() - names.keys())
    added = [f"flags+={','.join(names[name] for name in more)}"] if more else []
    return [*added, f"flags-={','.join(less)}"] if less else added


# --- observing and doing

def same_nodes(run: Run, want: Wanted, found: Reservation | None) -> bool:
    """Whether the nodes that are asked for are those that are reserved."""
    if found is None or want.nodes is None:
        return True
    if want.nodes.upper() == "ALL":
        return "ALL_NODES" in found["flags"]
    if "ALL_NODES" in found["flags"] or not found["nodes"]:
        return False
    return set(nodes.expand(run, [want.nodes])) == set(nodes.expand(run, [found["nodes"]]))


def know_nodes(run: Run, want: Wanted) -> None:
    """Raises ClusterwrightError for a node that slurmctld does not know; its own error names none."""
    if want.nodes and want.nodes.upper() != "ALL":
        known = nodes.observe(run)
        unknown = [name for name in nodes.expand(run, [want.nodes]) if name not in known]
        if unknown:
            raise ClusterwrightError(f"reservation {want.name}: slurmctld does not know {nodes.fold_some(unknown)}: nothing was changed")


def jobs(run: Run, name: str) -> list[Job]:
    """The jobs that run in a reservation."""
    listed = ["squeue", "--noheader", "--all", "--states=R,CG,CF,S,ST,SI,SO", f"--reservation={name}", "--format=%i|%u|%T|%e|%N"]
    return parse_jobs(nodes.answer(run, listed))


def removal(name: str) -> list[str]:
    """The command that deletes it."""
    return ["scontrol", "delete", f"reservationname={name}"]


def apply(run: Run, argv: Sequence[str], name: str, running: Sequence[Job] = ()) -> None:
    """Runs one command; raises ClusterwrightError with what to do about what Slurm says."""
    result = run(argv)
    if not result.rc:
        return
    said = last_lines(result)
    if running:
        raise ClusterwrightError(f"reservation {name} is used by {list_jobs(running)}: nothing was changed. Let them end, or scancel them")
    remedy = next((f": {way_out}" for words, way_out in REMEDIES.items() if words in said), "")
    raise ClusterwrightError(f"reservation {name}: `{shlex.join(argv)}` failed ({said}){remedy}")


def predict(want: Wanted, found: Reservation | None, now: float) -> Reservation:
    """A reservation as it will be read back."""
    starts_at, ends_at = times(want, found, now)
    nothing = Reservation(state="", nodes="", node_count=None, partition="", starts_at=None, ends_at=None, users=[], accounts=[], flags=[])
    after: dict[str, Any] = {**(found or nothing), "starts_at": starts_at, "ends_at": ends_at}
    after["state"] = "ACTIVE" if starts_at <= now < ends_at else "INACTIVE"
    for key in ("nodes", "node_count", "partition", "users", "accounts", "flags"):
        said = getattr(want, key)
        after[key] = after[key] if said is None else said
    return Reservation(**after)     # type: ignore[typeddict-item]


def clock(at: int | None) -> str:
    """A time as the controller's clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else "?"


def lines(found: Reservation | None) -> str:
    """A reservation for a diff."""
    if found is None:
        return ""
    shown = {**found, "starts_at": clock(found["starts_at"]), "ends_at": clock(found["ends_at"])}
    return "".join(f"{key}: {','.join(value) if isinstance(value, list) else value}\n" for key, value in shown.items() if value)


def diff(name: str, before: Reservation | None, after: Reservation | None) -> dict[str, str]:
    """Ansible's diff."""
    title = f"reservation {name}"
    return {"before_header": title, "before": lines(before), "after_header": title, "after": lines(after)}


def impact(before: Reservation | None, after: Reservation | None) -> list[dict[str, Any]]:
    """The nodes that are reserved or free again, as data and in words."""
    if after is None:
        freed = before["nodes"] if before else ""
        return [{"kind": "nodes_freed", "nodes": freed, "text": f"{freed} is free again"}]
    which = after["nodes"] or f"{after['node_count']} nodes"
    said = f"{which} is reserved from {clock(after['starts_at'])} to {clock(after['ends_at'])}"
    return [{"kind": "nodes_reserved", "nodes": after["nodes"], "text": said}]
