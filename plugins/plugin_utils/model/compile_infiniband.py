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

from ...module_utils.infiniband.codes import FULL_BIT, MTU, RATE, USUAL_MTU, USUAL_SL
from ...module_utils.infiniband.intent import (
    CableIntent,
    FabricIntent,
    HostPort,
    LevelsIntent,
    MemberIntent,
    PartitionIntent,
    PartitionsIntent,
    Port,
)
from .types import Cluster, Fabric, Network, NodeGroup, Tenant

INFINIBAND = "infiniband"
LANES = 15                  # for data: virtual lanes 0 to 14
LEVELS = 16                 # service levels 0 to 15
USUAL_WEIGHT = 64           # of a lane in arbitration, in 64 bytes: one packet of 4 KiB


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


def levels(cluster: Cluster) -> dict[str, LevelsIntent]:
    """The service levels of each InfiniBand fabric that has some, by its name.

    Each SL that a level has gets a lane of its own, in order; SL 0, and those that no level has, share lane 0. A port that has fewer
    lanes folds them (OpenSM takes the number of the lane modulo theirs).
    """
    return {name: _levels(fabric) for name, fabric in cluster.fabrics.items() if fabric.kind == INFINIBAND and fabric.qos}


def host_ports(cluster: Cluster) -> dict[str, list[HostPort]]:
    """The InfiniBand ports of each node, as far as their GUIDs are known."""
    found: dict[str, list[HostPort]] = {}
    for fabric in cluster.fabrics.values():
        if fabric.kind != INFINIBAND:
            continue
        keys: dict[str, list[tuple[str, int]]] = {}
        for partition in _fabric(cluster, fabric)["partitions"]:
            for member in partition["members"] if partition["ipoib"] else ():
                keys.setdefault(member["guid"], []).append((partition["name"], partition["pkey"] | FULL_BIT))
        for group in cluster.groups:
            for interface in group.interfaces.values():
                for position, guid in interface.guids.items() if interface.fabric == fabric.name else ():
                    found.setdefault(group.names[position], []).append(
                        {"name": interface.name, "guid": guid, "mtu": interface.mtu or 0,
                         "children": [{"name": f"{interface.name}.{key:04x}", "partition": partition, "pkey": key}
                                      for partition, key in keys.get(guid, ())]})
    return found


def plugged_in(cluster: Cluster, group: NodeGroup) -> bool:
    """Whether these nodes have an interface on an InfiniBand fabric."""
    return any((fabric := cluster.fabrics.get(interface.fabric or "")) is not None and fabric.kind == INFINIBAND
               for interface in group.interfaces.values())


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


def _levels(fabric: Fabric) -> LevelsIntent:
    lanes = [USUAL_SL, *sorted({*fabric.qos.values()} - {USUAL_SL})]
    weights: dict[int, int] = {}
    for level, sl in fabric.qos.items():
        lane = lanes.index(sl) % LANES
        weights[lane] = max(weights.get(lane, 0), fabric.qos_weights.get(level, USUAL_WEIGHT))
    return {
        "sl2vl": [lanes.index(sl) % LANES if sl in lanes else 0 for sl in range(LEVELS)],
        "weights": [weights.get(lane, USUAL_WEIGHT) for lane in range(min(len(lanes), LANES))],
    }


def _seen(cluster: Cluster, fabric: Fabric) -> FabricIntent:
    plugged = ports(cluster, fabric.name)
    seen: FabricIntent = {
        "fabric": fabric.name, "speed": fabric.speed or "", "width": fabric.width or "", "mtu": fabric.mtu or 0,
        "managers": _managers(fabric, plugged), "cables": _cables(cluster, fabric),
        "ports": [{"name": name, "guid": guid} for name, guids in plugged.items() for guid in guids],
        "without_guid": [name for name, guids in plugged.items() if not guids],
    }
    if fabric.firmware:
        seen["firmware"] = dict(fabric.firmware)
    return seen


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
