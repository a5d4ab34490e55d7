# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports and mounts: servers that are there, clients that may, and one filesystem at a mount point."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from .. import compile_filesystems, nodeset
from ..identifiers import identifier
from ..problems import did_you_mean
from ..source import Trail
from ..types import Export, Mount, NodeGroup
from .context import Context

# A filesystem over one of these, or at its root, ends the system.
SYSTEM = frozenset({"/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var"})
SQUASH = frozenset({"root_squash", "no_root_squash", "rw", "ro"})


def check(context: Context) -> None:
    """The sections exports and mounts."""
    good = {name for name, export in context.cluster.exports.items() if _export(context, export)}
    _exported_twice(context)
    for mount in context.cluster.mounts.values():
        _mount(context, mount, good)
    _mounted_twice(context)
    _connections(context)
    seen: dict[str, str] = {}
    for name in context.cluster.mounts:
        other = seen.setdefault(identifier(name), name)
        if other != name:
            context.error(("mounts", name), f"'{name}' and '{other}' would both be the group mount_{identifier(name)}")


def _export(context: Context, export: Export) -> bool:
    """Whether its clients are known."""
    trail: Trail = ("exports", export.name)
    good = context.nodes_exist([export.server], (*trail, "server"))
    if good and compile_filesystems.SERVER not in context.group_of[export.server].roles:
        context.error((*trail, "server"), f"{export.server} exports {export.path}, but lacks the role {compile_filesystems.SERVER}")
    for key, names in (("nodes", export.nodes), ("root", export.root)):
        good = context.nodes_exist(names, (*trail, key)) and good
        without = [name for name in names if (group := context.group_of.get(name)) and not compile_filesystems.addresses(
            group, group.names.index(name))]
        if without:
            context.error((*trail, key), f"{nodeset.fold_some(without)} has no address that {export.server} could know it by")
    if not (export.networks or export.nodes or export.root) and not any(context.complained((*trail, key)) for key in (
            "networks", "nodes", "root")):
        context.error(trail, f"nobody may mount {export.name}: say networks or nodes")
        return False
    for index, text in enumerate(export.networks):
        good = _network(context, export, text, (*trail, "networks", index)) and good
    for index, option in enumerate(export.options):
        if option in SQUASH:
            context.error((*trail, "options", index), f"{option} is said by access, root or root_squash")
    return good and not context.complained(trail)


def _network(context: Context, export: Export, text: str, trail: Trail) -> bool:
    if "/" not in text:
        if text not in context.written.networks:
            context.error(trail, f"no such network: {text}{did_you_mean(text, context.written.networks)}")
        return text in context.cluster.networks
    try:
        subnet = IPv4Network(text)
    except ValueError:
        context.error(trail, f"'{text}' is not an IPv4 subnet")
        return False
    if not export.root_squash and not subnet.is_private:
        context.error(trail, f"{export.name} has root_squash: false, so root of any machine in {text} would be root in {export.path}: name "
                             "the nodes that need it in root, and leave root_squash out")
    return True


def _exported_twice(context: Context) -> None:
    seen: dict[tuple[str, str], str] = {}
    for name, export in context.cluster.exports.items():
        other = seen.setdefault((export.server, export.path), name)
        if other != name:
            context.error(("exports", name, "path"), f"{export.server} exports {export.path} already, as {other}: one export has all who "
                                                     "may mount it")


