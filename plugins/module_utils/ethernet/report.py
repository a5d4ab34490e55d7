# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module returns of a plan, and what it answers without a switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import plan as planning
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.intent import SwitchIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.plan import Plan
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.session import change_commands
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, State


def of_plan(name: str, plan: Plan, commands: Sequence[str]) -> dict[str, Any]:
    """The predicted result."""
    vlans, ports = plan.vlans, plan.ports
    words = _listed(f"{name}, impact", [each["text"] for each in plan.impact]) + _listed(f"{name}, commands", commands)
    diff = [{"before_header": name, "before": planning.lines(plan.before, vlans, ports),
             "after_header": name, "after": planning.lines(plan.after, vlans, ports)}, {"prepared": words}]
    return {
        "changed": bool(plan.steps), "commands": list(commands), "impact": plan.impact, "diff": diff if plan.steps else [],
        "before": planning.as_data(plan.before, vlans, ports), "after": planning.as_data(plan.after, vlans, ports),
    }


def of_unsaved(name: str, plan: Plan, left: Sequence[str], commands: Sequence[str]) -> dict[str, Any]:
    """The predicted result where all is as declared, and `left` is not saved."""
    words = _listed(f"{name}, running and not saved", left) + _listed(f"{name}, commands", commands)
    return {**of_plan(name, plan, commands), "changed": True, "diff": [{"prepared": words}], "unsaved": list(left)}


def declared(intent: SwitchIntent) -> list[str]:
    """What of a switch is the intent's: `VLAN 301`, and names of ports."""
    return [f"VLAN {vlan['id']}" for vlan in intent["vlans"]] + [port["name"] for port in intent["ports"]]


def _listed(title: str, items: Sequence[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {item}" for item in items)]) + "\n" if items else ""


def refuse(name: str, plan: Plan, result: dict[str, Any], *, check: bool) -> None:
    """Raises ClusterwrightError for a plan that may not be done. In check mode the number of ports is no reason: somebody looks at it."""
    reasons = plan.refusals + ([plan.too_many] if plan.too_many and not check else [])
    if reasons:
        more = f" (and {len(reasons) - 5} more)" if len(reasons) > 5 else ""
        details = {**result, "changed": False, "verified": False, "refused": reasons}
        raise ClusterwrightError(f"{name}: {'. '.join(reasons[:5])}{more}. Nothing was changed", **details)


def parsed(name: str, driver: Driver, answers: Mapping[str, str]) -> State:
    """The state that recorded answers say. Raises ClusterwrightError."""
    missing = [f"{key} (`{command}`)" for key, command in driver.reads.items() if key not in answers]
    if missing:
        raise ClusterwrightError(f"{name}: answers lack {', '.join(missing)}")
    try:
        return driver.parse(answers)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ClusterwrightError(f"{name}: the answers are not understood: {why[:300]}") from None


def rendered(driver: Driver, intent: SwitchIntent, answers: Optional[Mapping[str, str]]) -> list[str]:  # noqa: UP045 - for Python 3.9
    """The commands that bring an intent about, from what `answers` say, or from a switch as it comes out of its box."""
    name = intent["name"]
    ports = [port["name"] for port in intent["ports"]]
    state = parsed(name, driver, answers) if answers else State({1: "default"}, {port: Port(port) for port in ports})
    plan = planning.plan(intent, state, allow_protected=ports, max_changed_ports=len(ports))
    refuse(name, plan, {}, check=True)
    try:
        return change_commands(driver, plan, answers or {}) if plan.steps else []
    except (ValueError, KeyError):
        text = f"{name}: the configuration of {driver.platform} is a file that is changed: rendered needs answers"
        raise ClusterwrightError(text) from None
