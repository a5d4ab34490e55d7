# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking nodes out of service and back, so that nobody's drained node is resumed by us and no job ends unasked.

What we take out carries our tag in its Reason, behind what the reason is, for `sinfo -R` shows the first twenty characters. A Reason
alone proves nothing: a resumed node keeps it until its next job, and slurmctld does not replace it when it drains that node by itself.
So it counts only on a node that is out, and what we resume loses the tag.

Sources: scontrol(1), squeue(1), `update_node` and `_valid_node_state_change` of Slurm 22.05 and 24.11.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import nodes as slurm_nodes
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import NodeState, fold, fold_some

TAG = "(clusterwright)"
BUSY = frozenset({"ALLOCATED", "MIXED", "COMPLETING"})
BOOTING = frozenset({"POWERED_DOWN", "POWERING_UP", "POWER_UP"})
BASES = frozenset({"IDLE", "DOWN", "ALLOCATED", "MIXED", "UNKNOWN", "ERROR", "FUTURE"})
WAIT_FOR_JOBS = ("drained", "down", "powered_down")
RESUMED = "somebody has resumed it meanwhile"
HOLDS_NODES = "R,CG,CF,S,ST,SI,SO"      # states of jobs that have nodes; a suspended job's node looks idle
LONGEST_PAUSE = 15.0                    # seconds between two looks at a drain that takes hours


class Request(NamedTuple):
    """What is asked for. reason: without the tag. once: each node once for this reason, noted in its Comment."""

    state: str
    reason: str = ""
    once: bool = False
    end_jobs: bool = False


class Job(NamedTuple):
    """A job that has nodes."""

    id: str
    user: str
    state: str
    ends_at: int | None
    nodes: str

    def __str__(self) -> str:
        until = time.strftime(", until %Y-%m-%d %H:%M", time.localtime(self.ends_at)) if self.ends_at else ""
        return f"job {self.id} of {self.user} ({self.state}{until}) on {self.nodes}"


class Change(NamedTuple):
    """One update of many nodes; keys as scontrol names them."""

    names: list[str]
    keys: tuple[tuple[str, str], ...]

    @property
    def argv(self) -> list[str]:
        """The command."""
        return ["scontrol", "update", f"nodename={fold(self.names)}", *(f"{key}={value}" for key, value in self.keys)]

    def __str__(self) -> str:
        return shlex.join(self.argv)


class Plan(NamedTuple):
    """changes; left_alone: others' nodes and what was said of them; done: nodes that have been through it; work: those to wait for."""

    changes: list[Change]
    left_alone: dict[str, str]
    done: list[str]
    work: list[str]


# --- whose a node is

def tagged(reason: str) -> str:
    """A Reason as we write it."""
    return f"{reason} {TAG}"


def ours(node: NodeState, reason: str = "") -> bool:
    """Whether we took this node out; with a reason, whether for that one or for a part of it (`kernel: …` is part of `kernel`)."""
    said, tag, _by_slurm = node.reason.partition(f" {TAG}")
    if not tag or not node.states & slurm_nodes.OUT:
        return False
    return not reason or said == reason or said.startswith(f"{reason}: ") or reason.startswith(f"{said}: ")


def note(reason: str) -> str:
    """What the Comment of a node says that has been through this."""
    return f"{reason} done {TAG}"


def has_note(node: NodeState, reason: str) -> bool:
    """Whether a node has been through this."""
    return note(reason) in node.comment.split("; ")


def noted(comment: str, reason: str) -> str:
    """A Comment with the note, instead of an earlier one of ours; what others wrote stays."""
    return "; ".join([part for part in comment.split("; ") if part and not part.endswith(f" done {TAG}")] + [note(reason)])


# --- what is to be done

def request(state: str, reason: str | None, once: bool = False, end_jobs: bool = False) -> Request:
    """What is asked for, checked. Raises ClusterwrightError for a reason that Slurm would not give back as it is."""
    text = (reason or "").strip()
    if not text.isprintable() or any(mark in text for mark in (TAG, '"', ";")):
        raise ClusterwrightError(f"the reason {text!r} must be one line without \" and ; and {TAG}, which is added: nothing was changed")
    return Request(state, text, once, end_jobs)


