# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a node is stuck, and what brings it back without harm. Pure.

Steps, always in this order; no node gets one that ends a job which runs:

    take        our tag on what slurmctld by itself has set down, so that it shows who is at work, and that we may resume it
    power_down  Slurm switches it off: a job that waits for it waits anew. Whatever it was stuck in is over; the next job starts it
    power_on, power_off, power_cycle    by its BMC
    start       units on the node, slurmd last
    resume      what carries our tag, once slurmctld hears from it

Sources: `validate_node_specs`, `waiting_for_node_boot` and the power_save thread of Slurm 24.11, and each case tried on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.drain import TAG
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.hardware import Hardware
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.info import Job, Node
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import OUT, REFUSED, NodeState, lost, refusal
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import expand

REASON = "repair"
OURS = (REASON, "power")        # reasons of this repair and of the power queue; a node that a maintenance has drained is the maintenance's
MANY = 3                        # requeues after which a job is in a loop
GRACE = 30                      # seconds after ResumeTimeout in which slurmctld itself gives a node up
MAX_SKEW = 60                   # seconds: a fifth of what munge allows
GOES_DOWN = frozenset({"POWERING_DOWN", "POWER_DOWN"})
SILENT = frozenset({"UNKNOWN", "NOT_RESPONDING"})


class Finding(NamedTuple):
    """A node that is stuck. steps: see above; none: somebody has to look, and `why` says at what. units: for the step start."""

    node: str
    state: str
    why: str
    steps: list[str] = []
    units: list[str] = []
    look: bool = False          # whether its own word and its BMC's are worth having


class Sight(NamedTuple):
    """What is known of a node beside Slurm's word. check: of slurm_node_check, None where it did not answer or was not asked.

    asked: whether it was. power: on, off, or nothing. runs: jobs that have begun there. waits_since: of the job that waits until it is up.
    """

    check: Mapping[str, Any] | None = None
    asked: bool = False
    power: str = ""
    runs: Sequence[str] = ()
    waits_since: int | None = None


def diagnose(nodes: Mapping[str, Node], jobs: Sequence[Job], checks: Mapping[str, Mapping[str, Any] | None], powers: Mapping[str, str],
             now: float, resume_timeout: float) -> list[Finding]:
    """Every node that is stuck. checks: by the nodes that were asked, None where they did not answer."""
    runs: dict[str, list[str]] = {}
    waits: dict[str, int] = {}
    for job in jobs:
        for name in expand(job["nodes"]):
            if job["state"] == "CONFIGURING":
                waits[name] = min(waits.get(name, 1 << 62), job["started_at"] or int(now))
            else:
                runs.setdefault(name, []).append(job["id"])
    found = []
    for name, node in nodes.items():
        sight = Sight(checks.get(name), name in checks, powers.get(name, ""), runs.get(name, ()), waits.get(name))
        finding = _node(name, node, sight, now, resume_timeout)
        if finding:
            found.append(finding)
    return found


def loops(jobs: Sequence[Job]) -> list[str]:
    """Jobs that start again and again, in words."""
    return [f"job {job['id']} of {job['user']} was requeued {job['restarts']} times and is {job['state']} ({job['reason'] or 'None'}): "
            f"look at `scontrol show job {job['job_id']}`; `scontrol hold {job['job_id']}` keeps it from taking further nodes down with it"
            for job in jobs if (job["restarts"] or 0) >= MANY]


def _node(name: str, node: Node, sight: Sight, now: float, resume_timeout: float) -> Finding | None:
    states = frozenset(node["states"])
    seen = NodeState(states, node["reason"], node["reason_by"], node["comment"], node["slurmd_started"], Hardware(
        node["sockets"], node["cores_per_socket"], node["threads_per_core"], node["memory"]))
    state = str(seen)
    mine = TAG in node["reason"] and node["reason"].startswith(OURS)
    if states & REFUSED:
        return Finding(name, state, refusal(name, seen))
    if states & OUT and not mine and not lost(seen):
        return Finding(name, state, _others(seen))
    if states & GOES_DOWN and not states & {"POWERING_UP"}:
        return None     # Slurm is at work on it
    if "POWERING_UP" in states:
        return _powering_up(name, state, sight, now, resume_timeout)
    if "POWERED_DOWN" in states:
        return _down_and_off(name, state, node, sight) if states & OUT else _off(name, state, sight)
    return _silent_or_down(name, state, states, node, sight) if states & (SILENT | OUT) else None


def _others(seen: NodeState) -> str:
    if TAG in seen.reason:
        return "is drained for a maintenance, whose playbook resumes it: left alone"
    if seen.reason_by == "slurm":
        return "slurmctld has taken it out after a failure: mend that, then type `scontrol update nodename=… state=resume`; left alone"
    return f"{seen.reason_by or 'somebody'} has taken it out: left alone"


def _powering_up(name: str, state: str, sight: Sight, now: float, resume_timeout: float) -> Finding | None:
    """Slurm itself gives up after ResumeTimeout, unless it was restarted or reconfigured meanwhile: then it waits for ever."""
    unknown = "UNKNOWN" in state.partition(" ")[0]
    waited = now - sight.waits_since if sight.waits_since else 0
    if not unknown and waited <= resume_timeout + GRACE:
        return None
    since = f"for {waited:.0f} s, longer than ResumeTimeout ({resume_timeout:.0f} s)" if waited else "and was reconfigured meanwhile"
    why = f"slurmctld waits for it {since}; it will wait for ever"
    if sight.asked:
        why += f". {_alive(sight)}"
    return Finding(name, state, why, ["power_down"], look=True)


