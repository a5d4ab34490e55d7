# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the cluster file's Ceph section to what the Ceph domain shall bring about. Numbers that it leaves out follow from `sizing`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from ...module_utils.ceph import sizing
from ...module_utils.ceph.intent import CephIntent, ClientIntent, HostIntent, MonIntent, OsdsIntent, PoolIntent, RegistryIntent
from . import nodeset, units
from .types import Cluster, Node

MON, OSD = "ceph_mon", "ceph_osd"
# What OSDs go by under mclock, their scheduler since Ceph 17, whatever is set ("mClock Config Reference", and seen with 18.2.7): the limits
# are taken out of the mons' database again by the OSDs, the pauses stay there and have no effect.
MCLOCK_LIMITS = {"osd_max_backfills": "1", "osd_recovery_max_active": "3 on hard disks, 10 on others",
                 "osd_recovery_max_active_hdd": "3", "osd_recovery_max_active_ssd": "10"}
MCLOCK_PAUSES = {"osd_recovery_sleep", "osd_recovery_sleep_hdd", "osd_recovery_sleep_ssd", "osd_recovery_sleep_hybrid", "osd_scrub_sleep",
                 "osd_delete_sleep", "osd_snap_trim_sleep"}
PACKAGES, CEPHADM = "packages", "cephadm"
DAEMONS = {"ceph_mon": "mon", "ceph_mgr": "mgr", "ceph_osd": "osd", "ceph_mds": "mds"}     # role -> label


def intent(cluster: Cluster) -> CephIntent:
    """The Ceph cluster of a cluster file that has one."""
    section = cluster.ceph
    mons = monitors(cluster)
    public = section.get("public_network")
    network = cluster.networks[public] if public else next(
        (network for network in cluster.networks.values() if any(_in(network.subnet, mon["address"]) for mon in mons)), None)
    cluster_network = section.get("cluster_network")
    return {
        "way": section.get("way", PACKAGES),
        "image": section.get("image", ""),
        "registry": registry(section),
        "hosts": hosts(cluster) if section.get("way") == CEPHADM else [],
        "fsid": section.get("fsid") or fsid(cluster),
        "mons": mons,
        "public_network": str(network.subnet) if network else "",
        "cluster_network": str(cluster.networks[cluster_network].subnet) if cluster_network else "",
        "failure_domain": section.get("failure_domain", "host"),
        "osds": osds(cluster),
        "pools": pools(cluster),
        "filesystems": [
            {"name": name, "metadata": entry["metadata"], "data": entry["data"], "max_mds": entry.get("max_mds", 1),
             "mount": entry.get("mount", "")} for name, entry in (section.get("filesystems") or {}).items()],
        "clients": clients(section),
        "config": {name: dict(entry or {}) for name, entry in (section.get("config") or {}).items()},
        "flags": list(section.get("flags") or ()),
        "accept": list(section.get("accept") or ()),
        "warnings": warnings(cluster),
    }


def clients(section: Mapping[str, Any]) -> list[ClientIntent]:
    """A client for each filesystem, which reads and writes that one, and those that the file names."""
    mounting: list[ClientIntent] = [
        {"name": f"client.{name}", "caps": {"mon": f"allow r fsname={name}", "mds": f"allow rw fsname={name}",
                                            "osd": f"allow rw tag cephfs data={name}"}} for name in section.get("filesystems") or {}]
    return mounting + [{"name": f"client.{name}", "caps": dict(entry)} for name, entry in (section.get("clients") or {}).items()]


def fsid(cluster: Cluster) -> str:
    """The cluster's UUID as it follows from its name. It is no secret."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"ceph.{cluster.name}.{cluster.domain or 'clusterwright'}"))


def monitors(cluster: Cluster) -> list[MonIntent]:
    """The mons, with their addresses in the public network where the file names one."""
    return [{"name": node.name, "address": _address(cluster, node)}
            for group in cluster.groups if MON in group.roles for node in group.nodes]


def _address(cluster: Cluster, node: Node) -> str:
    public = cluster.ceph.get("public_network")
    here = next((interface for interface in node.group.interfaces.values() if public and interface.network == public), None)
    number = here.address(node.position) if here else None
    return str(IPv4Address(number)) if number is not None else node.address or node.name


def hosts(cluster: Cluster) -> list[HostIntent]:
    """The hosts that cephadm has, each with what it is for."""
    by_rack = cluster.ceph.get("failure_domain") == "rack"
    return [
        {"name": node.name, "address": _address(cluster, node), "labels": [label for role, label in DAEMONS.items() if role in group.roles],
         "rack": (group.rack(node.position) or "") if by_rack else ""}
        for group in cluster.groups if not DAEMONS.keys().isdisjoint(group.roles) for node in group.nodes]


def registry(section: Mapping[str, Any]) -> RegistryIntent:
    """The registry of the image. One without a dot or a port, such as `ceph` in ceph/ceph, is none."""
    first, slash, _rest = section.get("image", "").partition("/")
    said = section.get("registry") or {}
    host = first if slash and set(first) & {".", ":"} else ""
    return {"host": host, "user": said.get("user", ""), "insecure": said.get("insecure", False)}


def _in(subnet: Any, address: str) -> bool:
    try:
        return IPv4Address(address) in subnet
    except ValueError:
        return False


def osds(cluster: Cluster) -> list[OsdsIntent]:
    """Which hosts have which OSDs."""
    return [
        {"hosts": list(nodeset.expand(nodes)), "devices": list(entry.get("devices") or ()), "files": entry.get("files", 0),
         "size": units.mebibytes(entry["size"]), "method": entry.get("method", "lvm") if cluster.ceph.get("way") == CEPHADM else "raw"}
        for nodes, entry in (cluster.ceph.get("osds") or {}).items()]


def by_mclock(cluster: Cluster) -> tuple[bool, bool]:
    """Whether mclock is the OSDs' scheduler, and whether it takes limits of recovery."""
    said = {name: str(value).lower() for values in (cluster.ceph.get("config") or {}).values() for name, value in (values or {}).items()}
    # Of cephadm's image the release is not known; Ceph 16 had wpq.
    mclock = cluster.ceph.get("way") != CEPHADM and said.get("osd_op_queue", "mclock_scheduler") == "mclock_scheduler"
    return mclock, not mclock or said.get("osd_mclock_override_recovery_settings") in ("true", "yes", "on", "1")


