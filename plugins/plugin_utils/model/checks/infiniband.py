# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What InfiniBand asks of fabrics, tenants and shared services, so that exactly the declared pairs can talk."""

from __future__ import annotations

from collections import Counter

from ....module_utils.infiniband.intent import PartitionsIntent
from .. import compile_infiniband, nodeset
from ..problems import did_you_mean
from ..source import Trail
from ..types import Fabric, Tenant
from .context import Context
from .fabric import fabrics_of, trail_of

LONGEST_NAME = 31       # OpenSM cuts a partition's name there


def check(context: Context) -> None:
    """Each InfiniBand fabric, and whoever has a P_Key."""
    fabrics = [fabric for fabric in context.cluster.fabrics.values() if fabric.kind == compile_infiniband.INFINIBAND]
    plugged = {fabric.name: compile_infiniband.ports(context.cluster, fabric.name) for fabric in fabrics}
    _holders(context, plugged)
    _one_each(context, fabrics)
    intents = compile_infiniband.partitions(context.cluster) if fabrics else {}
    for fabric in fabrics:
        _managers(context, fabric)
        _levels(context, fabric, plugged[fabric.name])
        _memberships(context, intents[fabric.name])
        _tables(context, fabric, intents[fabric.name])
        if intents[fabric.name]["partitions"] and not fabric.pkeys and not context.complained(("fabrics", fabric.name, "pkeys")):
            names = ", ".join(partition["name"] for partition in intents[fabric.name]["partitions"][:3])
            context.error(("fabrics", fabric.name), f"{fabric.name} has partitions ({names}) but no pkeys: say which P_Keys are ours, such "
                                                    "as 0x0100-0x01ff")


def _holders(context: Context, plugged: dict[str, dict[str, list[str]]]) -> None:
    """Whoever has a P_Key has nodes on a fabric.

    That one of them has no GUID is no error: it gets no P_Key until somebody writes it down, and `ib_partitions` says so on each run.
    """
    for holder in compile_infiniband.holders(context.cluster):
        trail: Trail = trail_of(holder)
        what = "tenant" if isinstance(holder, Tenant) else "network"
        names = compile_infiniband.members(context.cluster, holder)
        if not fabrics_of(context, holder):
            if all(name in context.group_of for name in names) and not any(map(context.complained, (("fabrics",), ("nodes",)))):
                context.error((*trail, "pkey"), f"{what} {holder.name} has a P_Key, but none of its nodes is on a fabric: its partition "
                                                "has no full member, and nobody could talk in it")
            continue
        if len(holder.name) > LONGEST_NAME and any(fabric.name in plugged for fabric in fabrics_of(context, holder)):
            context.error(trail, f"the name '{holder.name}' is longer than {LONGEST_NAME} characters, where OpenSM cuts it")


def _managers(context: Context, fabric: Fabric) -> None:
    lacking = [name for name in fabric.managers if (group := context.group_of.get(name)) and "subnet_manager" not in group.roles]
    if lacking and not any(context.complained(("nodes", context.group_of[name].nodeset)) for name in lacking):
        context.error(("fabrics", fabric.name, "managers"), f"{nodeset.fold_some(lacking)} shall manage {fabric.name}, but lacks the role "
                                                            "subnet_manager")


def _one_each(context: Context, fabrics: list[Fabric]) -> None:
    """A node runs one subnet manager, with one set of files."""
    managed: dict[str, str] = {}
    for fabric in fabrics:
        taken = [name for name in fabric.managers if managed.setdefault(name, fabric.name) != fabric.name]
        if taken:
            context.error(("fabrics", fabric.name, "managers"), f"{nodeset.fold_some(taken)} manages {managed[taken[0]]} already, and a "
                                                                f"node manages one InfiniBand fabric: name another for {fabric.name}")


def _levels(context: Context, fabric: Fabric, ports: dict[str, list[str]]) -> None:
    for tenant in context.cluster.tenants.values():
        if fabric.qos and tenant.qos and tenant.qos not in fabric.qos and not ports.keys().isdisjoint(tenant.members):
            context.error(("tenants", tenant.name, "qos", "level"), f"{fabric.name} has no level '{tenant.qos}'"
                                                                    f"{did_you_mean(tenant.qos, fabric.qos)}")


def _memberships(context: Context, intent: PartitionsIntent) -> None:
    """In each partition is a full member: two that are both limited members cannot talk."""
    if context.source.problems:
        return      # a GUID that is wrong elsewhere is one problem, not two
    for partition in intent["partitions"]:
        memberships = {member["membership"] for member in partition["members"]}
        if memberships == {"limited"}:
            section = "tenants" if partition["name"] in context.cluster.tenants else "networks"
            context.error((section, partition["name"]), f"partition {partition['name']} has limited members only on {intent['fabric']}: "
                                                        "none of them can talk to another")


def _tables(context: Context, fabric: Fabric, intent: PartitionsIntent) -> None:
    """No port has more P_Keys than its table holds; the default partition's is one of them."""
    held: Counter[str] = Counter()
    names: dict[str, str] = {}
    for partition in intent["partitions"]:
        for member in partition["members"]:
            held[member["guid"]] += 1
            names[member["guid"]] = member["name"]
    over = {names[guid]: count + 1 for guid, count in held.items() if count + 1 > fabric.pkey_table}
    if over:
        worst = max(over.values())
        context.error(("fabrics", fabric.name), f"{nodeset.fold_some([*over])} would hold up to {worst} P_Keys on {fabric.name} with the "
                                                f"default partition's, and a port's table holds {fabric.pkey_table}: give fewer, or say "
                                                "the size of the tables (pkey_table)")
