# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From networks, tenants and cabling to what each Ethernet switch shall be."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import NamedTuple

from ...module_utils.ethernet.intent import PortIntent, SwitchIntent, VlanIntent
from .bridges import CORE, Bridges, Link
from .types import Cluster, Interface, Network, NodeGroup, Switch, Tenant

PLAIN_MTU = 1500    # what every Ethernet port has; only more is asked for
NAME_LENGTH = 32    # of a VLAN, on most platforms


class Plug(NamedTuple):
    """What the port of a cabled interface carries, before tenants; `name` is the interface or, on a LAG, the bond."""

    name: str
    untagged: int | None
    tagged: frozenset[int]
    mtu: int | None         # for the untagged VLAN
    management: bool        # whether it also carries the node's tenants


def switches(cluster: Cluster) -> dict[str, SwitchIntent]:
    """The intent of each switch, by its name."""
    ports = node_ports(cluster)
    links = list(links_of(cluster))
    vlans = needs(cluster, ports)
    for link, on_link in zip(links, _on_links(cluster, links, vlans)):
        mtu = _mtu(cluster, on_link)
        ends = ((link.near, link.near_port), (link.far, link.far_port))
        for (name, port), other in (ends, ends[::-1]):
            if name != CORE:
                vlans[name] |= on_link
                ports[name][port] = {
                    "name": port, "mode": "trunk", "untagged": None, "tagged": sorted(on_link), "mtu": mtu,
                    "description": None if other[0] == CORE else " ".join(other), "protected": True}
    names = dict(_vlans(cluster))
    owned = owned_ranges(cluster)
    return {switch.name: {
        "name": switch.name,
        "platform": switch.platform,
        "vlans": [VlanIntent(id=vlan, name=names[vlan][:NAME_LENGTH]) for vlan in sorted(vlans[switch.name])],
        "ports": list(ports[switch.name].values()),
        "owned": [list(span) for span in owned],
        "management": next(iter(own_vlans(cluster, switch)), None),
    } for switch in cluster.switches}


def owned_ranges(cluster: Cluster) -> list[tuple[int, int]]:
    """The VLAN ids that are ours, as first and last: as written, else those that networks and tenants have."""
    if cluster.ethernet.vlans is not None:
        return list(cluster.ethernet.vlans)
    ranges: list[tuple[int, int]] = []
    for vlan in sorted({vlan for vlan, _name in _vlans(cluster)}):
        if ranges and ranges[-1][1] == vlan - 1:
            ranges[-1] = (ranges[-1][0], vlan)
        else:
            ranges.append((vlan, vlan))
    return ranges


def links_of(cluster: Cluster) -> Iterable[Link]:
    """The links between switches: rows of cabling, peer links, and to the core those uplinks that no row says the end of."""
    names = {switch.name for switch in cluster.switches}
    ends = set()
    for cable in cluster.cabling:
        if cable.node in names:
            ends |= {(cable.node, cable.interface), (cable.switch, cable.port)}
            yield Link(cable.node, cable.interface, cable.switch, cable.port)
    for first, second in mlag_pairs(cluster):
        yield Link(first.name, first.mlag or "", second.name, second.mlag or "", peer=True)
    for switch in cluster.switches:
        for port in switch.uplinks:
            if (switch.name, port) not in ends:
                yield Link(switch.name, port, CORE, "")


def mlag_pairs(cluster: Cluster) -> list[tuple[Switch, Switch]]:
    """The MLAG pairs: entries of two switches with a peer link."""
    entries: dict[str, list[Switch]] = {}
    for switch in cluster.switches:
        if switch.mlag:
            entries.setdefault(switch.nodeset, []).append(switch)
    return [(pair[0], pair[1]) for pair in entries.values() if len(pair) == 2]


def plugged(group: NodeGroup, cabled: str) -> Interface | None:
    """The interface that has the network of a cabled one: its bond, or itself."""
    bond = next((interface for interface in group.interfaces.values() if cabled in interface.bonds), None)
    return bond or group.interfaces.get(cabled)


def needs(cluster: Cluster, ports: dict[str, dict[str, PortIntent]]) -> dict[str, set[int]]:
    """The VLANs that each switch, and the core, has a use for: of its nodes, of its own address, of the gateways."""
    found = {switch.name: {vlan for port in ports[switch.name].values() for vlan in _of_port(port)} for switch in cluster.switches}
    found[CORE] = {network.vlan for network in cluster.networks.values() if network.vlan and network.gateway}
    for switch in cluster.switches:     # else `exact` could take the VLAN that the switch is managed through
        found[switch.name].update(own_vlans(cluster, switch))
    return found


def own_vlans(cluster: Cluster, switch: Switch) -> list[int]:
    """The VLAN of the network that the switch's own address is in, if there is one."""
    address = IPv4Address(switch.address)
    return [network.vlan for network in cluster.networks.values() if network.vlan and address in network.subnet]