def _mount(context: Context, mount: Mount, good: set[str]) -> None:
    trail: Trail = ("mounts", mount.name)
    here = context.nodes_exist(mount.members, (*trail, "nodes")) and bool(mount.members)
    if mount.path in SYSTEM:
        context.error((*trail, "path"), f"{mount.path} belongs to the operating system of each node: mount it elsewhere")
    for index, option in enumerate(mount.options):
        if option in ("rw", "ro"):
            context.error((*trail, "options", index), f"{option} is said by access")
    if mount.source and mount.type == "nfs" and ":/" not in mount.source:
        context.error((*trail, "source"), f"'{mount.source}' names no server and path, such as 10.12.0.9:/vol/home")
    if not mount.export:
        return
    if mount.type != "nfs":
        context.error((*trail, "type"), f"{mount.export} is an export, which is NFS: leave type out")
    export = context.cluster.exports.get(mount.export)
    if export is None:
        known = context.source.data.get("exports") or {}
        if not context.complained(("exports", mount.export)):
            context.error((*trail, "export"), f"no such export: {mount.export}{did_you_mean(mount.export, known)}")
        return
    if export.state == "absent" and mount.state == "present":
        context.error((*trail, "export"), f"{export.name} is declared absent: unmount it first (state: absent here)")
    if export.server in mount.members:
        context.error((*trail, "nodes"), f"{export.server} is the server of {export.name}, and would wait for itself when memory is short: "
                                         f"leave it out, it has {export.path} (at {mount.path} by a mount of type: none, options: [bind])")
    if here and export.name in good:
        _admitted(context, mount, export)


def _admitted(context: Context, mount: Mount, export: Export) -> None:
    """Each node that mounts has an address that the server lets in."""
    allowed, single = compile_filesystems.subnets(context.cluster, export), {*export.nodes, *export.root}
    names = frozenset(mount.members)
    outside = [name for group in context.cluster.groups if not _by_network(group, export) for position, name in enumerate(group.names)
               if name in names and name not in single and not _within(group, position, allowed)]
    if outside:
        who = ", ".join(filter(None, (*map(str, allowed), nodeset.fold_some(list(export.nodes)) if export.nodes else "")))
        context.error(("mounts", mount.name, "nodes"), f"{nodeset.fold_some(outside)} may not mount {export.name}: no address of it is "
                                                       f"among those who may ({who or 'none'})")


def _by_network(group: NodeGroup, export: Export) -> bool:
    """Whether all nodes of a NodeGroup are in a network of the export: that their addresses are in its subnet is checked elsewhere."""
    return any(interface.network in export.networks and interface.first is not None for interface in group.interfaces.values())


def _within(group: NodeGroup, position: int, allowed: list[IPv4Network]) -> bool:
    return any(IPv4Address(address) in subnet for address in compile_filesystems.addresses(group, position) for subnet in allowed)


def _mounted_twice(context: Context) -> None:
    """Two mounts of one path on one node, CephFS among them."""
    cephfs = [name for group in context.cluster.groups if "ceph_client" in group.roles for name in group.names]
    taken: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for name, entry in (context.cluster.ceph.get("filesystems") or {}).items():
        if entry.get("mount"):
            taken.setdefault(entry["mount"].rstrip("/"), []).append((f"the CephFS {name}", frozenset(cephfs)))
    for mount in context.cluster.mounts.values():
        others = taken.setdefault(mount.path, [])
        for other, nodes in others:
            both = [name for name in mount.members if name in nodes]
            if both:
                context.error(("mounts", mount.name, "path"), f"{nodeset.fold_some(both)} has {other} at {mount.path} already")
                break
        others.append((mount.name, frozenset(mount.members)))


def _connections(context: Context) -> None:
    """The mounts of one server share their connections, whatever its address: how many, the mount decides that comes first."""
    seen: dict[str, list[tuple[Mount, str]]] = {}
    for mount in context.cluster.mounts.values():
        if mount.type != "nfs" or mount.state == "absent":
            continue
        export = context.cluster.exports.get(mount.export or "")
        server = export.server if export else (mount.source or "").partition(":/")[0]
        said = next((option for option in compile_filesystems.mount_options(mount) if option.startswith("nconnect=")), "")
        others = seen.setdefault(server, [])
        for other, option in others:
            if option != said and not {*other.members}.isdisjoint(mount.members):
                context.error(("mounts", mount.name), f"it has {said}, and {other.name} of the same server ({server}) {option}: they share "
                                                      "their connections, and the one that is mounted first decides")
                break
        others.append((mount, said))
