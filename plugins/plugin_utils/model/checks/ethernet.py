# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, addresses, VLANs and cables."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from .. import nodeset
from ..compile_ethernet import plugged
from ..problems import Mark, did_you_mean
from ..source import Trail
from ..types import Interface, NodeGroup
from .context import Context

RESERVED_VLANS = range(1002, 1006)      # many switches keep these for token ring and FDDI: never proposed


class Span(NamedTuple):
    """Addresses that count up, and whose they are."""

    first: int
    last: int
    mark: Mark
    owner: str


def check(context: Context) -> None:
    """Everything that is plugged into a network."""
    _subnets(context)
    for group in context.cluster.groups:
        for interface in group.interfaces.values():
            _interface(context, group, interface)
    _unique_addresses(context)
    _unique_identities(context)
    _vlans(context)
    _cabling(context)


def _subnets(context: Context) -> None:
    cluster = context.cluster
    named: list[tuple[IPv4Network, Trail]]
    named = [(network.subnet, ("networks", network.name, "subnet")) for network in cluster.networks.values()]
    named += [(tenant.subnet, ("tenants", tenant.name, "subnet")) for tenant in cluster.tenants.values() if tenant.subnet]
    # Sorted, a subnet stands before all that lie in it; of two that overlap, one always lies in the other.
    around: tuple[IPv4Network, Trail] | None = None
    for mine, trail in sorted(named, key=lambda item: item[0]):
        if around and mine.overlaps(around[0]):
            (first, first_trail), (later, later_trail) = sorted((around, (mine, trail)), key=lambda item: context.source.mark(item[1]))
            context.error(later_trail, f"{later} of {later_trail[1]} overlaps {first} of {first_trail[1]}")
        else:
            around = (mine, trail)
    for network in cluster.networks.values():
        low, high = _hosts(network.subnet)
        if network.gateway and not low <= int(network.gateway) <= high:
            context.error(("networks", network.name, "gateway"), f"the gateway {network.gateway} is no host address in {network.subnet}")


def _hosts(subnet: IPv4Network) -> tuple[int, int]:
    """The first and the last address that a host can have."""
    low, high = int(subnet.network_address), int(subnet.broadcast_address)
    return (low + 1, high - 1) if subnet.prefixlen < 31 else (low, high)


def _interface(context: Context, group: NodeGroup, interface: Interface) -> None:
    """Network or fabric exist, addresses fit into the subnet, the MTU into the network's."""
    trail: Trail = ("nodes", group.nodeset, "interfaces", interface.name)
    bonded = any(interface.name in other.bonds for other in group.interfaces.values())
    if bool(interface.network) + bool(interface.fabric) + bonded != 1:
        if not context.complained(trail):
            context.error(trail, f"{interface.name} is bonded: it has no network of its own" if bonded
                          else f"{interface.name} needs one of network and fabric")
        return
    written = context.written
    for kind, name, known in (("network", interface.network, written.networks), ("fabric", interface.fabric, written.fabrics)):
        if name and name not in known:
            context.error((*trail, kind), f"no {kind} '{name}'{did_you_mean(name, known)}")
    network = context.cluster.networks.get(interface.network or "")
    if network is None:
        return
    if interface.mtu and interface.mtu > network.mtu:
        context.error((*trail, "mtu"), f"an MTU of {interface.mtu} is larger than {network.mtu}, the MTU of {network.name}")
    low, high = _hosts(network.subnet)
    for position, number in interface.addresses.items():
        if not low <= number <= high:
            place = context.table_mark((*trail, "address"), position)
            context.error_at(place, f"{_ip(number)} of {group.names[position]} is no host address in {network.name} ({network.subnet})")
    if interface.first is None:
        return
    last = next((position for position in reversed(range(len(group.names))) if position not in interface.addresses), 0)
    if not low <= interface.first <= high:
        context.error((*trail, "address"), f"{_ip(interface.first)} is no host address in {network.name} ({network.subnet})")
    elif interface.first + last > high:
        context.error((*trail, "address"), f"{last + 1} addresses from {_ip(interface.first)} on run past the end of {network.name} "
                                           f"({network.subnet}): only {high - interface.first + 1} fit")


def _unique_addresses(context: Context) -> None:
    """No address twice. Compared as ranges, so that 10,000 nodes that count up cost no more than one."""
    spans = sorted(_spans(context))
    reach = None        # of those before, the one that goes furthest
    for span in spans:
        if reach and span.first <= reach.last:
            earlier, later = sorted((reach, span), key=lambda item: item.mark)
            context.error_at(later.mark, f"{_ip(span.first)} belongs to {later.owner} and to {earlier.owner}")
        if reach is None or span.last > reach.last:
            reach = span


