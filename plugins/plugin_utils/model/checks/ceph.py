# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ceph: what would lose data, could not recover, or refers to what is not there. The arithmetic is `module_utils/ceph/sizing`."""

from __future__ import annotations

from typing import Any

from ....module_utils.ceph import sizing
from .. import compile_ceph, nodeset
from ..problems import did_you_mean
from ..source import Trail
from .context import Context


def check(context: Context) -> None:
    """The Ceph section, where there is one."""
    section = context.cluster.ceph
    if not section:
        return
    for key in ("public_network", "cluster_network"):
        name = section.get(key)
        if name and name not in context.written.networks:
            context.error(("ceph", key), f"no such network: {name}{did_you_mean(name, context.written.networks)}")
    _way(context)
    _mons(context)
    good = _osds(context)
    pools: dict[str, Any] = section.get("pools") or {}
    domains = compile_ceph.failure_domains(context.cluster) if good else {}
    for name, entry in pools.items():
        if context.complained(("ceph", "pools", name)):
            continue
        _pool(context, name, entry, len(domains) if good else None)
    if good and not any(context.complained(("ceph", key)) for key in ("pools", "osds")):
        _placement_groups(context)
        _room(context)
    _filesystems(context, pools)
    _recovery(context)


def _way(context: Context) -> None:
    """What only one of the two ways has."""
    section = context.cluster.ceph
    if context.complained(("ceph", "way")):
        return
    osds = {nodes: entry for nodes, entry in (section.get("osds") or {}).items() if not context.complained(("ceph", "osds", nodes))}
    if section.get("way") != compile_ceph.CEPHADM:
        only: list[Trail] = [("ceph", key) for key in ("image", "registry") if key in section]
        only += [("ceph", "osds", nodes, "method") for nodes, entry in osds.items() if "method" in entry]
        for trail in only:
            context.error(trail, f"{trail[-1]} is only for cephadm: leave it out, or say way: cephadm")
        return
    for nodes, entry in osds.items():
        if "files" in entry:
            context.error(("ceph", "osds", nodes, "files"), "cephadm makes no OSDs on files: name devices, such as loop devices in a lab")
    if "registry" in section and not compile_ceph.registry(section)["host"]:
        context.error(("ceph", "registry"), "it is the registry of image, and image names none: write image: REGISTRY/NAME:TAG")
    for group in context.cluster.groups:
        if "ceph_client" in group.roles and not compile_ceph.DAEMONS.keys().isdisjoint(group.roles):
            context.error(("nodes", group.nodeset, "roles"),
                          "cephadm keeps /etc/ceph on its hosts by itself: give ceph_client to other nodes")


def _mons(context: Context) -> None:
    if context.complained(("nodes",)):
        return
    mons = compile_ceph.monitors(context.cluster)
    if not mons:
        context.error(("ceph",), "no node has the role ceph_mon: give it to 3, on hosts of their own")
    elif len(mons) % 2 == 0:
        fewer = len(mons) - 1
        survived = sizing.survivable_mons(len(mons))
        context.error(("ceph",), f"{len(mons)} mons survive the loss of {survived}, as {fewer} would, and there is one more to lose: take "
                                 f"{fewer} or {len(mons) + 1}")
    roles = {role for group in context.cluster.groups for role in group.roles}
    if "ceph_mgr" not in roles:
        context.error(("ceph",), "no node has the role ceph_mgr: give it to the hosts of the mons")
    if context.cluster.ceph.get("filesystems") and "ceph_mds" not in roles:
        context.error(("ceph", "filesystems"), "a CephFS needs an MDS: give the role ceph_mds to 2 nodes, one of which stands by")


def _osds(context: Context) -> bool:
    """Whether all of it can be counted."""
    entries: dict[str, Any] = context.cluster.ceph.get("osds") or {}
    if not entries and not context.complained(("ceph", "osds")):
        context.error(("ceph",), "it has no osds: name the hosts and their devices")
    good, seen = bool(entries) and not context.complained(("ceph", "osds")), dict[str, str]()
    for nodes, entry in entries.items():
        trail: Trail = ("ceph", "osds", nodes)
        if context.complained(trail):
            continue
        if ("devices" in entry) == ("files" in entry):
            context.error(trail, "say either devices or, in a lab, files")
            good = False
        try:
            names = nodeset.expand(nodes)
        except nodeset.NodeSetError as error:
            context.error(trail, str(error))
            good = False
            continue
        if not context.nodes_exist(names, trail):
            good = False
            continue
        lacking = [name for name in names if compile_ceph.OSD not in context.group_of[name].roles]
        if lacking:
            context.error(trail, f"{nodeset.fold_some(lacking)} has OSDs, but lacks the role ceph_osd")
        twice = [name for name in names if seen.setdefault(name, nodes) != nodes]
        if twice:
            context.error(trail, f"{nodeset.fold_some(twice)} is in {seen[twice[0]]} already")
        if context.cluster.ceph.get("failure_domain") == "rack" and any(not context.group_of[name].racks for name in names):
            context.error(trail, "racks are the failure domain, and these nodes have none: say rack, or take hosts")
            good = False
    return good


