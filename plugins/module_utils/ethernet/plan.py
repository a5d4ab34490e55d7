# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a switch is to what it shall be, and what that disturbs.

What has cut users off elsewhere cannot be planned here: nothing is removed unless it is `exact` or `absent` and ours, VLANs are made before
ports get them and removed after the last port has lost them, what is not said stays as it is, and uplinks lose nothing unasked.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.intent import PortIntent, SwitchIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import (
    ALL_VLANS,
    MakeVlan,
    Port,
    RemoveVlan,
    SetPort,
    State,
    Step,
)
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import fold

RESERVED = frozenset({1, 1002, 1003, 1004, 1005})       # every switch's own: never made, renamed or removed
DEFAULT_VLAN = 1
MAX_CHANGED_PORTS = 16
PROTECTED = "is protected (an uplink, or a switch at its other end)"


@dataclass(frozen=True)
class Plan:
    """The steps from `before` to `after`. With refusals nothing is done; `too_many` is one that --check only warns of.

    `notes`: what is left alone though it may surprise.
    """

    steps: list[Step]
    before: State
    after: State
    impact: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    too_many: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def ports(self) -> list[str]:
        """The ports that a step concerns."""
        return [step.after.name for step in self.steps if isinstance(step, SetPort)]

    @property
    def vlans(self) -> list[int]:
        """The VLANs that are made, renamed or removed."""
        return [step.id for step in self.steps if not isinstance(step, SetPort)]


def checked(intent: SwitchIntent) -> SwitchIntent:
    """The intent, if its numbers are VLANs and its names come once. Raises ClusterwrightError."""
    name, ids = intent["name"], [vlan["id"] for vlan in intent["vlans"]]
    ids += [vlan for port in intent["ports"] for vlan in (*port["tagged"], port["untagged"]) if vlan is not None]
    bad = sorted({vlan for vlan in ids if not 1 <= vlan <= 4094})
    if bad:
        raise ClusterwrightError(f"{name}: {', '.join(map(str, bad[:5]))} is no VLAN id: they go from 1 to 4094")
    for span in intent["owned"]:
        if len(span) != 2 or not all(isinstance(end, int) for end in span) or not 1 <= span[0] <= span[1] <= 4094:
            raise ClusterwrightError(f"{name}: owned has {span}: each of its entries is a list of a first and a last VLAN id")
    for what, names in (("VLAN", [vlan["id"] for vlan in intent["vlans"]]), ("port", [port["name"] for port in intent["ports"]])):
        twice = [each for each, times in Counter(map(str, names)).items() if times > 1]
        if twice:
            raise ClusterwrightError(f"{name}: {what} {twice[0]} is declared twice")
    for port in intent["ports"]:
        if port["mode"] == "access" and (port["tagged"] or port["untagged"] is None):
            raise ClusterwrightError(f"{name}: {port['name']} is declared as access: that is one untagged VLAN, and none tagged")
    return intent


def on_platform(intent: SwitchIntent, driver: Driver) -> SwitchIntent:
    """The intent in the platform's terms: full names of ports, the MTU that its ports can have, names of VLANs no longer than it takes."""
    vlans = [{**vlan, "name": vlan["name"][:driver.name_limit]} for vlan in intent["vlans"]]
    ports = [{**port, "name": driver.port_name(port["name"]), "mtu": None if port["mtu"] is None else driver.mtu(port["mtu"])}
             for port in intent["ports"]]
    return {**intent, "vlans": vlans, "ports": ports}       # type: ignore[typeddict-item]


