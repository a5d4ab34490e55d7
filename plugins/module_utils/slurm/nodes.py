# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as slurmctld sees them, and their names.

Sources: scontrol(1), `enum node_states` and `slurm_sprint_node_table` of Slurm 22.05 and 24.11; a state is a base (IDLE, DOWN, …) and
flags, joined by +. What people write (Reason, Comment, Extra) stands behind all that Slurm writes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result, Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.hardware import Hardware, explain

# What slurmd has not answered for, and what it has answered for with less than slurm.conf declares.
SILENT = frozenset({"UNKNOWN", "NOT_RESPONDING"})
REFUSED = frozenset({"INVALID_REG"})
OUT = frozenset({"DRAIN", "DOWN", "FAIL"})
ASLEEP = frozenset({"POWERED_DOWN", "POWERING_DOWN", "POWERING_UP", "POWER_DOWN", "CLOUD", "FUTURE", "REBOOT_ISSUED"})
# Why slurmctld by itself sets a node down that it has lost sight of; there is nothing wrong with such a node but that.
# It adds that to a Reason which stands there already, or leaves that alone: an old one of ours ends so (see slurm_node, resumed).
_LOST = re.compile(r"(?:.*: over : )?(?:Not responding|Node unexpectedly rebooted|ResumeTimeout reached)|.*: over")
PAUSE = 1.0     # seconds between two looks
GRACE = 5.0     # seconds in which a node that slurmctld refused may register anew, because slurm.conf was just corrected

_TAIL = ("Reason", "Comment", "Extra", "InstanceId", "InstanceType", "ReservationName")
# Lazy, in Slurm's order: a Reason that itself says " Comment=" is cut there, and nothing before it can be forged.
_TAIL_KEYS = re.compile("".join(rf"(?:\s+{key}=(?P<{key}>.*?))?" for key in _TAIL) + r"\s*")
_SET_BY = re.compile(r"\s\[([^\]\s]+)@([^\]@\s]+)\]")

_RANGE = r"[0-9]+(?:-[0-9]+)?"
_NODESET = re.compile(rf"(?:[A-Za-z0-9._-]|\[{_RANGE}(?:,{_RANGE})*\])+")
_NUMBERED = re.compile(r"(.*?)(0*)([0-9]{1,15})")


class NodeState(NamedTuple):
    """One node: base and flags of its state, the reason for it, and the user who gave that: `slurm` where it was slurmctld itself.

    slurmd_started: seconds since 1970, None before its first start. declared: what slurm.conf says that it has.
    """

    states: frozenset[str]
    reason: str = ""
    reason_by: str = ""
    comment: str = ""
    slurmd_started: int | None = None
    declared: Hardware = Hardware()

    def __str__(self) -> str:
        text = "+".join(sorted(self.states))
        return f"{text} ({self.reason})" if self.reason else text


def ask(run: Run, argv: Sequence[str]) -> Result:
    """One of Slurm's commands, which then prints times as seconds since 1970 and not in its host's time zone."""
    return run(["env", "SLURM_TIME_FORMAT=%s", *argv])


def answer(run: Run, argv: Sequence[str]) -> str:
    """What one of Slurm's commands prints. Raises ClusterwrightError when slurmctld does not answer."""
    result = ask(run, argv)
    if result.rc:
        said = last_lines(result)
        raise ClusterwrightError(f"slurmctld does not answer ({said}): look at `systemctl status slurmctld` on the controller")
    return result.out


def observe(run: Run, names: Sequence[str] = ()) -> dict[str, NodeState]:
    """These nodes, or every node that slurmctld knows. Raises ClusterwrightError when it does not answer."""
    return parse(answer(run, ["scontrol", "--oneliner", "show", "node", *([fold(names)] if names else [])]))


def parse(output: str) -> dict[str, NodeState]:
    """`scontrol --oneliner show node`: a line a node."""
    nodes = {}
    for line in output.split("\n"):
        keys = record(line)
        if "NodeName" in keys and "State" in keys:
            counts = [number(keys.get(key)) for key in ("Sockets", "CoresPerSocket", "ThreadsPerCore", "RealMemory")]
            nodes[keys["NodeName"]] = NodeState(
                flags(keys["State"]), keys.get("Reason", ""), keys.get("ReasonBy", ""), keys.get("Comment", ""),
                number(keys.get("SlurmdStartTime")), Hardware(*counts))
    return nodes


def record(line: str) -> dict[str, str]:
    """One line of `scontrol --oneliner show` as keys and values, `(null)` left out; ReasonBy and ReasonAt are taken out of Reason."""
    begins = min((place for place in (line.find(f" {key}=") for key in _TAIL) if place >= 0), default=len(line))
    own, written = (line[:begins], line[begins:]) if line.startswith("NodeName=") else (line, "")
    found: dict[str, str] = {}
    last = ""
    for word in own.split():
        key, equals, value = word.partition("=")
        if equals and key.isidentifier() and key not in found:
            found[key], last = value, key
        elif last:
            found[last] += f" {word}"       # OS=Linux 6.12 #1 SMP
    tail = _TAIL_KEYS.fullmatch(written)
    found.update({key: value for key, value in tail.groupdict().items() if value} if tail else {})
    set_by = list(_SET_BY.finditer(found.get("Reason", "")))
    if set_by:
        by, reason = set_by[-1], found["Reason"]
        more = " ".join(reason[by.end():].split())          # further lines of a Reason follow who set it
        found.update(Reason=f"{reason[:by.start()]} {more}".strip(), ReasonBy=by[1], ReasonAt=by[2])
    return {key: value for key, value in found.items() if value != "(null)"}