def plan(request: Request, names: Sequence[str], nodes: Mapping[str, NodeState]) -> Plan:
    """The fewest updates that bring these nodes to what is asked. Raises ClusterwrightError when slurmctld does not know one."""
    unknown = [name for name in names if name not in nodes]
    if unknown:
        raise ClusterwrightError(
            f"slurmctld does not know {fold_some(unknown)}: nothing was changed. Correct the names, or run site.yml without --limit, "
            "so that slurm.conf names them", unknown=unknown)
    left_alone, done, work = {}, [], []
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name in names:
        node = nodes[name]
        out = bool(node.states & slurm_nodes.OUT)
        mine = ours(node, request.reason)
        if request.once and not mine and has_note(node, request.reason):
            done.append(name)
        elif out and not mine and not (request.state == "taken" and slurm_nodes.lost(node)):
            left_alone[name] = f"{node}{f', by {node.reason_by}' if node.reason_by else ''}"
        else:
            keys = _STEPS[request.state](request, node)
            work.append(name)
            if keys:
                groups.setdefault(keys, []).append(name)
    return Plan([Change(members, keys) for keys, members in groups.items()], left_alone, done, work)


def diff(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Ansible's diff, a line a node."""
    texts = ["".join(f"{name}: {state}\n" for name, state in side.items()) for side in (before, after)]
    return {"before_header": "nodes", "before": texts[0], "after_header": "nodes", "after": texts[1]}


def _drain(request: Request, node: NodeState) -> tuple[tuple[str, str], ...]:
    if "DRAIN" in node.states and node.reason == tagged(request.reason):
        return ()
    return (("state", "drain"), ("reason", tagged(request.reason)))


def _down(request: Request, node: NodeState) -> tuple[tuple[str, str], ...]:
    if "DOWN" in node.states and node.reason == tagged(request.reason):
        return ()
    return (("state", "down"), ("reason", tagged(request.reason)))


def _take(request: Request, node: NodeState) -> tuple[tuple[str, str], ...]:
    return _down(request, node) if slurm_nodes.lost(node) else ()


def _resume(request: Request, node: NodeState) -> tuple[tuple[str, str], ...]:
    # Slurm resumes no node whose hardware it refuses.
    if not node.states & slurm_nodes.OUT or node.states & slurm_nodes.REFUSED:
        return ()
    said = node.reason.partition(f" {TAG}")[0]
    comment = (("comment", noted(node.comment, request.reason)),) if request.once else ()
    return (("state", "resume"), ("reason", f"{request.reason or said}: over"), *comment)


def _power_up(_request: Request, node: NodeState) -> tuple[tuple[str, str], ...]:
    # While the node is on its way down, Slurm would take the request and forget it.
    up = node.states & {"POWERED_DOWN"} and not node.states & {"POWERING_UP", "POWERING_DOWN", "POWER_UP"}
    return (("state", "power_up"),) if up else ()


def _power_down(request: Request, node: NodeState) -> tuple[tuple[str, str], ...]:
    if request.end_jobs:
        return () if node.states & {"POWERED_DOWN", "POWERING_DOWN"} else (("state", "power_down_force"),)
    down = node.states & {"POWERED_DOWN", "POWERING_DOWN", "POWER_DOWN"} and not node.states & {"POWERING_UP", "POWER_UP"}
    return () if down else (("state", "power_down"),)


_STEPS = {"drained": _drain, "down": _down, "taken": _take, "resumed": _resume, "powered_up": _power_up, "powered_down": _power_down}


def predict(node: NodeState, change: Change) -> NodeState:
    """A node after a change, as soon as slurmctld has done it and slurmd has answered."""
    keys = dict(change.keys)
    reason, states = keys.get("reason", node.reason), node.states
    if keys["state"] == "drain":
        states = (states - BUSY) | {"DRAIN"}        # once its jobs have ended
        states = states if states & BASES else states | {"IDLE"}
    elif keys["state"] == "down":
        states = (states - BASES) | {"DOWN"}
    elif keys["state"] == "resume":
        states = states - slurm_nodes.OUT - slurm_nodes.SILENT
        states = states if states & BASES else states | {"IDLE"}
    elif keys["state"] == "power_up":
        states = states - BOOTING
    else:
        states |= {"POWERED_DOWN"}
    return node._replace(states=states, reason=reason, comment=keys.get("comment", node.comment))


# --- jobs

def jobs(run: Run, names: Sequence[str]) -> list[Job]:
    """The jobs that have one of these nodes."""
    if not names:
        return []
    # No field that a user chooses, such as the job's name: a line break in it would make up a job.
    listed = ["squeue", "--noheader", "--all", f"--states={HOLDS_NODES}", f"--nodelist={fold(names)}", "--format=%i|%u|%T|%e|%N"]
    return parse_jobs(slurm_nodes.answer(run, listed))


def parse_jobs(output: str) -> list[Job]:
    """Lines of `id|user|state|end|nodes`."""
    rows = (line.split("|") for line in output.split("\n"))
    return [Job(row[0], row[1], row[2], slurm_nodes.number(row[3]), row[4]) for row in rows if len(row) == 5]


def list_jobs(running: Sequence[Job]) -> str:
    """The first five jobs in words, and how many more there are."""
    if not running:
        return "what ends just now"
    return ", ".join(map(str, running[:5])) + (f" and {len(running) - 5} more" if len(running) > 5 else "")


def refuse(request: Request, planned: Plan, nodes: Mapping[str, NodeState], running: Sequence[Job]) -> None:
    """Raises ClusterwrightError when the plan would end jobs and that was not asked for."""
    if request.end_jobs or not running:
        return
    if request.state == "down" and planned.changes:
        raise ClusterwrightError(f"to set these nodes down ends {list_jobs(running)}: nothing was changed. Drain them first "
                                 "(state: drained), or say end_jobs: true", impact=impact(request, running))
    booting = [name for change in planned.changes for name in change.names if nodes[name].states & BUSY and nodes[name].states & BOOTING]
    if request.state == "drained" and booting:
        raise ClusterwrightError(f"{fold_some(booting)} is being powered up for a job, and to drain it now ends or requeues that job: "
                                 "nothing was changed. Wait until it is up, or say end_jobs: true", impact=impact(request, running))


def impact(request: Request, running: Sequence[Job]) -> list[dict[str, object]]:
    """What a change does to jobs, as data and in words."""
    ends = request.state == "down" or (request.state == "powered_down" and request.end_jobs)
    kind, words = ("job_ends", "ends, or waits anew where it may be requeued") if ends else ("job_waits", "is waited for")
    return [{"kind": kind, **job._asdict(), "text": f"{job} {words}"} for job in running]


# --- doing it

def power_saving(run: Run) -> None:
    """Raises ClusterwrightError when Slurm does not power nodes up and down here."""
    lines = slurm_nodes.answer(run, ["scontrol", "show", "config"]).split("\n")
    config = {key.strip(): value.strip() for key, _equals, value in (line.partition("=") for line in lines)}
    absent = [key for key in ("SuspendProgram", "ResumeProgram") if config.get(key, "(null)") == "(null)"]
    if absent:
        raise ClusterwrightError(f"Slurm's power saving is not configured here, for there is no {' and no '.join(absent)}: nothing was "
                                 "changed. See `slurm.config` in the cluster file, and Slurm's guide on power saving")


def apply(run: Run, changes: Sequence[Change], commands: list[str]) -> None:
    """Updates the nodes, and notes the commands. Raises ClusterwrightError that says which were done."""
    for change in changes:
        result = run(change.argv)
        if result.rc:
            done = f"; done before: {'; '.join(commands)}" if commands else ""
            power = " (power saving is off where no SuspendTime is set)" if dict(change.keys)["state"].startswith("power_") else ""
            raise ClusterwrightError(f"{fold_some(change.names)}: `{change}` failed: {last_lines(result)}{power}{done}",
                                     commands=commands, changed=bool(commands))
        commands.append(str(change))


def missing(request: Request, names: Sequence[str], nodes: Mapping[str, NodeState]) -> dict[str, str]:
    """Of these nodes, those that are not yet as asked, each with what it still is."""
    bad = {}
    for name in names:
        node = nodes[name]
        if request.state == "resumed":
            late = slurm_nodes.not_responding([name], nodes).get(name) or (f"it is still {node}" if node.states & slurm_nodes.OUT else "")
        else:
            late = _LATE[request.state](node.states)
            late = f"{late}, {node}" if late and late != RESUMED else late
        if late:
            bad[name] = late
    return bad


def _not_drained(states: frozenset[str]) -> str:
    if not states & slurm_nodes.OUT:
        return RESUMED
    return "jobs run there" if states & BUSY else ""


def _not_up(states: frozenset[str]) -> str:
    if "DOWN" in states:
        return "Slurm has given it up: see why it does not come up, then type `scontrol update nodename=… state=resume`"
    return "it is not up" if states & (BOOTING | slurm_nodes.SILENT | {"POWERING_DOWN"}) else ""


_LATE: dict[str, Callable[[frozenset[str]], str]] = {
    "drained": _not_drained,
    "down": lambda states: "its jobs have not ended yet" if "COMPLETING" in states else "" if "DOWN" in states else "it is not down",
    "taken": lambda _states: "",
    "powered_up": _not_up,
    "powered_down": lambda states: "" if "POWERED_DOWN" in states and "POWERING_DOWN" not in states else "it is not off",
}


def list_some(items: Mapping[str, str]) -> str:
    """The first five, each with what is said of it, and how many more there are."""
    more = f"; and {len(items) - 5} more" if len(items) > 5 else ""
    return "; ".join(f"{name}: {what}" for name, what in list(items.items())[:5]) + more


def too_late(request: Request, names: Sequence[str], bad: Mapping[str, str], running: Sequence[Job], timeout: int) -> str:
    """The error for a deadline that has passed: nodes, jobs, and the way out."""
    said = f"{len(bad)} of {len(names)} nodes are not {request.state.replace('_', ' ')} after {timeout} s"
    if request.state != "drained":
        return f"{said}. {list_some(bad)}"
    drains = [name for name, what in bad.items() if what != RESUMED]
    resumed = [name for name in bad if name not in drains]
    parts = [f"on {fold_some(drains)} runs {list_jobs(running)}"] if drains else []
    parts += [f"{fold_some(resumed)}: {RESUMED}"] if resumed else []
    return f"{said}: {'; '.join(parts)}. What drains takes no new job: run it again with a longer timeout, or end the jobs with scancel"


_HOPELESS = {"resumed": slurm_nodes.REFUSED, "powered_up": frozenset({"DOWN"})}


def wait(run: Run, request: Request, names: Sequence[str], timeout: float, commands: list[str],
         clock: Callable[[], float] = time.monotonic,
         pause: Callable[[float], None] = time.sleep) -> tuple[dict[str, NodeState], dict[str, str], list[Job]]:
    """Look until these nodes are as asked, or `timeout` seconds are over; returns them, those that are not as asked, and their jobs."""
    begin = clock()
    while names:
        nodes = slurm_nodes.observe(run, names)
        bad = missing(request, names, nodes)
        running = jobs(run, list(bad) or names) if request.state in WAIT_FOR_JOBS else []
        if request.state == "drained" and running and not bad:      # a suspended job's node looks idle
            held = set(slurm_nodes.expand(run, [job.nodes for job in running]))
            bad = {name: f"a suspended job holds it, {nodes[name]}" for name in names if name in held}
        waited = clock() - begin
        hopeless = all(nodes[name].states & _HOPELESS.get(request.state, frozenset()) for name in bad)
        if not bad or waited >= (min(timeout, slurm_nodes.GRACE) if hopeless else timeout):
            return nodes, bad, running
        if request.state == "powered_up":       # what was on its way down when we began is down by now
            apply(run, plan(request, list(bad), nodes).changes, commands)
        pause(min(max(slurm_nodes.PAUSE, waited / 60), LONGEST_PAUSE, max(timeout - waited, 0.1)))
    return {}, {}, []