def plan(intent: SwitchIntent, state: State, mode: str = "present", allow_protected: Collection[str] = (),
         max_changed_ports: int = MAX_CHANGED_PORTS) -> Plan:
    """What to do. `mode`: present adds and corrects, exact also removes what is ours and not declared, absent removes the intent's VLANs.

    The intent is in the platform's terms (`on_platform`).
    """
    refusals = _unknown_ports(intent, state)
    owned = frozenset(vlan for first, last in intent["owned"] for vlan in range(first, last + 1)) - RESERVED
    declared = {vlan["id"]: vlan["name"] for vlan in intent["vlans"]}
    refusals += _bad_vlans(intent, state, declared, owned, mode)
    if mode == "absent":
        removable = owned & declared.keys()
    else:
        removable = owned if mode == "exact" else frozenset()
    ports: dict[str, Port] = {}
    for want in intent["ports"]:
        have = state.ports.get(want["name"])
        if have is None:
            continue
        if have.mode == "other":
            refusals += _no_port(have) if mode != "absent" else []
            continue
        free = not want["protected"] or have.name in allow_protected
        after = _strip(have, removable) if mode == "absent" else _aim(want, have, removable, owned, state, exact=mode == "exact", free=free)
        if not free:
            refusals += _taken(have, after)
        ports[have.name] = after
    loose = []
    for name, have in state.ports.items() if removable else ():
        if name not in ports and _everything(have):     # an uplink that nobody has declared, as likely as not
            loose.append(name)
        elif name not in ports:
            ports[name] = _strip(have, removable)
    gone = removable if mode == "absent" else removable - declared.keys()
    steps = _steps(state, ports, {} if mode == "absent" else declared, gone)
    changed = sum(isinstance(step, SetPort) and replace(step.before, description=step.after.description) != step.after for step in steps)
    too_many = "" if changed <= max_changed_ports else (
        f"{changed} ports would change, more than max_changed_ports ({max_changed_ports}): look at them with --check --diff, then raise it")
    many = f" and {len(loose) - 8} more ports" if len(loose) > 8 else ""
    notes = [f"{', '.join(loose[:8])}{many}: trunks of all VLANs that are not in the cluster file, left as they are"] if loose else []
    return Plan(steps, state, apply_to(state, steps), _impact(steps, state), refusals, too_many, notes)


def _everything(port: Port) -> bool:
    """Whether it is a trunk of all VLANs."""
    return port.mode == "trunk" and port.vlans >= ALL_VLANS


def _no_port(have: Port) -> list[str]:
    if have.lag:
        return [f"{have.name} is a member of {have.lag}: the cabling row needs `lag: {have.lag}`"]
    return [f"{have.name} is no port for VLANs (routed, or in a mode of its own): make it one, or take it out of the cabling"]


def _unknown_ports(intent: SwitchIntent, state: State) -> list[str]:
    """One sentence that names all ports that the switch lacks."""
    missing = [port["name"] for port in intent["ports"] if port["name"] not in state.ports]
    if not missing:
        return []
    hints = {name: difflib.get_close_matches(name, state.ports, n=1) for name in missing[:5]}
    named = [name + (f" (did you mean {hints[name][0]}?)" if hints[name] else "") for name in hints]
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return [f"it has no port {', '.join(named)}{more}: correct the cabling, or make the LAG on the switch first"]


def _bad_vlans(intent: SwitchIntent, state: State, declared: Mapping[int, str], owned: Collection[int], mode: str) -> list[str]:
    refusals = []
    reserved = sorted(RESERVED & declared.keys())
    if reserved:
        refusals.append(f"VLAN {fold(reserved)} is every switch's own and cannot be declared")
    if mode == "absent":
        foreign = sorted(declared.keys() - set(owned) - RESERVED)
        return refusals + ([f"VLAN {fold(foreign)} is not ours to remove: it is outside of the owned range"] if foreign else [])
    used = {vlan for port in intent["ports"] for vlan in (*port["tagged"], port["untagged"]) if vlan}
    nameless = sorted(used - declared.keys() - state.vlans.keys() - {DEFAULT_VLAN})
    return refusals + ([f"VLAN {fold(nameless)} is declared for a port, but is not among the VLANs"] if nameless else [])


def _aim(want: PortIntent, have: Port, removable: frozenset[int], owned: frozenset[int], state: State, *, exact: bool, free: bool) -> Port:
    """What a declared port shall be. `free`: not protected."""
    existing = state.vlans.keys() - RESERVED
    carried = have.tagged
    kept = _everything(have) and not free   # an uplink of all VLANs is left to be one
    if kept:
        removable, carried = frozenset(), have.vlans
    elif _everything(have):                 # what some platforms make of every port: nobody has decided that it carries ours
        removable, carried = owned, have.tagged & existing
    untagged = have.untagged if want["untagged"] is None else want["untagged"]
    if untagged in removable and want["untagged"] is None and untagged not in want["tagged"]:
        untagged = DEFAULT_VLAN
    tagged = frozenset(want["tagged"]) - {untagged}     # where the native VLAN is not said, it may be one of these: it is carried
    others = carried - removable - tagged - {untagged}
    mode = want["mode"]
    if mode == "access" and (kept or others & existing):
        mode = "trunk"      # it carries VLANs that are not ours, or that only `exact` removes
    elif mode == "access":
        others = frozenset()
    elif not tagged and want["untagged"] is None:
        mode = have.mode    # an uplink that nothing needs
        others = others if mode == "trunk" else frozenset()
    mtu = have.mtu
    if mtu is not None and want["mtu"] is not None:     # a larger one does no harm, a smaller one drops frames
        mtu = want["mtu"] if exact and free else max(mtu, want["mtu"])
    description = have.description if want["description"] is None else want["description"]
    return replace(have, mode=mode, untagged=untagged, tagged=tagged | others, mtu=mtu, description=description)


