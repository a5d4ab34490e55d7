# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that follows from a cluster: groups, and the few variables of each host.

Everything here is in the file's order, so the same file gives the same inventory, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any, NamedTuple, TypedDict

from ...module_utils.ethernet.intent import SwitchIntent
from ...module_utils.infiniband.intent import HostPort
from . import compile as intents
from . import compile_ceph, compile_enroot, compile_ethernet, compile_filesystems, compile_infiniband, compile_omnipath, compile_power
from .identifiers import identifier
from .types import BMC, ROLES, Cable, Cluster, NodeGroup

PYTHON = "/usr/bin/python3"     # said, so that Ansible does not look for it on each host


class HostVars(TypedDict, total=False):
    """Variables of one host. Further interfaces add ``<interface>_address``, ``<interface>_mac``, ``<interface>_guid``."""

    ansible_host: str
    mac: str
    guid: str
    bmc_address: str
    bmc_mac: str
    serial_number: str
    unit: str
    switch_intent: SwitchIntent
    ib_ports: list[HostPort]


class Group(NamedTuple):
    """A group of the inventory: its variables, whole NodeGroups (by the name of their own group), and single hosts."""

    name: str
    variables: dict[str, Any]
    children: list[str]
    hosts: list[str]


def own_group(nodeset: str) -> str:
    """The group that stands for one entry of ``nodes`` or ``switches``: ``nodeset_cn_001_300``."""
    return f"nodeset_{identifier(nodeset)}"


def host_vars(cluster: Cluster) -> Iterator[tuple[str, list[tuple[str, HostVars]]]]:
    """(own group, [(host, variables)]) for each entry of ``nodes`` and ``switches``."""
    ports, infiniband = _ports(cluster), compile_infiniband.host_ports(cluster)
    for group in cluster.groups:
        variables = _node_vars(group, ports)
        for name, host in variables if infiniband else ():
            if name in infiniband:
                host["ib_ports"] = infiniband[name]
        yield own_group(group.nodeset), variables
    wanted = compile_ethernet.switches(cluster)
    for nodeset in dict.fromkeys(switch.nodeset for switch in cluster.switches):
        members = [switch for switch in cluster.switches if switch.nodeset == nodeset]
        yield own_group(nodeset), [(switch.name, {"ansible_host": switch.address, "switch_intent": wanted[switch.name]})
                                   for switch in members]


def _ports(cluster: Cluster) -> dict[str, list[Cable]]:
    ports: dict[str, list[Cable]] = {}
    for cable in cluster.cabling:
        ports.setdefault(cable.node, []).append(cable)
    return ports


def _node_vars(group: NodeGroup, ports: dict[str, list[Cable]]) -> list[tuple[str, HostVars]]:
    variables: list[dict[str, Any]] = [{} for _name in group.names]
    management = group.management
    fabric = next((interface for interface in group.interfaces.values() if interface.fabric), None)
    for interface in group.interfaces.values():
        own = identifier(interface.name)
        address = "ansible_host" if interface is management else f"{own}_address"
        if interface.first is not None and not interface.addresses:
            for host, number in zip(variables, range(interface.first, interface.first + len(variables))):
                host[address] = f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        elif interface.addresses:
            for position, host in enumerate(variables):
                exception = interface.address(position)
                if exception is not None:
                    host[address] = str(IPv4Address(exception))
        for kind, values, main in (("mac", interface.macs, management), ("guid", interface.guids, fabric)):
            name = kind if interface is main else f"{own}_{kind}"
            for position, value in values.items():
                variables[position][name] = value
    for fact, values in group.facts.items():
        name = "serial_number" if fact == "serial" else fact        # `serial` is a word of Ansible's own
        for position, value in values.items():
            variables[position][name] = value
    if ports:
        for name, host in zip(group.names, variables):
            for cable in ports.get(name, ()):
                host[f"{identifier(cable.interface)}_port"] = f"{cable.switch} {cable.port}"
    return list(zip(group.names, variables))    # type: ignore[arg-type]


