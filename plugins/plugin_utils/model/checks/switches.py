# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Ethernet switches are compiled from: owned VLANs, bonds, VLAN interfaces, LAGs, MLAG pairs, links."""

from __future__ import annotations

from collections.abc import Iterable

from .. import compile_ethernet, nodeset
from ..bridges import CORE, Bridges
from ..problems import did_you_mean
from ..source import Trail
from ..types import BMC, Cable, Interface, NodeGroup
from .context import Context
from .ethernet import RESERVED_VLANS


def check(context: Context) -> None:
    """What would be a wrong configuration of a switch, or none."""
    _owned(context)
    for group in context.cluster.groups:
        for interface in group.interfaces.values():
            _bond(context, group, interface)
            _vlan_interface(context, group, interface)
    _mlag(context)
    _rows(context)
    _lags(context)
    _reachable(context)


def _owned(context: Context) -> None:
    """VLANs are ours, and none that switches keep for themselves."""
    cluster = context.cluster
    for section, owners in (("networks", cluster.networks.values()), ("tenants", cluster.tenants.values())):
        for owner in owners:
            trail: Trail = (section, owner.name, "vlan")
            if owner.vlan is None or context.complained(trail):
                continue
            if owner.vlan == 1 or owner.vlan in RESERVED_VLANS:
                context.error(trail, f"VLAN {owner.vlan} is every switch's own: leave vlan out for a network "
                                     "that no switch is configured for")
            elif not cluster.ethernet.owns(owner.vlan):
                owned = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in cluster.ethernet.vlans or ())
                context.error(trail, f"VLAN {owner.vlan} is not among those of ethernet.vlans ({owned})")


def _bond(context: Context, group: NodeGroup, interface: Interface) -> None:
    trail: Trail = ("nodes", group.nodeset, "interfaces", interface.name, "bonds")
    for name in interface.bonds:
        member = group.interfaces.get(name)
        if name in (interface.name, BMC) or (member and member.bonds):
            context.error(trail, f"{interface.name} cannot bond {name}")
        other = next(each for each in group.interfaces.values() if name in each.bonds)
        if other is not interface:
            context.error(trail, f"{name} is bonded by {other.name} already")


def _vlan_interface(context: Context, group: NodeGroup, interface: Interface) -> None:
    if interface.parent is None:
        return
    trail: Trail = ("nodes", group.nodeset, "interfaces", interface.name, "parent")
    parent = group.interfaces.get(interface.parent)
    if parent is None or parent is interface or parent.parent or parent.fabric:
        below = [name for name, each in group.interfaces.items() if each is not interface and not (each.parent or each.fabric)]
        context.error(trail, f"{interface.name} cannot be a VLAN interface on '{interface.parent}'{did_you_mean(interface.parent, below)}")
        return
    bond = compile_ethernet.plugged(group, parent.name)
    if bond and bond is not parent:
        context.error(trail, f"{parent.name} is bonded: {interface.name} is a VLAN interface on {bond.name}")
    network = context.cluster.networks.get(interface.network or "")
    if interface.fabric or interface.bonds or (network and network.vlan is None):
        context.error(trail, f"{interface.name} is a VLAN interface: it needs a network with a vlan, and bonds nothing")


def _mlag(context: Context) -> None:
    """A pair is two, and its peer link is nothing else."""
    entries: dict[str, list[str]] = {}
    for switch in context.cluster.switches:
        trail: Trail = ("switches", switch.nodeset, "mlag")
        if switch.mlag:
            entries.setdefault(switch.nodeset, []).append(switch.name)
            if switch.mlag in switch.uplinks:
                context.error(trail, f"{switch.mlag} cannot be the peer link and an uplink")
    for text, names in entries.items():
        if len(names) != 2:
            context.error(("switches", text, "mlag"), f"an MLAG pair is an entry of two switches, '{text}' has {len(names)}")
    peer_links = {(switch.name, switch.mlag) for switch in context.cluster.switches if switch.mlag}
    for cable in context.cluster.cabling:
        used = {(cable.node, cable.interface), (cable.switch, cable.port), (cable.switch, cable.lag)} & peer_links
        if used:
            context.error(("cabling", cable.row), "{} {} is the peer link of an MLAG pair: it needs no row".format(*used.pop()))