def _of_port(port: PortIntent) -> list[int]:
    return [*port["tagged"], port["untagged"]] if port["untagged"] else port["tagged"]


def _vlans(cluster: Cluster) -> Iterable[tuple[int, str]]:
    owners: list[Network | Tenant] = [*cluster.networks.values(), *cluster.tenants.values()]
    return [(owner.vlan, owner.name) for owner in owners if owner.vlan]


def _mtu(cluster: Cluster, vlans: Iterable[int | None]) -> int | None:
    """The largest of these VLANs' networks, where that is more than every port has anyway."""
    wanted = set(vlans)
    largest = max((network.mtu for network in cluster.networks.values() if network.vlan in wanted), default=PLAIN_MTU)
    return largest if largest > PLAIN_MTU else None


def node_ports(cluster: Cluster) -> dict[str, dict[str, PortIntent]]:
    """The ports that nodes are plugged into, by switch and name."""
    ports: dict[str, dict[str, PortIntent]] = {switch.name: {} for switch in cluster.switches}
    group_of = {name: group for group in cluster.groups for name in group.names}
    tenants: dict[str, set[int]] = {}
    for tenant in cluster.tenants.values():
        for name in tenant.members if tenant.vlan else ():
            tenants.setdefault(name, set()).add(tenant.vlan or 0)
    plugs: dict[tuple[int, str, bool], Plug | None] = {}
    mtus: dict[frozenset[int], int | None] = {}
    for cable in cluster.cabling:
        group = group_of.get(cable.node)
        if group is None:
            continue
        key = (id(group), cable.interface, cable.lag is not None)
        if key not in plugs:
            plugs[key] = _plug(cluster, group, cable.interface, on_lag=cable.lag is not None)
        plug = plugs[key]
        if plug is None:
            continue
        tagged = plug.tagged | tenants[cable.node] if plug.management and cable.node in tenants else plug.tagged
        tagged -= {plug.untagged}
        if not tagged and plug.untagged is None:
            continue
        if tagged not in mtus:
            mtus[tagged] = _mtu(cluster, tagged)
        own = (plug.mtu, mtus[tagged])
        name = cable.lag or cable.port
        ports[cable.switch][name] = {
            "name": name, "mode": "trunk" if tagged else "access", "untagged": plug.untagged, "tagged": sorted(tagged),
            "mtu": max(filter(None, own), default=None), "description": f"{cable.node} {plug.name}", "protected": False}
    return ports


def _plug(cluster: Cluster, group: NodeGroup, cabled: str, *, on_lag: bool) -> Plug | None:
    interface = plugged(group, cabled)
    if interface is None:
        return None

    def vlan(of: Interface) -> int | None:
        network = cluster.networks.get(of.network or "")
        return network.vlan if network else None

    above = [each for each in group.interfaces.values() if each.parent == interface.name]
    untagged = vlan(interface)
    return Plug(interface.name if on_lag else cabled, untagged, frozenset(filter(None, map(vlan, above))), _mtu(cluster, [untagged]),
                any(each is group.management for each in (interface, *above)))


def _on_links(cluster: Cluster, links: list[Link], vlans: dict[str, set[int]]) -> list[set[int]]:
    """The VLANs of each link: those that it connects users of, and on a peer link all of the pair's."""
    wanted: dict[int, set[str]] = {}
    for name, ids in vlans.items():
        for vlan in ids:
            wanted.setdefault(vlan, set()).add(name)
    on_links = Bridges(links).carried(wanted)
    around: dict[str, set[int]] = {switch.name: set(vlans[switch.name]) for switch in cluster.switches}
    for link, ids in zip(links, on_links):
        for name in {link.near, link.far} - {CORE}:
            around[name] |= ids
    return [ids | around[link.near] | around[link.far] if link.peer else ids for link, ids in zip(links, on_links)]


def cables(cluster: Cluster, switch: str) -> list[dict[str, str | None]]:
    """What shall be plugged into the ports of a switch: node, interface and MAC, or the other switch and its port."""
    group_of = {name: (group, position) for group in cluster.groups for position, name in enumerate(group.names)}
    found: list[dict[str, str | None]] = []
    for cable in cluster.cabling:
        if cable.switch == switch:
            group, position = group_of.get(cable.node, (None, 0))
            interface = group.interfaces.get(cable.interface) if group else None
            mac = interface.macs.get(position) if interface else None
            found.append({"switch": switch, "port": cable.port, "node": cable.node, "interface": cable.interface, "mac": mac})
        if cable.node == switch:
            found.append({"switch": switch, "port": cable.interface, "node": cable.switch, "interface": cable.port, "mac": None})
    for pair in mlag_pairs(cluster):
        for one, other in (pair, pair[::-1]):
            if one.name == switch:
                found.append({"switch": switch, "port": one.mlag, "node": other.name, "interface": other.mlag, "mac": None})
    return found
