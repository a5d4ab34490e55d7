# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Omni-Path asks of fabrics and tenants. What holds for P_Keys of both kinds of fabric stands in `fabric` and `infiniband`."""

from __future__ import annotations

from ....module_utils.omnipath.descriptions import problem
from ....module_utils.omnipath.xml import MOST, MTUS, RATES
from .. import compile_infiniband, compile_omnipath, nodeset
from ..problems import did_you_mean
from ..types import Fabric
from .context import Context

_MTUS = [int(text) for text in MTUS if text.isdecimal()]
_RATES = [int(text.rstrip("g")) for text in RATES if text.endswith("g")]


def check(context: Context) -> None:
    """Each Omni-Path fabric, and the tenants on it."""
    fabrics = [fabric for fabric in context.cluster.fabrics.values() if fabric.kind == compile_omnipath.OMNIPATH]
    intents = compile_omnipath.vfabrics(context.cluster) if fabrics else {}
    for fabric in fabrics:
        intent = intents[fabric.name]
        if intent["vfabrics"]:
            _managers(context, fabric)
        _limits(context, fabric)
        _levels(context, fabric)
        if intent["vfabrics"] and not fabric.pkeys and not context.complained(("fabrics", fabric.name, "pkeys")):
            names = ", ".join(vfabric["name"] for vfabric in intent["vfabrics"][:3])
            context.error(("fabrics", fabric.name), f"{fabric.name} has vFabrics ({names}) but no pkeys: say which P_Keys are ours, such "
                                                    "as 0x0010-0x00ff")
        if len(intent["vfabrics"]) > MOST["vFabrics"] - 1:      # Admin is one
            context.error(("fabrics", fabric.name), f"{fabric.name} has {len(intent['vfabrics'])} vFabrics, and a fabric manager takes "
                                                    f"{MOST['vFabrics']}, its own among them")
        for group in intent["groups"]:
            bad = [text for text in group["descriptions"] if problem(text)]
            if bad:
                context.error(("fabrics", fabric.name), f"the node description '{bad[0]}' is nothing that a fabric manager matches "
                                                        f"({problem(bad[0])}): write down the GUIDs of these nodes")


def _managers(context: Context, fabric: Fabric) -> None:
    lacking = [name for name in fabric.managers if (group := context.group_of.get(name)) and "fabric_manager" not in group.roles]
    if lacking and not any(context.complained(("nodes", context.group_of[name].nodeset)) for name in lacking):
        context.error(("fabrics", fabric.name, "managers"), f"{nodeset.fold_some(lacking)} shall manage {fabric.name}, but lacks the role "
                                                            "fabric_manager")


def _limits(context: Context, fabric: Fabric) -> None:
    written = context.source.data["fabrics"][fabric.name]
    for key, known, unit in (("mtu", _MTUS, "bytes"), ("rate", _RATES, "Gb/s")):
        value = written.get(key)
        if value is not None and value not in known and not context.complained(("fabrics", fabric.name, key)):
            listed = ", ".join(map(str, known))
            context.error(("fabrics", fabric.name, key), f"{key} {value} is none of Omni-Path's: {listed} {unit}, or leave it out")


def _levels(context: Context, fabric: Fabric) -> None:
    ports = compile_infiniband.ports(context.cluster, fabric.name)
    for tenant in context.cluster.tenants.values():
        levels = fabric.qos_groups
        if levels and tenant.qos and tenant.qos not in levels and not ports.keys().isdisjoint(tenant.members):
            context.error(("tenants", tenant.name, "qos", "level"), f"{fabric.name} has no level '{tenant.qos}' with a group"
                                                                    f"{did_you_mean(tenant.qos, levels)}")
