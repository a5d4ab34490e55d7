# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: each once, and hardware that exists."""

from __future__ import annotations

from .. import nodeset
from ..identifiers import identifier
from ..problems import did_you_mean
from ..source import Trail
from ..types import BMC, NodeGroup
from .context import Context


def check(context: Context) -> None:
    """Names of nodes, switches and groups; the hardware of each NodeGroup."""
    _unique_names(context)
    _group_names(context)
    for group in context.cluster.groups:
        _hardware(context, group)
        _reachable(context, group)


# Ansible and our own groups have taken these.
TAKEN = frozenset({"all", "ungrouped", "localhost", "nodes", "switches", "bmcs", "mounts", "enroot", "charliecloud", "pyxis"})


def _unique_names(context: Context) -> None:
    seen: dict[str, str] = {}
    entries = [("nodes", group.nodeset, group.names) for group in context.cluster.groups]
    by_entry: dict[str, list[str]] = {}
    for switch in context.cluster.switches:
        by_entry.setdefault(switch.nodeset, []).append(switch.name)
    entries += [("switches", text, tuple(names)) for text, names in by_entry.items()]
    for section, text, names in entries:
        for name in TAKEN.intersection(names):
            context.error((section, text), f"a host cannot be called '{name}': Ansible or a group of the inventory is")
        twice = [name for name in names if name in seen]
        if twice:
            context.error((section, text), f"{nodeset.fold_some(twice)} stands in '{seen[twice[0]]}' already")
        seen.update(dict.fromkeys(names, text))


def _group_names(context: Context) -> None:
    """Two names must not become one group of the inventory (``a-b`` and ``a_b``)."""
    cluster = context.cluster
    sets: dict[str, Trail] = {group.nodeset: ("nodes", group.nodeset) for group in cluster.groups}
    sets |= {switch.nodeset: ("switches", switch.nodeset) for switch in cluster.switches}
    for kind, names in (
        ("nodeset", sets),
        ("hardware", {name: ("hardware", name) for name in cluster.hardware}),
        ("tenant", {name: ("tenants", name) for name in cluster.tenants}),
        ("partition", {name: ("slurm", "partitions", name) for name in cluster.partitions}),
        ("rack", {rack: ("nodes", group.nodeset, "rack") for group in cluster.groups for rack in group.racks}),
    ):
        seen: dict[str, str] = {}
        for name, trail in names.items():
            other = seen.setdefault(identifier(name), name)
            if other != name:
                context.error(trail, f"'{name}' and '{other}' would both be the group {kind}_{identifier(name)}")
    for group in cluster.groups:
        seen = {}
        for name in group.interfaces:
            other = seen.setdefault(identifier(name), name)
            if other != name:
                context.error(("nodes", group.nodeset, "interfaces", name),
                              f"'{name}' and '{other}' would both be the variables {identifier(name)}_…")


def _hardware(context: Context, group: NodeGroup) -> None:
    trail = ("nodes", group.nodeset)
    name = (context.source.data["nodes"][group.nodeset] or {}).get("hardware")
    known = context.written.hardware
    if name is not None and name not in known:
        context.error((*trail, "hardware"), f"no hardware '{name}'{did_you_mean(name, known)}")
    if "slurm_compute" in group.roles and name is None and not context.complained((*trail, "hardware")):
        context.error(trail, f"{group.nodeset} has the role slurm_compute but no hardware: Slurm must know its CPUs")


def _reachable(context: Context, group: NodeGroup) -> None:
    """A node that gets a role must have an address to configure it at."""
    if not group.roles:
        return
    interface = group.management
    positions = range(len(group.names))
    if interface is None:
        trail = ("nodes", group.nodeset)
        if not context.complained(trail):
            context.error(trail, f"{group.nodeset} has roles but no interface with an address on a network (other than {BMC})")
    elif interface.first is None:
        without = [group.names[position] for position in positions if position not in interface.addresses]
        if without:
            context.error(("nodes", group.nodeset, "interfaces", interface.name), f"no address for {nodeset.fold_some(without)}")
