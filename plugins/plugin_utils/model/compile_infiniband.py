# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From tenants and what they reach to the partitions of each InfiniBand fabric.

A tenant's nodes, and the nodes of a network with a P_Key, are full members of its partition: they talk among themselves. Who reaches it
is a limited member: it talks to them, and not to others that reach it too. So exactly the declared pairs share a partition of which one
of the two is a full member.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...module_utils.infiniband.codes import MTU, RATE, USUAL_MTU, USUAL_SL
from ...module_utils.infiniband.intent import CableIntent, FabricIntent, MemberIntent, PartitionIntent, PartitionsIntent, Port
from .types import Cluster, Fabric, Network, Tenant

INFINIBAND = "infiniband"


def partitions(cluster: Cluster) -> dict[str, PartitionsIntent]:
    """The partitions of each InfiniBand fabric, by its name."""
    return {name: _fabric(cluster, fabric) for name, fabric in cluster.fabrics.items() if fabric.kind == INFINIBAND}


def fabrics(cluster: Cluster) -> dict[str, FabricIntent]:
    """What shall be seen on each InfiniBand fabric, by its name."""
    return {name: _seen(cluster, fabric) for name, fabric in cluster.fabrics.items() if fabric.kind == INFINIBAND}


def ports(cluster: Cluster, fabric: str) -> dict[str, list[str]]:
    """The port GUIDs of each node that is plugged into a fabric; none are known for a node with an empty list."""
    found: dict[str, list[str]] = {}
    for group in cluster.groups:
        for interface in group.interfaces.values():
            if interface.fabric == fabric:
                for position, name in enumerate(group.names):
                    known = found.setdefault(name, [])
                    if position in interface.guids:
                        known.append(interface.guids[position])
    return found


def members(cluster: Cluster, holder: Tenant | Network) -> tuple[str, ...]:
    """The nodes that a tenant or a network has."""
    if isinstance(holder, Tenant):
        return holder.members
    return tuple(name for group in cluster.groups
                 if any(interface.network == holder.name for interface in group.interfaces.values()) for name in group.names)


def holders(cluster: Cluster) -> list[Tenant | Network]:
    """Whoever has a P_Key."""
    everybody: list[Tenant | Network] = [*cluster.networks.values(), *cluster.tenants.values()]
    return [holder for holder in everybody if holder.pkey is not None]


def _fabric(cluster: Cluster, fabric: Fabric) -> PartitionsIntent:
    plugged = ports(cluster, fabric.name)
    mtu, rate = MTU.get(fabric.mtu or 0, USUAL_MTU), RATE[fabric.rate]
    made: list[PartitionIntent] = []
    bare: dict[str, None] = {}
    for holder in holders(cluster):
        own = dict.fromkeys(members(cluster, holder))
        if not own.keys() & plugged.keys():
            continue
        guests = dict.fromkeys(name for tenant in cluster.tenants.values() if holder.name in tenant.reaches for name in tenant.members)
        bare.update(dict.fromkeys(name for name in (*own, *guests) if plugged.get(name) == []))
        made.append({
            "name": holder.name, "pkey": holder.pkey or 0, "mtu": mtu, "rate": rate,
            "ipoib": not isinstance(holder, Tenant) or holder.ipoib,
            "sl": fabric.qos.get(holder.qos or "", USUAL_SL) if isinstance(holder, Tenant) else USUAL_SL,
            "members": [*_as(own, "full", plugged), *_as((name for name in guests if name not in own), "limited", plugged)],
        })
    return {
        "fabric": fabric.name, "owned": list(fabric.pkeys or ()), "default": fabric.default_partition, "mtu": mtu, "rate": rate,
        "table": fabric.pkey_table, "managers": _managers(fabric, plugged), "partitions": made,
        "ports": [{"name": name, "guid": guid} for name, guids in plugged.items() for guid in guids], "without_guid": [*bare],
    }


def _seen(cluster: Cluster, fabric: Fabric) -> FabricIntent:
    plugged = ports(cluster, fabric.name)
    return {
        "fabric": fabric.name, "speed": fabric.speed or "", "width": fabric.width or "", "mtu": fabric.mtu or 0,
        "managers": _managers(fabric, plugged), "cables": _cables(cluster, fabric),
        "ports": [{"name": name, "guid": guid} for name, guids in plugged.items() for guid in guids],
        "without_guid": [name for name, guids in plugged.items() if not guids],
    }


def _managers(fabric: Fabric, plugged: dict[str, list[str]]) -> list[Port]:
    return [{"name": name, "guid": guid} for name in fabric.managers for guid in plugged.get(name) or [""]]


def _cables(cluster: Cluster, fabric: Fabric) -> list[CableIntent]:
    """The rows of ``cabling`` for interfaces on this fabric."""
    guids = {(name, interface.name): interface.guids[position] for group in cluster.groups for interface in group.interfaces.values()
             if interface.fabric == fabric.name for position, name in enumerate(group.names) if position in interface.guids}
    return [{"name": cable.node, "guid": guids[cable.node, cable.interface], "switch": cable.switch, "port": cable.port}
            for cable in cluster.cabling if (cable.node, cable.interface) in guids]


def _as(names: Iterable[str], membership: str, plugged: dict[str, list[str]]) -> list[MemberIntent]:
    return [{"name": name, "guid": guid, "membership": membership} for name in names for guid in plugged.get(name, ())]
