# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fabrics, tenants and P_Keys."""

from __future__ import annotations

from .. import compile_infiniband
from ..problems import did_you_mean
from ..source import Trail
from ..types import Fabric, Network, Tenant
from .context import Context


def check(context: Context) -> None:
    """Everything that isolation is made of."""
    for fabric in context.cluster.fabrics.values():
        context.nodes_exist(fabric.managers, ("fabrics", fabric.name, "managers"))
    _key_ranges(context)
    for tenant in context.cluster.tenants.values():
        _tenant(context, tenant)
    for holder in compile_infiniband.holders(context.cluster):
        _within_range(context, holder)
    _unique_pkeys(context)


def _key_ranges(context: Context) -> None:
    for fabric in context.cluster.fabrics.values():
        if fabric.pkeys and (fabric.pkeys[0] < 1 or fabric.pkeys[1] > 0x7FFE):
            context.error(("fabrics", fabric.name, "pkeys"), "P_Keys go from 0x0001 to 0x7ffe: 0x7fff is the default partition, "
                                                              "and 0x8000 is the full-member bit")


def _tenant(context: Context, tenant: Tenant) -> None:
    """Its nodes and services exist; on a fabric it has a P_Key that is ours to use."""
    trail: Trail = ("tenants", tenant.name)
    if tenant.name in context.written.networks:
        context.error(trail, f"'{tenant.name}' is a network already: reaches could mean either")
    context.nodes_exist(tenant.members, (*trail, "nodes"))
    services = {*context.written.networks, *context.written.tenants} - {tenant.name}
    for index, service in enumerate(context.source.data["tenants"][tenant.name].get("reaches") or ()):
        if service and service not in services:
            context.error((*trail, "reaches", index), f"no network and no other tenant '{service}'{did_you_mean(service, services)}")
    fabrics = fabrics_of(context, tenant)
    if tenant.pkey is None and fabrics and not context.complained((*trail, "pkey")):
        context.error(trail, f"tenant {tenant.name} has nodes on {fabrics[0].name} but no pkey; "
                             f"the next free one is {_free(context, fabrics[0])}")


def trail_of(holder: Tenant | Network) -> Trail:
    """Where a holder of a P_Key is written."""
    return ("tenants" if isinstance(holder, Tenant) else "networks", holder.name)


def _within_range(context: Context, holder: Tenant | Network) -> None:
    for fabric in fabrics_of(context, holder):
        if fabric.pkeys and holder.pkey and not fabric.pkeys[0] <= holder.pkey <= fabric.pkeys[1]:
            first, last = fabric.pkeys
            context.error((*trail_of(holder), "pkey"), f"P_Key {holder.pkey:#06x} is outside {fabric.name}'s own {first:#06x}-{last:#06x}; "
                                                       f"the next free one is {_free(context, fabric)}")


def fabrics_of(context: Context, holder: Tenant | Network) -> list[Fabric]:
    """The fabrics that the nodes of a tenant or a network are plugged into."""
    members = compile_infiniband.members(context.cluster, holder)
    groups = {id(group): group for name in members if (group := context.group_of.get(name))}
    names = dict.fromkeys(interface.fabric for group in groups.values() for interface in group.interfaces.values() if interface.fabric)
    return [context.cluster.fabrics[name] for name in names if name in context.cluster.fabrics]


def _unique_pkeys(context: Context) -> None:
    seen: dict[int, str] = {}
    for holder in compile_infiniband.holders(context.cluster):
        other = seen.setdefault(holder.pkey or 0, holder.name)
        if other != holder.name:
            fabrics = fabrics_of(context, holder)
            hint = f"; the next free one is {_free(context, fabrics[0])}" if fabrics else ""
            context.error((*trail_of(holder), "pkey"), f"P_Key {holder.pkey:#06x} is {other}'s already{hint}")


def _free(context: Context, fabric: Fabric) -> str:
    """The next P_Key of a fabric that nobody has, in words."""
    used = {holder.pkey for holder in compile_infiniband.holders(context.cluster)}
    first, last = fabric.pkeys or (1, 0x7FFE)
    return next((f"{key:#06x}" for key in range(first, last + 1) if key not in used), f"none: {fabric.name}'s range is full")