def flags(state: str) -> frozenset[str]:
    """IDLE+DRAIN as a set; a * behind it means what NOT_RESPONDING says."""
    return frozenset(state.rstrip("*").split("+"))


def number(text: str | None) -> int | None:
    """A whole number; None for N/A, None, Unknown and the like."""
    return int(text) if text and text.isdecimal() and text.isascii() else None


def not_responding(names: Sequence[str], nodes: Mapping[str, NodeState]) -> dict[str, str]:
    """Of these nodes, those that slurmctld cannot use, with what it says of them and the way out. Nodes powered off do not count."""
    bad = {}
    for name in names:
        node = nodes.get(name)
        if node is None:
            bad[name] = "slurmctld does not know it: run without --limit, so that the controller's slurm.conf names it"
        elif node.states & ASLEEP:
            continue
        elif node.states & REFUSED:
            bad[name] = refusal(name, node)
        elif node.states & SILENT:
            bad[name] = f"slurmctld does not hear from it, {node}: look at `journalctl -u slurmd` there"
    return bad


def refusal(name: str, node: NodeState) -> str:
    """Why slurmctld refuses a node, and the way out."""
    # Slurm leaves an older Reason in place when it refuses a node for the first time.
    why = explain(node.reason, node.declared) or f"has less than declared ({node.declared}): `slurmd -C` there says what it has"
    way_out = f"Mend the node or correct its hardware in the cluster file, then type `{_resume(name)}`"
    return f"slurmctld refuses it, {node}: it {why}{'' if why.endswith('?') else '.'} {way_out}"


def withdrawn(names: Sequence[str], nodes: Mapping[str, NodeState]) -> dict[str, str]:
    """Of these nodes, those that respond but take no jobs because slurmctld by itself drained them or set them down, with the way out."""
    bad = {}
    for name in names:
        node = nodes.get(name)
        if node and node.states & OUT and not node.states & (SILENT | REFUSED | ASLEEP) and node.reason_by == "slurm":
            bad[name] = f"slurmctld has taken it out of service, {node}: once the reason is gone, type `{_resume(name)}`"
    return bad


def lost(node: NodeState) -> bool:
    """Whether slurmctld by itself has set this node down, only because it lost sight of it."""
    return bool(_LOST.fullmatch(node.reason)) and "DOWN" in node.states and not node.states & {"DRAIN", "FAIL"}


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


def expand(run: Run, texts: Sequence[str]) -> list[str]:
    """Names and NodeSets as names, each once; slurmctld's host expands them. Raises ClusterwrightError for what is neither."""
    names: dict[str, None] = {}
    for text in texts:
        for term in re.split(r",(?![^\[]*\])", text):
            # Slurm 22.05 reads `cn[1-` as a node `cn]`, and any version a path as a file to read.
            if not _NODESET.fullmatch(term):
                raise ClusterwrightError(f"'{term}' is no NodeSet such as cn[001-300,305]: nothing was changed")
            if "[" not in term:
                names[term] = None
                continue
            result = run(["scontrol", "show", "hostnames", term])
            if result.rc or not result.out.strip():
                raise ClusterwrightError(f"'{term}' is no NodeSet such as cn[001-300,305] ({last_lines(result)}): nothing was changed")
            names.update(dict.fromkeys(result.out.split()))
    return list(names)


def fold(names: Sequence[str]) -> str:
    """Names as a NodeSet, numbers of the same width together: cn[1-3,7],gpu1."""
    numbered = {name: match.groups() for name in names if (match := _NUMBERED.fullmatch(name))}
    padded = {(prefix, len(zeros + digits)) for prefix, zeros, digits in numbered.values() if zeros}
    series: dict[tuple[str, int], list[int]] = {}
    for prefix, zeros, digits in numbered.values():
        width = len(zeros + digits)
        series.setdefault((prefix, width if (prefix, width) in padded else 0), []).append(int(digits))
    terms = []
    for (prefix, width), numbers in series.items():
        runs: list[list[int]] = []
        for value in sorted(set(numbers)):
            if runs and value == runs[-1][1] + 1:
                runs[-1][1] = value
            else:
                runs.append([value, value])
        ranges = [f"{first:0{width}}" if first == last else f"{first:0{width}}-{last:0{width}}" for first, last in runs]
        terms.append(f"{prefix}{ranges[0]}" if len(runs) == 1 and runs[0][0] == runs[0][1] else f"{prefix}[{','.join(ranges)}]")
    return ",".join([*terms, *dict.fromkeys(name for name in names if name not in numbered)])


def fold_some(names: Sequence[str]) -> str:
    """The first thousand names folded, and how many more there are: for sentences."""
    return fold(names[:1000]) + (f" and {len(names) - 1000} more" if len(names) > 1000 else "")
