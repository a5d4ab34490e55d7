# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with a node that Slurm wants off or on: steps, each of which can be begun once more without harm. Pure.

    suspend:    asked, soft, (cut,)                                  off
    resume:     wanted, (cycle_off, cycle_on | start,) boot          up; once by way of cycle_off when it does not come
    either:     give_up                                              down, with a reason

A step is written down before the BMC is told anything in it, and is over when the BMC shows it. So after a kill the node goes on in the
step where it was: a machine that was told before has it done already or does it once more, and no power cycle is begun twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import verdict
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import Outcome
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.drain import BUSY, TAG
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import SILENT, NodeState

GOAL = {"soft": "off", "cut": "off", "cycle_off": "off", "start": "on", "cycle_on": "on"}       # what the BMC shows in the end
TOLD = {"soft": "soft", "cut": "off", "cycle_off": "off", "start": "on", "cycle_on": "on"}      # what it is told
SUSPENDS = frozenset({"asked", "soft", "cut"})
NEW = frozenset({"asked", "wanted"})
OFF = frozenset({"POWERING_DOWN", "POWERED_DOWN"})
GOING = frozenset({"POWERING_UP", "POWER_UP"})
HOPELESS = frozenset({verdict.WRONG_PASSWORD, verdict.WRONG_USER, verdict.NO_PRIVILEGE, verdict.WRONG_MACHINE})
REASON = "power: "  # how the Reason of a node begins that is set down here
REST = 5.0          # seconds without power in a cycle, so that the power supplies' capacitors are empty
SETTLE = 30.0       # seconds until a machine has to be as its BMC was told
AGAIN = 10.0        # seconds before a BMC that did not answer is asked once more
GRACE = 30.0        # seconds after ResumeTimeout in which slurmctld has to give a node up by itself


class Entry(NamedTuple):
    """A node. since: when Slurm asked. at: when this step began. told: when the BMC was told, 0 for not yet. cycled: it had its power
    cycle. why: what went wrong last. then_resume: it is asked for again already. again: not to be asked before this time."""

    step: str
    since: float
    at: float
    told: float = 0.0
    cycled: bool = False
    why: str = ""
    then_resume: bool = False
    again: float = 0.0

    def to(self, step: str, now: float, why: str = "") -> Entry:
        """In its next step."""
        return self._replace(step=step, at=now, told=0.0, again=0.0, why=why or self.why)


class Move(NamedTuple):
    """What becomes of a node: `entry` None is done with. tell: the BMC is told what the step says. down: why it is set down. said: for
    the journal."""

    entry: Entry | None
    said: str = ""
    tell: bool = False
    down: str = ""


class Limits(NamedTuple):
    """Slurm's timeouts of a node, in seconds."""

    suspend: float
    resume: float


def merge(entries: Mapping[str, Entry], action: str, names: Iterable[str], now: float) -> dict[str, Entry]:
    """The nodes after one more request. What is on its way already is not begun again."""
    found = dict(entries)
    for name in names:
        entry = found.get(name)
        if action == "resume-failed":
            entry = entry or Entry("", now, now)
            found[name] = entry.to("give_up", now, _silent(now - entry.since) if entry.step == "boot" else "")
        elif action == "suspend":
            if entry is None or entry.step not in SUSPENDS:
                found[name] = Entry("asked", now, now)
            else:
                found[name] = entry._replace(then_resume=False)
        elif entry is None or entry.step == "asked":
            found[name] = Entry("wanted", now, now)
        elif entry.step in SUSPENDS:        # it may be shutting down: first off, then on
            found[name] = entry._replace(then_resume=True)
    return found


def looks(entry: Entry, now: float) -> bool:
    """Whether its BMC has to be asked now."""
    return now >= entry.again and (entry.step in GOAL or entry.step in NEW)


def comes_to_tell(entry: Entry) -> bool:
    """Whether its BMC is about to be told something: these are limited, to protect the breakers."""
    return entry.step in NEW or (entry.step in GOAL and not entry.told)


def may_go_off(node: NodeState) -> bool:
    """Whether Slurm has it off or on its way there, and no job has it."""
    return bool(node.states & OFF) and not node.states & (BUSY | GOING)


def is_up(node: NodeState) -> bool:
    """Whether Slurm has heard from it since it was started."""
    return not node.states & (OFF | GOING | SILENT | {"DOWN"})


