# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way that the session itself takes through the switch. A plan that would cut it is refused, unless the port is named.

The switch's MAC table tells: the port where it has learned a MAC address of this machine. Where a router is between the two there is none;
then it is every port with more than two behind it, in the VLAN of the switch's own address. A management port that is in no VLAN has no
way that a VLAN could cut.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session as sessions
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.cabling import ONE_NODE
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Learned
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.plan import Plan
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, RemoveVlan, SetPort
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import fold, mac

NET = Path("/sys/class/net")


class Way(NamedTuple):
    """A port that leads to this machine, in which VLANs, and how that is known."""

    port: str
    vlans: frozenset[int]
    why: str


def guarded(session: sessions.Session, plan: Plan, management: Optional[int],     # noqa: UP045 - Python 3.9 evaluates this
            allowed: Collection[str]) -> Plan:
    """The plan, refused where it would cut the way. `management`: the VLAN of the switch's own address, if that is known."""
    if not any(isinstance(step, RemoveVlan) or (isinstance(step, SetPort) and _cut(step.before, step.after)) for step in plan.steps):
        return plan
    try:
        learned = sessions.macs(session)
    except ClusterwrightError:
        note = "its MAC table cannot be read: whether the change cuts the way of the session itself is not known"
        return replace(plan, notes=[*plan.notes, note])
    return replace(plan, refusals=[*plan.refusals, *cuts(plan, ways(learned, own_macs(), management), allowed)])


def own_macs() -> frozenset[str]:
    """The MAC addresses of this machine."""
    found = set()
    for path in NET.glob("*/address"):
        with contextlib.suppress(OSError):      # an interface that goes just now, as those of containers do
            found.add(mac(path.read_text(encoding="ascii", errors="replace")))
    return frozenset(found - {"", "00:00:00:00:00:00"})


def ways(learned: Iterable[Learned], ours: Collection[str], management: Optional[int]) -> list[Way]:     # noqa: UP045
    """The ports that lead to this machine."""
    behind: dict[str, set[Learned]] = {}
    for entry in learned:
        behind.setdefault(entry.port, set()).add(entry)
    found = []
    for port, entries in behind.items():
        vlans = {entry.vlan for entry in entries if entry.mac in ours}
        if vlans:
            found.append(Way(port, frozenset({management} if management in vlans else vlans), "this control machine is behind it"))
    if not found:
        why = "several machines are behind it, and the switch's own address is in that VLAN"
        found = [Way(port, frozenset({management}), why) for port, entries in behind.items()
                 if management and len({entry.mac for entry in entries if entry.vlan == management}) > ONE_NODE]
    return found


def cuts(plan: Plan, ways_: Iterable[Way], allowed: Collection[str]) -> list[str]:
    """In words, where the plan takes the VLAN of a way off its port, or out of the switch."""
    changes = {step.after.name: step for step in plan.steps if isinstance(step, SetPort)}
    removed = {step.id for step in plan.steps if isinstance(step, RemoveVlan)}
    found = []
    for way in ways_:
        step = changes.get(way.port)
        lost = way.vlans & (removed | (_cut(step.before, step.after) if step else frozenset()))
        if lost and way.port not in allowed:
            found.append(f"{way.port} is the way that this session takes ({way.why}): VLAN {fold(lost)} would be taken off it, or be "
                         "tagged differently; name it in allow_protected if that is meant")
    return found


def _cut(before: Port, after: Port) -> frozenset[int]:
    """The VLANs whose frames no longer pass as they did."""
    return frozenset(vlan for vlan in before.vlans if vlan not in after.vlans or (vlan == before.untagged) != (vlan == after.untagged))