def _pool(context: Context, name: str, entry: dict[str, Any], domains: int | None) -> None:
    trail: Trail = ("ceph", "pools", name)
    if "erasure" in entry and "size" in entry:
        context.error((*trail, "size"), f"pool {name} is erasure-coded: k + m is its size; leave size out")
        return
    kept = compile_ceph.copies(entry)
    kind = context.cluster.ceph.get("failure_domain", "host")
    for reason in sizing.loses_data(kept, kept.width if domains is None else domains):
        key = "min_size" if reason.startswith("min_size") else "erasure" if "erasure" in entry else "size"
        context.error((*trail, key) if key in entry else trail, f"pool {name}: {reason.replace('failure domains', f'{kind}s')}")
    if "pg_num" in entry and not sizing.is_power_of_two(entry["pg_num"]):
        context.error((*trail, "pg_num"), f"pool {name}: {entry['pg_num']} placement groups are unequal in size: take a power of two, or "
                                          "leave it out")


def _placement_groups(context: Context) -> None:
    """Mons refuse a pool beyond mon_max_pg_per_osd, half-way through the others."""
    pools: dict[str, Any] = context.cluster.ceph.get("pools") or {}
    shares = sum(entry.get("share", 0) for entry in pools.values())
    if shares > 100:
        context.error(("ceph", "pools"), f"the shares of the pools make {shares} %: they are percent of all data")
    osds = compile_ceph.all_osds(context.cluster)
    made = compile_ceph.pools(context.cluster)
    each = sizing.pg_per_osd([(pool["pg_num"], pool["size"]) for pool in made], osds)
    if each > sizing.MOST_PG_PER_OSD:
        worst = max(made, key=lambda pool: pool["pg_num"] * pool["size"])
        context.error(("ceph", "pools"), f"{each:.0f} placement groups for each of {osds} OSDs, and mons refuse more than "
                                         f"{sizing.MOST_PG_PER_OSD}: {worst['name']} has {worst['pg_num']} x {worst['size']}")


def _room(context: Context) -> None:
    """What is to be stored still fits when the largest failure domain is lost."""
    stored = compile_ceph.raw_stored(context.cluster)
    if not stored:
        return
    here = compile_ceph.space(context.cluster)
    filled = sizing.filled_after_loss(stored, here)
    if filled > sizing.NEARFULL:
        after = f" after the loss of the largest {context.cluster.ceph.get('failure_domain', 'host')}" if here.recovers else ""
        context.error(("ceph", "pools"), f"what the pools shall store takes {stored / 1024:.0f} GiB of disks, which makes them "
                                         f"{100 * filled:.0f} % full{after}; writes stop at {100 * sizing.FULL:.0f} %, and there is room "
                                         f"for {here.usable / 1024:.0f} GiB: store less, or add disks")


def _filesystems(context: Context, pools: dict[str, Any]) -> None:
    used: dict[str, str] = {}
    for name, entry in (context.cluster.ceph.get("filesystems") or {}).items():
        trail: Trail = ("ceph", "filesystems", name)
        if context.complained(trail):
            continue
        named = [entry["metadata"], *entry["data"]]
        for position, pool in enumerate(named):
            where: Trail = (*trail, "data" if position else "metadata")
            if pool not in pools:
                if not context.complained(("ceph", "pools")):
                    context.error(where, f"no such pool: {pool}{did_you_mean(pool, pools)}")
                continue
            if used.setdefault(pool, name) != name or named.index(pool) != position:
                context.error(where, f"pool {pool} is used already, by {used[pool]}: each pool has one use")
            if pools[pool].get("application", "cephfs") != "cephfs":
                context.error(where, f"pool {pool} is for {pools[pool]['application']}, not for cephfs")
            if position < 2 and "erasure" in pools[pool]:
                what = "metadata" if position == 0 else "the first pool of data, which keeps the backtraces of all files,"
                context.error(where, f"pool {pool} is erasure-coded, and {what} must be replicated")
        mds = sum(len(group.names) for group in context.cluster.groups if "ceph_mds" in group.roles)
        if entry.get("max_mds", 1) > mds > 0:
            context.error((*trail, "max_mds"), f"{entry['max_mds']} active MDS, and {mds} nodes have the role ceph_mds")
        if name in (context.cluster.ceph.get("clients") or {}):
            context.error(("ceph", "clients", name), f"client {name} is the one of the filesystem {name}: choose another name")


def _recovery(context: Context) -> None:
    """A limit that OSDs would take out of the database again, so that no run would ever find it as declared."""
    if context.complained(("ceph", "config")) or compile_ceph.by_mclock(context.cluster)[1]:
        return
    for section, values in (context.cluster.ceph.get("config") or {}).items():
        for name, value in (values or {}).items():
            if name in compile_ceph.MCLOCK_LIMITS and value != "omit":
                context.error(("ceph", "config", section, name),
                              f"{name} {value} would not stay: under mclock OSDs go by {compile_ceph.MCLOCK_LIMITS[name]}, and remove it. "
                              "Say osd_mclock_profile: high_recovery_ops, which gives recovery 70 % of an OSD instead of 50 %, or "
                              "osd_mclock_override_recovery_settings: true with it")