def advance(entry: Entry, node: NodeState | None, power: Outcome | None, now: float, limits: Limits) -> Move:
    """One node, as Slurm and its BMC show it; None where slurmctld does not answer, or the BMC was not asked."""
    if entry.step in ("asked", "soft") and not entry.told:
        if node is None:
            return Move(entry)
        if not may_go_off(node):
            return Move(None, f"stays on: Slurm has it as {'+'.join(sorted(node.states))}")
    if entry.step == "wanted":
        if node is None:
            return Move(entry)
        if "POWERING_UP" not in node.states:
            return Move(None, f"is not started: Slurm does not wait for it any more and has it as {'+'.join(sorted(node.states))}")
    if entry.step == "give_up":
        return _give_up(entry, node, now)
    if entry.step == "boot":
        return _boot(entry, node, now, limits)
    if power is None:
        return Move(entry)
    if not power.ok:
        return unheard(entry, power, now, limits)
    if entry.step == "asked":
        if power.value == "off":
            return Move(None, "is off already")
        return Move(entry.to("soft", now), "is asked to shut down: Slurm has no work for it", tell=True)
    if entry.step == "wanted":
        if power.value == "on":
            return Move(entry.to("cycle_off", now), "is on, and Slurm took it for off: its power is cycled, for Slurm waits until it boots",
                        tell=True)
        return Move(entry.to("start", now), "is switched on: Slurm has work for it", tell=True)
    if power.value == GOAL[entry.step]:
        return _reached(entry, now)
    return _not_reached(entry, now, limits)


def _reached(entry: Entry, now: float) -> Move:
    if entry.step in SUSPENDS:
        said = f"is off after {now - entry.since:.0f} s"
        return Move(Entry("wanted", now, now), f"{said}, and is wanted again") if entry.then_resume else Move(None, said)
    if entry.step == "cycle_off":
        return Move(entry.to("cycle_on", now)._replace(again=now + REST))
    return Move(entry.to("boot", now), "has power, and boots")


def _not_reached(entry: Entry, now: float, limits: Limits) -> Move:
    if not entry.told:
        return Move(entry, tell=True)
    patience = limits.suspend / 2 if entry.step == "soft" else SETTLE
    waited = now - entry.told
    if waited < patience:
        return Move(entry)
    if entry.step == "soft":
        return Move(entry.to("cut", now), f"did not shut down within {waited:.0f} s: its power is cut", tell=True)
    if entry.step == "start" and not entry.cycled:
        return Move(entry.to("cycle_off", now, "does not switch on")._replace(cycled=True), "did not switch on: its power is cycled",
                    tell=True)
    return _hopeless(entry, now, f"does not switch {GOAL[entry.step]}: told so, and no different after {waited:.0f} s")


def unheard(entry: Entry, power: Outcome, now: float, limits: Limits) -> Move:
    """Its BMC did not tell its power, or did not take what it was told: once more, as long as that can still help."""
    patience = min(limits.resume / 2, 2 * SETTLE)
    why = f"its BMC {power.text}"
    if power.verdict in HOPELESS or now - entry.at >= patience:
        return _hopeless(entry, now, why)
    if entry.step == "soft" and power.verdict == verdict.REFUSED:
        return Move(entry.to("cut", now), f"is not asked to shut down, for {why}: its power is cut")
    return Move(entry._replace(why=why, again=now + AGAIN), "" if entry.why == why else f"{why} ({power.verdict}); again in {AGAIN:.0f} s")


def _hopeless(entry: Entry, now: float, why: str) -> Move:
    if entry.step == "asked":
        return Move(None, f"stays on: {why}")     # it does its work, and Slurm starts it once more when it needs it
    return Move(entry.to("give_up", now, why), why)


def _boot(entry: Entry, node: NodeState | None, now: float, limits: Limits) -> Move:
    if node is None:
        return Move(entry)
    waited = now - entry.since
    if is_up(node):
        return Move(None, f"is up after {waited:.0f} s")
    why = _silent(waited)
    if "DOWN" in node.states or waited >= limits.resume + GRACE:
        return Move(entry.to("give_up", now, why))
    if not entry.cycled and waited >= limits.resume / 2:
        return Move(entry.to("cycle_off", now, why)._replace(cycled=True), f"{why}: its power is cycled, once")
    return Move(entry)


def _silent(waited: float) -> str:
    return f"has power, and slurmd did not answer within {waited:.0f} s"


def _give_up(entry: Entry, node: NodeState | None, now: float) -> Move:
    if node is None:
        return Move(entry)
    if is_up(node):
        return Move(None, f"is up after {now - entry.since:.0f} s, at the last moment")
    if not entry.why and "DOWN" in node.states and node.reason.startswith(REASON) and TAG in node.reason:
        return Move(None, f"is down already: {node.reason}")      # slurmctld's own time is over later, and knows no reason
    why = f"{REASON}{entry.why or 'not up within ResumeTimeout'}{', power-cycled once' if entry.cycled else ''}"
    return Move(None, f"is set down: {why}", down=why)