def _spans(context: Context) -> Iterator[Span]:
    for network in context.cluster.networks.values():
        if network.gateway:
            number = int(network.gateway)
            yield Span(number, number, context.source.mark(("networks", network.name, "gateway")), f"the gateway of {network.name}")
    for switch in context.cluster.switches:
        number = int(IPv4Address(switch.address))
        yield Span(number, number, context.source.mark(("switches", switch.nodeset, "address")), f"switch {switch.name}")
    for group in context.cluster.groups:
        for interface in group.interfaces.values():
            trail = ("nodes", group.nodeset, "interfaces", interface.name, "address")
            if interface.first is not None and not interface.addresses:
                last = interface.first + len(group.names) - 1
                yield Span(interface.first, last, context.source.mark(trail), f"{group.nodeset} {interface.name}")
                continue
            for position in range(len(group.names)) if interface.first is not None else interface.addresses:
                address = interface.address(position)
                if address is not None:
                    yield Span(address, address, context.table_mark(trail, position), f"{group.names[position]} {interface.name}")


def _unique_identities(context: Context) -> None:
    """No MAC and no GUID twice."""
    for kind in ("mac", "guid"):
        seen: dict[str, str] = {}
        for group in context.cluster.groups:
            for interface in group.interfaces.values():
                for position, value in (interface.macs if kind == "mac" else interface.guids).items():
                    mine = f"{group.names[position]} {interface.name}"
                    other = seen.setdefault(value, mine)
                    if other != mine:
                        place = context.table_mark(("nodes", group.nodeset, "interfaces", interface.name, kind), position)
                        context.error_at(place, f"the {kind.upper()} {value} belongs to {mine} and to {other}")


def _vlans(context: Context) -> None:
    """A VLAN has one user; a tenant with a subnet has a VLAN."""
    cluster = context.cluster
    tenants = {tenant.vlan for tenant in cluster.tenants.values() if tenant.vlan}
    used = tenants | {network.vlan for network in cluster.networks.values() if network.vlan}
    first = max(tenants, default=1) + 1
    free = next((str(vlan) for vlan in (*range(first, 4095), *range(2, first))
                 if vlan not in used and vlan not in RESERVED_VLANS and cluster.ethernet.owns(vlan)), "none")
    seen: dict[int, Trail] = {}
    for vlan, trail in (
        *((network.vlan, ("networks", network.name, "vlan")) for network in cluster.networks.values()),
        *((tenant.vlan, ("tenants", tenant.name, "vlan")) for tenant in cluster.tenants.values()),
    ):
        if vlan is None:
            continue
        other = seen.setdefault(vlan, trail)
        if other != trail:
            context.error(trail, f"VLAN {vlan} is {other[1]}'s already; the next free one is {free}")
    for tenant in cluster.tenants.values():
        if tenant.subnet and tenant.vlan is None and not context.complained(("tenants", tenant.name, "vlan")):
            context.error(("tenants", tenant.name), f"tenant {tenant.name} has a subnet but no vlan; the next free one is {free}")


def _cabling(context: Context) -> None:
    """Nodes, interfaces, switches and ports exist, and each end has one cable."""
    uplinks = {(switch.name, port) for switch in context.cluster.switches for port in switch.uplinks}
    rows: dict[int, list[tuple[str, str, str, str]]] = {}
    for cable in context.cluster.cabling:
        rows.setdefault(cable.row, []).append((cable.node, cable.interface, cable.switch, cable.port))
    ends: dict[str, str] = {}
    for row, cables in rows.items():
        trail: Trail = ("cabling", row)
        context.nodes_exist((cable[0] for cable in cables), (*trail, "nodes"), also=context.switch_names)
        unknown = [name for name in dict.fromkeys(cable[2] for cable in cables) if name not in context.switch_names]
        if unknown and not context.complained(("switches",)):
            context.error((*trail, "switch"), f"no switch '{nodeset.fold_some(unknown)}'{did_you_mean(unknown[0], context.switch_names)}")
        interface = cables[0][1]
        lacking = [node for node, *_rest in cables if (group := context.group_of.get(node)) and plugged(group, interface) is None
                   and not context.complained(("nodes", group.nodeset, "interfaces", interface))]
        if lacking:
            context.error((*trail, "interface"), f"{nodeset.fold_some(lacking)} has no interface '{interface}'")
        twice = []
        for node, cabled, switch, port in cables:
            if node in context.group_of and (switch, port) in uplinks:
                context.error((*trail, "ports"), f"{node} is plugged into {switch} {port}, which is an uplink")
            for end, other in ((f"{switch} {port}", f"{node} {cabled}"), (f"{node} {cabled}", f"{switch} {port}")):
                if end in ends:
                    twice.append(f"{end} has a cable to {ends[end]} already")
                ends.setdefault(end, other)
        if twice:
            context.error(trail, twice[0] + (f" (and {len(twice) - 1} more ends)" if len(twice) > 1 else ""))


def _ip(number: int) -> str:
    return str(IPv4Address(number)) if 0 <= number < 2**32 else "an address beyond IPv4"