def _strip(have: Port, removable: frozenset[int]) -> Port:
    """An undeclared port without VLANs that are ours."""
    if have.mode == "other":
        return have
    untagged = DEFAULT_VLAN if have.untagged in removable else have.untagged
    return replace(have, untagged=untagged, tagged=have.tagged - removable - {untagged})


def _taken(have: Port, after: Port) -> list[str]:
    """Why a protected port may not become this."""
    way_out = "name it in allow_protected if that is meant"
    if have.mode != after.mode:
        return [f"{have.name} {PROTECTED}: its mode would change from {have.mode} to {after.mode}; {way_out}"]
    if have.untagged != after.untagged:
        return [f"{have.name} {PROTECTED}: its untagged VLAN would change from {have.untagged} to {after.untagged}; {way_out}"]
    lost = have.vlans - after.vlans
    return [f"{have.name} {PROTECTED}: it would lose VLAN {fold(lost)}; {way_out}"] if lost else []


def _steps(state: State, ports: Mapping[str, Port], declared: Mapping[int, str], removable: Collection[int]) -> list[Step]:
    steps: list[Step] = []
    for vlan, name in sorted(declared.items()):
        have = state.vlans.get(vlan)
        if vlan not in RESERVED and (have is None or (name and have and name != have)):
            steps.append(MakeVlan(vlan, name, have))
    changes = [SetPort(state.ports[name], after) for name, after in ports.items() if after != state.ports[name]]
    changes.sort(key=lambda step: bool(step.before.vlans - step.after.vlans))      # those that lose nothing first
    steps += changes
    # A trunk of all VLANs names none: it does not hold a VLAN that nobody declares.
    then = [ports.get(name, have) for name, have in state.ports.items()]
    held = {vlan for port in then if not _everything(port) for vlan in port.vlans}
    steps += [RemoveVlan(vlan, state.vlans[vlan]) for vlan in sorted(state.vlans) if vlan in removable and vlan not in held]
    return steps


def apply_to(state: State, steps: Iterable[Step]) -> State:
    """The state after these steps."""
    vlans, ports = dict(state.vlans), dict(state.ports)
    for step in steps:
        if isinstance(step, MakeVlan):
            vlans[step.id] = step.name
        elif isinstance(step, RemoveVlan):
            del vlans[step.id]
        else:
            ports[step.after.name] = step.after
    return State(vlans, ports)


def steps_back(plan_: Plan, now: State) -> list[Step]:
    """The steps from what the switch is now to what it was before the plan, for what the plan concerns."""
    before = plan_.before
    steps: list[Step] = [MakeVlan(vlan, before.vlans[vlan], now.vlans.get(vlan)) for vlan in plan_.vlans
                         if vlan in before.vlans and before.vlans[vlan] != now.vlans.get(vlan)]
    steps += [SetPort(now.ports[name], before.ports[name]) for name in plan_.ports
              if name in now.ports and now.ports[name] != before.ports[name]]
    return steps + [RemoveVlan(vlan, now.vlans[vlan]) for vlan in plan_.vlans if vlan in now.vlans and vlan not in before.vlans]


def differences(expected: State, seen: State, vlans: Iterable[int], ports: Iterable[str]) -> list[str]:
    """In words, where a switch is not what it should be. What a platform does not say (a name, an MTU) is not compared."""
    found = []
    for vlan in vlans:
        want, have = expected.vlans.get(vlan), seen.vlans.get(vlan)
        if (want is None) != (have is None):
            found.append(f"VLAN {vlan} is still there" if want is None else f"VLAN {vlan} is not there")
        elif want and have and want != have:
            found.append(f"VLAN {vlan} is called {have}, not {want}")
    for name in ports:
        port, other = expected.ports[name], seen.ports.get(name)
        if other is None:
            found.append(f"{name} is gone")
            continue
        if other.mtu is None:
            port = replace(port, mtu=None)
        if not port.tagged and not other.tagged and {port.mode, other.mode} == {"access", "trunk"}:
            port = replace(port, mode=other.mode)   # some platforms know no difference between the two
        if other != port:
            found.append(f"{name} is {describe(other)}, not {describe(port)}")
    return found