def _alive(sight: Sight) -> str:
    if sight.check is not None:
        bad = "; ".join(text for _unit, text in trouble(sight.check))
        return f"It is up: {bad}" if bad else "It is up, and has been since before Slurm asked for it: Slurm waits until it boots"
    return {"on": "It is on and does not answer", "off": "It is off"}.get(sight.power, "It does not answer")


def _off(name: str, state: str, sight: Sight) -> Finding | None:
    """Slurm takes it for off."""
    if sight.check is not None:
        return _start(name, state, "Slurm takes it for off, and it is on", sight.check, again=True)
    if sight.asked and sight.power == "on":
        why = "Slurm takes it for off, and it is on and does not answer: it did not shut down"
        return Finding(name, state, why, ["power_off"], look=True)
    return Finding(name, state, "", look=True) if not sight.asked else None


def _down_and_off(name: str, state: str, node: Node, sight: Sight) -> Finding:
    """Slurm has given it up (down~)."""
    why = f"slurmctld has set it down ({node['reason']}) and takes it for off"
    if sight.check is not None:
        return _start(name, state, f"{why}, and it is on", sight.check, again=True, taken=True)
    if sight.power == "off":
        return Finding(name, state, f"{why}, and it is off: it did not start, or went off again", ["take", "power_on", "resume"], look=True)
    if sight.power == "on":
        return Finding(name, state, f"{why}; it is on and does not answer: it hangs, or boots for longer than ResumeTimeout",
                       ["take", "power_cycle", "resume"], look=True)
    return Finding(name, state, f"{why}. It does not answer, and nothing is known of its power: start it by hand", look=True)


def _silent_or_down(name: str, state: str, states: frozenset[str], node: Node, sight: Sight) -> Finding:
    down = bool(states & OUT)
    why = f"slurmctld has set it down ({node['reason']})" if down else "slurmctld does not hear from it"
    steps = ["take"] if down else []
    lives = f"; jobs {', '.join(sight.runs)} may run there" if sight.runs else ""
    if sight.check is not None:
        silent = bool(states & SILENT)
        if down and not silent and not trouble(sight.check):
            return Finding(name, state, f"{why}, and it is well again", ["take", "resume"], look=True)
        return _start(name, state, why, sight.check, again=silent, taken=down)
    if not sight.asked:
        return Finding(name, state, why, look=True)
    if sight.power == "off":
        ended = f"; jobs {', '.join(sight.runs)} ended with it" if sight.runs else ""
        return Finding(name, state, f"{why}: it has no power{ended}", [*steps, "power_on", "resume"], look=True)
    if sight.power == "on" and not sight.runs:
        return Finding(name, state, f"{why}: it is on and does not answer: it hangs", [*steps, "power_cycle", "resume"], look=True)
    return Finding(name, state, f"{why}: it does not answer{' though it is on' if sight.power else ''}{lives}: look at its console and its "
                                "cables; a power cycle is yours to decide", look=True)


def _start(name: str, state: str, why: str, check: Mapping[str, Any], again: bool, taken: bool = False) -> Finding:
    """It answers. again: slurmd has to be started anew even if nothing is wrong with it."""
    bad = trouble(check)
    texts = "; ".join(text for _unit, text in bad)
    if any(not unit for unit, _text in bad):
        return Finding(name, state, f"{why}: {texts}", look=True)
    units = [unit for unit, _text in bad if unit != "slurmd"] + (["slurmd"] if again or bad else [])
    said = texts or "slurmd runs, and slurmctld does not hear from it until it starts anew"
    return Finding(name, state, f"{why}: {said}", [*(["take"] if taken else []), "start", "resume"], units, look=True)


def trouble(check: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(unit that has to be started, what is wrong) in the order in which it is mended; no unit: somebody has to mend it."""
    found = [(unit, f"{path} is not mounted") for path, unit in check["mounts"].items()]
    clock = check["services"].get("time", {})
    if clock and clock["state"] != "active":
        found.append((clock["unit"], f"{clock['unit']} is {clock['state']}"))
    skew = check["skew_seconds"]
    if skew is not None and abs(skew) > MAX_SKEW:
        found.append(("", f"its clock is {abs(skew)} s {'ahead' if skew > 0 else 'behind'}: type `chronyc makestep` there"))
    munge = check["services"]["munge"]["state"]
    if munge != "active":
        found.append(("munge", f"munge is {munge}"))
    elif check["munge"] and not (skew is not None and abs(skew) > MAX_SKEW):
        found.append(("", check["munge"]))
    slurmd = check["services"]["slurmd"]
    if slurmd["state"] == "not installed":
        found.append(("", "slurmd is not installed there: run site.yml"))
    elif slurmd["state"] != "active":
        found.append(("slurmd", f"slurmd is {slurmd['state']}{_said(slurmd)}"))
    return found


def _said(service: Mapping[str, Any]) -> str:
    return f" ({service['said']})" if service.get("said") else ""
