# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From exports and mounts of the cluster file to what servers export and what nodes mount, with all options."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from ...module_utils.filesystems.intent import ClientIntent, ExportIntent, MountIntent
from .identifiers import identifier
from .types import BMC, Cluster, Export, Mount, NodeGroup

SERVER = "nfs_server"
# Where a declared option takes the place of ours, since it is the same or the opposite.
ALTERNATIVES = ({"sync", "async"}, {"subtree_check", "no_subtree_check"}, {"vers", "nfsvers"}, {"hard", "soft", "softerr"})
EXPORT_OPTIONS = ("sync", "no_subtree_check")
NFS_OPTIONS = ("vers=4.2", "hard", "nconnect=4")


def exports(cluster: Cluster) -> dict[str, list[ExportIntent]]:
    """The exports of each server, by its name."""
    found: dict[str, list[ExportIntent]] = {}
    for export in cluster.exports.values():
        found.setdefault(export.server, []).append({"path": export.path, "clients": _clients(cluster, export), "state": export.state})
    return found


def mounts(cluster: Cluster) -> dict[str, MountIntent]:
    """The mounts, by the group of the nodes that have them."""
    return {group_name(mount): {
        "path": mount.path, "source": source(cluster, mount), "type": mount.type, "options": mount_options(mount),
        "automount": mount.automount, "state": mount.state} for mount in cluster.mounts.values()}


def group_name(mount: Mount) -> str:
    """The group of the nodes that have a mount."""
    return f"mount_{identifier(mount.name)}"


def members(cluster: Cluster, mount: Mount) -> tuple[list[NodeGroup], list[str]]:
    """The NodeGroups that have a mount as a whole, and the single nodes that do."""
    names = frozenset(mount.members)
    whole: list[NodeGroup] = []
    single: list[str] = []
    for group in cluster.groups:
        here = [name for name in group.names if name in names]
        if len(here) == len(group.names):
            whole.append(group)
        else:
            single += here
    return whole, single


def source(cluster: Cluster, mount: Mount) -> str:
    """What is mounted; of an export, its server by the address that its clients use."""
    if not mount.export:
        return mount.source or ""
    export = cluster.exports[mount.export]
    return f"{server_address(cluster, export, mount)}:{export.path}"


def server_address(cluster: Cluster, export: Export, mount: Mount) -> str:
    """The server's address in the first network of the export that it shares with all who mount; else the one that Ansible uses."""
    server = next(node for node in cluster.nodes if node.name == export.server)
    whole, single = members(cluster, mount)
    groups = [*whole, *(group for group in cluster.groups if not set(single).isdisjoint(group.names))]
    for name in export.networks:
        number = _address(server.group, name, server.position)
        if number is not None and all(any(interface.network == name for interface in group.interfaces.values()) for group in groups):
            return str(IPv4Address(number))
    return server.address or server.name


def addresses(group: NodeGroup, position: int) -> list[str]:
    """All addresses of a node but its BMC's."""
    numbers = [interface.address(position) for interface in group.interfaces.values() if interface.name != BMC]
    return [str(IPv4Address(number)) for number in numbers if number is not None]


def subnets(cluster: Cluster, export: Export) -> list[IPv4Network]:
    """The subnets whose machines may mount an export."""
    return [cluster.networks[name].subnet if name in cluster.networks else IPv4Network(name) for name in export.networks]


def _address(group: NodeGroup, network: str, position: int) -> int | None:
    interface = next((each for each in group.interfaces.values() if each.network == network and each.name != BMC), None)
    return interface.address(position) if interface else None


def _clients(cluster: Cluster, export: Export) -> list[ClientIntent]:
    """Subnets, then single nodes, which come first for the server whatever the order."""
    squash = "root_squash" if export.root_squash else "no_root_squash"
    found: dict[str, ClientIntent] = {}
    places = {node.name: node for node in cluster.nodes} if export.nodes or export.root else {}
    who = [([str(subnet) for subnet in subnets(cluster, export)], squash)]
    for names, root in ((export.nodes, squash), (export.root, "no_root_squash")):
        who += [(addresses(places[name].group, places[name].position), root) for name in names]
    for targets, root in who:
        options = _over([export.access, *EXPORT_OPTIONS, root], export.options)
        found.update({to: {"to": to, "options": options} for to in targets})
    return list(found.values())


def mount_options(mount: Mount) -> list[str]:
    """All options of a mount."""
    access = [] if mount.access == "rw" else ["ro"]
    return _over([*access, *(NFS_OPTIONS if mount.type == "nfs" else ()), "_netdev"], mount.options)


def _over(ours: Iterable[str], said: Iterable[str]) -> list[str]:
    """Our options, less those that the file says otherwise, and then those."""
    theirs = {option.partition("=")[0] for option in said}
    for pair in ALTERNATIVES:
        if theirs & pair:
            theirs |= pair
    return [*(option for option in ours if option.partition("=")[0] not in theirs), *said]
