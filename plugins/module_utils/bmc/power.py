# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power: what has to be done, in which order, and whether it was really done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import bulk, fleet, identity
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Driver, Report
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.fleet import Work
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import (
    LIES,
    NOT_DONE,
    OK,
    REFUSED,
    WRONG_MACHINE,
    BmcError,
    Outcome,
)

STATES = ("status", "on", "off", "soft", "cycle", "reset")
REST = 5.0              # seconds without power in a cycle, so that the power supplies' capacitors are empty
FIRST_LOOK = 0.1        # seconds; each further look comes later, up to
SELDOM = 1.0
BULK = 0.2              # the part of the deadline within which very many answer in bulk, or are asked one by one
_STEPS: dict[str, dict[str, tuple[str, ...]]] = {        # state -> power as it is -> what the BMC is told
    "on": {"off": ("on",)},
    "off": {"on": ("off",)},
    "soft": {"on": ("soft",)},
    "cycle": {"on": ("off", "on"), "off": ("on",)},
    "reset": {"on": ("reset",)},
}
_AFTER = {"on": "on", "off": "off", "soft": "off", "reset": "on"}
_IMPACT = {
    "off": ("loses_power", "lose power at once: what runs there ends, what was not written to disk is lost"),
    "soft": ("shuts_down", "are asked to shut down: what runs there ends"),
    "cycle": ("loses_power", "lose power at once and start again: what runs there ends, what was not written to disk is lost"),
    "reset": ("restarts", "restart at once: what runs there ends, what was not written to disk is lost"),
    "on": ("starts", "start, and draw their inrush current"),
}
MOST_NAMES = 10


class Seen(NamedTuple):
    """What one look tells: power, and the identity as far as it is compared."""

    power: str
    who: identity.Identity


def steps(state: str, power: str) -> tuple[str, ...]:
    """What a BMC has to be told, in order, when its machine is `power` now."""
    return _STEPS.get(state, {}).get(power, ())


def predict(state: str, power: str) -> str:
    """What the power is after those steps."""
    done = steps(state, power)
    return _AFTER[done[-1]] if done else power


# --- observe

def look(check_identity: bool) -> Work:
    """The power; with `check_identity`, also who it is, as far as something is known to compare it with."""
    def work(driver: Driver, target: BmcIntent, _report: Report) -> Seen:
        keys = identity.asked(target) if check_identity else []
        return Seen(driver.power(), driver.identity(keys) if keys else identity.Identity())

    return work


def status(targets: Sequence[BmcIntent], deadline: float, limit: int) -> dict[str, Outcome]:
    """The power of each, as the value of its Outcome."""
    quick = bulk.powers(targets, deadline * BULK)
    others = [target for target in targets if target["name"] not in quick]
    left = deadline * (1 - BULK) if quick else deadline
    found = {**quick, **fleet.call(others, lambda driver, _target, _report: driver.power(), left, limit)}
    return {target["name"]: found[target["name"]] for target in targets}


def observe(targets: Sequence[BmcIntent], state: str, check_identity: bool, deadline: float, limit: int) -> dict[str, Outcome]:
    """As status; for a state that changes something, no wrong machine and nothing impossible is OK."""
    if state == "status":
        return status(targets, deadline, limit)
    seen = fleet.call(targets, look(check_identity), deadline, limit)
    judged = identity.judge(targets, {name: outcome.value.who for name, outcome in seen.items() if outcome.ok})
    found = {}
    for name, outcome in seen.items():
        if not outcome.ok:
            found[name] = outcome
        elif check_identity and name in judged and judged[name].verdict == WRONG_MACHINE:
            found[name] = Outcome(WRONG_MACHINE, outcome.value.power, f"nothing was switched: {judged[name].text}")
        elif state == "reset" and outcome.value.power == "off":
            found[name] = Outcome(REFUSED, "off", "is off, so there is nothing to reset: switch it on")
        else:
            found[name] = Outcome(OK, outcome.value.power)
    return found


# --- apply

def switch(state: str, wait: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Work:
    """All steps for one machine, each read back. The power at the end is the value."""
    def work(driver: Driver, _target: BmcIntent, report: Report) -> str:
        power = driver.power()
        todo = steps(state, power)
        for number, step in enumerate(todo):
            if number:
                report(f"is off for {REST:g} s before it is switched {step}")
                sleep(REST)
            report(f"was told to switch {step}" if step in ("on", "off") else f"was told to {step}")
            driver.control(step)
            power = settle(driver, step, wait, clock, sleep)
        return power

    return work


def settle(driver: Driver, step: str, wait: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> str:
    """Look until it is so, or `wait` seconds are over. Raises BmcError."""
    wanted, begin, pause = _AFTER[step], clock(), FIRST_LOOK
    while True:
        power = driver.power()
        left = begin + wait - clock()
        if power == wanted:
            return power
        if left <= 0:
            break
        sleep(min(pause, left))
        pause = min(2 * pause, SELDOM)
    if step == "soft":
        raise BmcError(NOT_DONE, f"was asked to shut down, and is still on after {wait:g} s: look at its console; state=off cuts its power")
    raise BmcError(LIES, f"said that it switches {step}, and is still {power} after {wait:g} s: look at the machine and its power supplies")


def patience(state: str, timeout: float, wait: float) -> float:
    """Seconds that one call may take in all."""
    return timeout + wait * (2 if state == "cycle" else 1) + (REST if state == "cycle" else 0)


def apply(targets: Sequence[BmcIntent], state: str, at_once: int, pause: float, timeout: float, wait: float, limit: int,
          sleep: Callable[[float], None] = time.sleep) -> dict[str, Outcome]:
    """Wave by wave: the next `at_once` machines are touched when those before are as asked, or have failed, and `pause` is over."""
    outcomes: dict[str, Outcome] = {}
    for start in range(0, len(targets), at_once):
        if start and pause:
            sleep(pause)
        outcomes.update(fleet.call(targets[start:start + at_once], switch(state, wait), patience(state, timeout, wait), limit))
    return outcomes


# --- what is said of it

def some(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def impact(state: str, powers: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the change disturbs. powers: of the machines that change, as they are."""
    found = []
    for power in ("on", "off"):
        names = [name for name, each in powers.items() if each == power]
        kind, text = _IMPACT["on" if power == "off" else state] if names else ("", "")
        if names:
            found.append({"kind": kind, "nodes": names, "text": f"{some(names)} {text}"})
    return found


def commands(targets: Sequence[BmcIntent], state: str, powers: Mapping[str, str]) -> list[str]:
    """What the BMCs are told, in order."""
    return [f"{target['name']} ({target['protocol']} {target['address']}): power {step}"
            for target in targets if target["name"] in powers for step in steps(state, powers[target["name"]])]


def diff(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """A line a node."""
    return {"before_header": "power", "before": "".join(f"{name}: {power}\n" for name, power in before.items()),
            "after_header": "power", "after": "".join(f"{name}: {power}\n" for name, power in after.items())}