def failure_domains(cluster: Cluster) -> dict[str, int]:
    """The MiB of OSDs in each failure domain that has any."""
    by_rack = cluster.ceph.get("failure_domain") == "rack"
    places: dict[str, Node] = {node.name: node for node in cluster.nodes}
    found: dict[str, int] = {}
    for entry in osds(cluster):
        for host in entry["hosts"]:
            node = places.get(host)
            domain = (node.group.rack(node.position) or "no rack") if node and by_rack else host
            found[domain] = found.get(domain, 0) + count(entry) * entry["size"]
    return found


def count(entry: OsdsIntent) -> int:
    """The OSDs of one host."""
    return entry["files"] or len(entry["devices"])


def all_osds(cluster: Cluster) -> int:
    """How many OSDs there are."""
    return sum(count(entry) * len(entry["hosts"]) for entry in osds(cluster))


def copies(entry: Mapping[str, Any]) -> sizing.Copies:
    """How a pool of the file keeps its data."""
    parts = entry.get("erasure")
    if parts:
        return sizing.erasure(parts["k"], parts["m"], entry.get("min_size"))
    return sizing.replicated(entry.get("size", 3), entry.get("min_size"))


def pools(cluster: Cluster) -> list[PoolIntent]:
    """The pools, each with its number of placement groups."""
    entries: dict[str, Any] = cluster.ceph.get("pools") or {}
    number, target = max(all_osds(cluster), 1), cluster.ceph.get("pg_per_osd", sizing.PG_PER_OSD)
    said = sum(entry.get("share", 0) for entry in entries.values())
    silent = sum("share" not in entry for entry in entries.values())
    rest = max(100 - said, 0) / silent if silent else 0.0
    metadata = {entry["metadata"] for entry in (cluster.ceph.get("filesystems") or {}).values() if entry.get("metadata")}
    found: list[PoolIntent] = []
    for name, entry in entries.items():
        kept = copies(entry)
        least = sizing.METADATA_PGS if name in metadata else 1
        groups = entry.get("pg_num") or max(least, sizing.pg_num(number, kept.width, entry.get("share", rest) / 100, target))
        found.append({"name": name, "pg_num": groups, "size": kept.width, "min_size": kept.min_size, "k": kept.k if kept.erasure else 0,
                      "m": kept.m if kept.erasure else 0, "application": entry["application"]})
    return found


def raw_stored(cluster: Cluster) -> float:
    """MiB of disks that everything that the pools say they will hold takes."""
    entries = (cluster.ceph.get("pools") or {}).values()
    return sum(units.mebibytes(entry["stored"]) * copies(entry).raw for entry in entries if "stored" in entry)


def space(cluster: Cluster) -> sizing.Room:
    """The room that there is; only for a cluster with OSDs."""
    widest = max((copies(entry).width for entry in (cluster.ceph.get("pools") or {}).values()), default=1)
    return sizing.room({name: float(size) for name, size in failure_domains(cluster).items()}, widest)


def warnings(cluster: Cluster) -> list[str]:
    """What an administrator should know, with numbers."""
    domains, found = failure_domains(cluster), []
    mons = len(monitors(cluster))
    if mons == 1:
        found.append("1 mon: when its host is lost, nobody reaches any data; 3 survive the loss of one")
    for section, values in (cluster.ceph.get("config") or {}).items():
        found += [f"config {section}: {name} {value} has no effect: under mclock OSDs make no pauses; osd_mclock_profile says what "
                  "recovery may take" for name, value in (values or {}).items() if name in MCLOCK_PAUSES and by_mclock(cluster)[0]]
    for name, entry in (cluster.ceph.get("pools") or {}).items():
        found += [f"pool {name}: {text}" for text in sizing.warnings(copies(entry), len(domains))]
    if domains:
        here = space(cluster)
        kind = cluster.ceph.get("failure_domain", "host")
        if here.recovers:
            found.append(f"{here.raw / 1024:.0f} GiB of disks: keep them below {100 * here.fill:.0f} % ({here.usable / 1024:.0f} GiB), so "
                         f"that the others can take over the largest {kind} ({here.largest / 1024:.0f} GiB)")
        stored = raw_stored(cluster)
        if stored and here.recovers:
            hours = sizing.recovery_hours(stored, here, all_osds(cluster) * (len(domains) - 1) // len(domains))
            found.append(f"the loss of the largest {kind} makes the others copy {stored * here.largest / here.raw / 1024:.0f} GiB: "
                         f"{hours:.1f} hours at 50 MiB/s an OSD")
    return found