def groups(cluster: Cluster) -> list[Group]:
    """All groups but the own ones, parents of the own groups where they take a NodeGroup whole.

    A role that no node has is a group too, an empty one: Ansible warns of each play whose group does not exist.
    """
    found: dict[str, Group] = {}

    def group(name: str, **variables: Any) -> Group:
        return found.setdefault(name, Group(name, variables, [], []))

    # asleep: a run puts those in that power saving has switched off.
    for name in ("nodes", *ROLES, "bmcs", "switches", "infiniband", "mounts", "asleep", "cephadm", "pyxis"):
        group(name)
    for nodes in cluster.groups:
        own = own_group(nodes.nodeset)
        group("nodes").children.append(own)
        for role in nodes.roles:
            group(role).children.append(own)
        if nodes.hardware:
            protocol = {"bmc_protocol": nodes.hardware.bmc_protocol} if nodes.hardware.bmc_protocol else {}
            group(f"hardware_{identifier(nodes.hardware.name)}", **protocol).children.append(own)
        if nodes.os:
            group(f"os_{identifier(nodes.os)}", node_os=nodes.os, ansible_python_interpreter=PYTHON).children.append(own)
        if BMC in nodes.interfaces:
            group("bmcs").children.append(own)
        if compile_infiniband.plugged_in(cluster, nodes):
            group("infiniband").children.append(own)
        _rack_groups(nodes, own, group)
    whole = {nodes.names: own_group(nodes.nodeset) for nodes in cluster.groups}
    for kind, sets in (("tenant", cluster.tenants), ("partition", cluster.partitions)):
        for name, entry in sets.items():
            target = group(f"{kind}_{identifier(name)}")
            if entry.members in whole:
                target.children.append(whole[entry.members])
            else:
                target.hosts.extend(entry.members)
    if found["slurm_controller"].children:
        found["slurm_controller"].variables.update(slurm_intent=intents.slurm(cluster), slurm_accounts=intents.slurm_accounts(cluster))
        if cluster.power_saving:
            found["slurm_controller"].variables["slurm_power_bmcs"] = compile_power.bmcs(cluster)
    if found["subnet_manager"].children:
        found["subnet_manager"].variables.update(
            ib_partitions=compile_infiniband.partitions(cluster), ib_fabrics=compile_infiniband.fabrics(cluster),
            ib_levels=compile_infiniband.levels(cluster))
    if found["fabric_manager"].children:
        found["fabric_manager"].variables["opa_vfabrics"] = compile_omnipath.vfabrics(cluster)
    if cluster.ceph:
        ceph = compile_ceph.intent(cluster)
        for role in (name for name in ROLES if name.startswith("ceph_")):
            found[role].variables["ceph_intent"] = ceph
        if ceph["way"] == compile_ceph.CEPHADM:
            found["cephadm"].children.extend(own_group(nodes.nodeset) for nodes in cluster.groups
                                             if not compile_ceph.DAEMONS.keys().isdisjoint(nodes.roles))
    if cluster.exports:
        found["nfs_server"].variables["nfs_intent"] = compile_filesystems.exports(cluster)
    if cluster.mounts:
        found["mounts"].variables["mounts_intent"] = compile_filesystems.mounts(cluster)
    for mount in cluster.mounts.values():
        target = group(compile_filesystems.group_name(mount))
        wholes, single = compile_filesystems.members(cluster, mount)
        target.children.extend(own_group(nodes.nodeset) for nodes in wholes)
        target.hosts.extend(single)
        found["mounts"].children.append(target.name)
    if compile_enroot.wanted(cluster):
        enroot = compile_enroot.intent(cluster)
        if enroot["pyxis"]:
            found["pyxis"].children.extend(own_group(nodes.nodeset) for nodes in cluster.groups
                                           if not {*compile_enroot.SUBMITS}.isdisjoint(nodes.roles))
        for role in (compile_enroot.ROLE, "charliecloud", "pyxis"):
            found[role].variables["enroot_intent"] = enroot
    if cluster.ethernet.max_changed_ports:
        found["switches"].variables["ethernet_fabric_max_changed_ports"] = cluster.ethernet.max_changed_ports
    for switch in cluster.switches:
        own = own_group(switch.nodeset)
        for target in (group("switches"), group(f"platform_{switch.platform}", switch_platform=switch.platform)):
            if own not in target.children:
                target.children.append(own)
    return list(found.values())


def _rack_groups(nodes: NodeGroup, own: str, group: Any) -> None:
    if len(nodes.racks) == 1:
        group(f"rack_{identifier(nodes.racks[0])}", rack=nodes.racks[0]).children.append(own)
        return
    members: dict[str, list[str]] = {}
    for position, name in enumerate(nodes.names if nodes.racks else ()):
        members.setdefault(nodes.rack(position) or "", []).append(name)
    for rack, names in members.items():
        group(f"rack_{identifier(rack)}", rack=rack).hosts.extend(names)
