# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From tenants and what they reach to the vFabrics of each Omni-Path fabric.

As with InfiniBand's partitions: a tenant's nodes are full members of its vFabric, who reaches it is a limited one. A tenant's nodes are one
device group, by port GUID, and where no GUID is known, by the node description that rdma-ndd gives: `knl01 hfi1_0`.
"""

from __future__ import annotations

from ...module_utils.omnipath.descriptions import fold
from ...module_utils.omnipath.intent import DeviceGroupIntent, VFabricIntent, VFabricsIntent
from ...module_utils.omnipath.xml import MTUS, RATES, UNLIMITED
from . import compile_infiniband
from .types import Cluster, Fabric, Network, Tenant

OMNIPATH = "omnipath"
APPLICATIONS = ["AllOthers"]        # whatever no other vFabric of a pair of nodes is for


def vfabrics(cluster: Cluster) -> dict[str, VFabricsIntent]:
    """The vFabrics of each Omni-Path fabric, by its name."""
    return {name: _fabric(cluster, fabric) for name, fabric in cluster.fabrics.items() if fabric.kind == OMNIPATH}


def descriptions(cluster: Cluster, fabric: str) -> dict[str, list[str]]:
    """The node descriptions of each node that is plugged into a fabric and of whose interfaces a GUID is missing."""
    found: dict[str, list[str]] = {}
    for group in cluster.groups:
        plugged = [interface for interface in group.interfaces.values() if (known := cluster.fabrics.get(interface.fabric or ""))
                   and known.kind == OMNIPATH]
        for unit, interface in enumerate(plugged):
            for position, name in enumerate(group.names):
                if interface.fabric == fabric and position not in interface.guids:
                    found.setdefault(name, []).append(f"{name.split('.')[0]} hfi1_{unit}")
    return found


def mtu(fabric: Fabric) -> str:
    """MaxMTU of a fabric's vFabrics."""
    return str(fabric.mtu) if str(fabric.mtu) in MTUS else UNLIMITED


def rate(fabric: Fabric) -> str:
    """MaxRate of a fabric's vFabrics; what is no rate of Omni-Path was not declared."""
    text = f"{fabric.rate:g}g"
    return text if text in RATES else UNLIMITED


def _fabric(cluster: Cluster, fabric: Fabric) -> VFabricsIntent:
    ports, unnamed = compile_infiniband.ports(cluster, fabric.name), descriptions(cluster, fabric.name)
    groups: list[DeviceGroupIntent] = []
    made: list[VFabricIntent] = []
    here: dict[str, list[str]] = {}
    for holder in compile_infiniband.holders(cluster):
        names = [name for name in dict.fromkeys(compile_infiniband.members(cluster, holder)) if name in ports]
        if names:
            here[holder.name] = names
            groups.append({"name": holder.name, "guids": [guid for name in names for guid in ports[name]],
                           "descriptions": fold([text for name in names for text in unnamed.get(name, ())])})
    for holder in compile_infiniband.holders(cluster):
        if holder.name in here:
            guests = [tenant.name for tenant in cluster.tenants.values() if holder.name in tenant.reaches and tenant.name in here]
            made.append({
                "name": holder.name, "pkey": holder.pkey or 0, "security": True, "members": [holder.name], "limited_members": guests,
                "mtu": mtu(fabric), "rate": rate(fabric), "qos_group": _qos_group(fabric, holder), "applications": [*APPLICATIONS],
            })
    by_description = [name for name in unnamed if any(name in names for names in here.values())]
    return {"fabric": fabric.name, "managers": [*fabric.managers], "owned": list(fabric.pkeys or ()), "default": fabric.default_partition,
            "groups": groups, "vfabrics": made, "by_description": by_description}


def _qos_group(fabric: Fabric, holder: Tenant | Network) -> str:
    return fabric.qos_groups.get(holder.qos or "", "") if isinstance(holder, Tenant) else ""