def _rows(context: Context) -> None:
    """A row of cables is of nodes or of switches; a VLAN interface has no cable."""
    seen: set[tuple[int, str]] = set()
    for cable in context.cluster.cabling:
        trail: Trail = ("cabling", cable.row)
        group = context.group_of.get(cable.node)
        if group is None:
            if cable.node in context.switch_names and cable.lag:
                context.error((*trail, "lag"), "between switches a LAG is named in place of its ports")
            if cable.node == cable.switch:
                context.error(trail, f"{cable.node} has a cable to itself")
            continue
        if (cable.row, group.nodeset) in seen:
            continue
        seen.add((cable.row, group.nodeset))
        interface = compile_ethernet.plugged(group, cable.interface)
        if interface and interface.parent:
            context.error((*trail, "interface"), f"{interface.name} is a VLAN interface: the cable is {interface.parent}'s")
        elif interface and interface.name == cable.interface and interface.bonds:
            context.error((*trail, "interface"), f"{interface.name} is a bond: the cables are those of {', '.join(interface.bonds)}")
        elif interface and cable.lag and interface.name == cable.interface:
            context.error((*trail, "lag"), f"no interface of {group.nodeset} bonds {cable.interface}: a LAG needs a bond on the node")


def _lags(context: Context) -> None:
    """A bond is one LAG, on one switch or on both of an MLAG pair; a LAG is one bond's."""
    bonds: dict[tuple[str, str], list[Cable]] = {}
    for cable in context.cluster.cabling:
        group = context.group_of.get(cable.node)
        interface = compile_ethernet.plugged(group, cable.interface) if group else None
        if interface and interface.bonds:
            bonds.setdefault((cable.node, interface.name), []).append(cable)
    pairs = {frozenset((first.name, second.name)) for first, second in compile_ethernet.mlag_pairs(context.cluster)}
    owners: dict[tuple[str, str], str] = {}
    for (node, bond), cables in bonds.items():
        last = cables[-1]
        trail: Trail = ("cabling", last.row, "lag") if last.lag else ("cabling", last.row)
        switches = frozenset(cable.switch for cable in cables)
        lags = list(dict.fromkeys(cable.lag for cable in cables))
        if None in lags and len(lags) > 1:
            row = next(cable.row for cable in cables if not cable.lag)
            context.error(("cabling", row), f"{node} {bond}: all of its cables are in a LAG, or none")
        elif len(lags) > 1:
            context.error(trail, f"{node} {bond} is in {' and '.join(map(str, lags))}: a bond is one LAG, "
                                 "of the same name on both switches of a pair")
        elif None not in lags and len(switches) > 1 and switches not in pairs:
            context.error(trail, f"{node} {bond} is a LAG over {nodeset.fold_some(sorted(switches))}, "
                                 "which are no MLAG pair (switches: mlag)")
        for cable in cables:
            owner = owners.setdefault((cable.switch, cable.lag), f"{node} {bond}") if cable.lag else None
            if owner and owner != f"{node} {bond}":
                context.error(("cabling", cable.row, "lag"), f"{cable.switch} {cable.lag} is {owner}'s already")


def _reachable(context: Context) -> None:
    """Where a VLAN is needed on two switches, a way leads from one to the other."""
    cluster = context.cluster
    if context.source.problems:         # what is missing may be what could not be read
        return
    users: dict[int, list[str]] = {}
    for name, vlans in compile_ethernet.needs(cluster, compile_ethernet.node_ports(cluster)).items():
        for vlan in vlans:
            users.setdefault(vlan, []).append(name)
    bridges = Bridges(list(compile_ethernet.links_of(cluster)))
    judged: dict[frozenset[str], str] = {}
    for section, owners in (("networks", cluster.networks.values()), ("tenants", cluster.tenants.values())):
        for owner in owners:
            names = frozenset(users.get(owner.vlan or 0, ())) - {CORE}
            if names not in judged:
                judged[names] = _islands(bridges.apart(sorted(names)))
            if judged[names]:
                context.error((section, owner.name, "vlan"),
                              f"VLAN {owner.vlan} is needed on {judged[names]}, but no cable leads from one to the other: "
                              "say their uplinks, or their cables in a row of cabling")


def _islands(sets: Iterable[list[str]]) -> str:
    islands = [nodeset.fold_some(names) for names in sets]
    return " and on ".join(islands[:3]) if len(islands) > 1 else ""