def changed_since(before: State, now: State) -> list[str]:
    """In words, what somebody else has changed between two readings, anywhere on the switch."""
    found = [f"VLAN {vlan}" for vlan in sorted(before.vlans.keys() | now.vlans.keys()) if before.vlans.get(vlan) != now.vlans.get(vlan)]
    return found + [name for name in dict.fromkeys([*before.ports, *now.ports]) if before.ports.get(name) != now.ports.get(name)]


def describe(port: Port) -> str:
    """A port on one line: `trunk, untagged 10, tagged 301-302, MTU 9000, "cn001 eth0"`."""
    words = [port.mode]
    if port.lag:
        words.append(f"member of {port.lag}")
    if port.mode != "other":
        words.append(f"untagged {port.untagged}" if port.untagged else "nothing untagged")
    if port.mode == "trunk":
        words.append(f"tagged {'all' if _everything(port) else fold(port.tagged) or 'none'}")
    if port.mtu is not None:
        words.append(f"MTU {port.mtu}")
    return ", ".join([*words, f'"{port.description}"'] if port.description else words)


def _impact(steps: Iterable[Step], state: State) -> list[dict[str, Any]]:
    """What the steps can disturb."""
    found: list[dict[str, Any]] = []
    for step in steps:
        if isinstance(step, RemoveVlan):
            name = f" ({step.name})" if step.name else ""
            text = f"VLAN {step.id}{name} is removed from the switch"
            found.append({"kind": "vlan_removed", "port": "", "vlans": [step.id], "text": text})
        elif isinstance(step, SetPort):
            found += _port_impact(step.before, step.after, state)
    return found


def _port_impact(before: Port, after: Port, state: State) -> list[dict[str, Any]]:
    known = before.description or after.description
    who = f"{before.name} ({known})" if known else before.name
    found: list[dict[str, Any]] = []
    lost = sorted((before.vlans - after.vlans) & state.vlans.keys())    # a VLAN that does not exist carries nothing
    untagged = f"untagged frames are in {_vlan(after.untagged)} then, not in {_vlan(before.untagged)}"
    if lost:
        instead = f"; {untagged}" if before.untagged in lost else ""
        found.append({"kind": "port_loses_vlan", "port": before.name, "vlans": lost, "text": f"{who} loses VLAN {fold(lost)}{instead}"})
    elif before.untagged != after.untagged:
        found.append({"kind": "untagged_changes", "port": before.name, "vlans": [], "text": f"{who}: {untagged}"})
    if before.mtu != after.mtu:
        found.append({"kind": "mtu_changes", "port": before.name, "vlans": [],
                      "text": f"{who}: its MTU goes from {before.mtu} to {after.mtu}; some switches take the link down for a moment"})
    return found


def _vlan(vlan: Optional[int]) -> str:  # noqa: UP045 - Python 3.9 evaluates this
    return f"VLAN {vlan}" if vlan else "no VLAN"


def lines(state: State, vlans: Iterable[int], ports: Iterable[str]) -> str:
    """These VLANs and ports, a line each, for a diff."""
    named = [f"VLAN {vlan} {state.vlans[vlan]}".rstrip() for vlan in sorted(vlans) if vlan in state.vlans]
    return "".join(f"{line}\n" for line in named + [f"{name}: {describe(state.ports[name])}" for name in ports if name in state.ports])


def as_data(state: State, vlans: Optional[Iterable[int]] = None, ports: Optional[Iterable[str]] = None) -> dict[str, Any]:  # noqa: UP045
    """A state, or these of its VLANs and ports, as plain data."""
    chosen = sorted(state.vlans if vlans is None else vlans)
    names = [name for name in (state.ports if ports is None else ports) if name in state.ports]
    return {"vlans": [{"id": vlan, "name": state.vlans[vlan]} for vlan in chosen if vlan in state.vlans],
            "ports": [_port_data(state.ports[name]) for name in names]}


def _port_data(port: Port) -> dict[str, Any]:
    return {"name": port.name, "mode": port.mode, "untagged": port.untagged, "tagged": fold(port.tagged), "mtu": port.mtu,
            "description": port.description, "lag": port.lag}
