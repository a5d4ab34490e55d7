# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape in which a cluster file's Ceph cluster reaches this domain."""

from __future__ import annotations

from typing import Any, Dict, List, TypedDict  # noqa: UP035 (evaluated at run time, on Python 3.9 too)


class MonIntent(TypedDict):
    """A mon, and the address that it is known by."""

    name: str
    address: str


class HostIntent(TypedDict):
    """A host of cephadm's: its address, what it is for (mon, mgr, osd, mds), and its rack where racks are the failure domain."""

    name: str
    address: str
    labels: List[str]               # noqa: UP006
    rack: str


class RegistryIntent(TypedDict):
    """Where cephadm's image is from. `host` is empty where the image is not said, `user` where nobody logs in."""

    host: str
    user: str
    insecure: bool


class OsdsIntent(TypedDict):
    """OSDs of some hosts: on `devices`, or `files` of them on sparse files. `size` in MiB; `method` is cephadm's, lvm or raw."""

    hosts: List[str]                # noqa: UP006
    devices: List[str]              # noqa: UP006
    files: int
    size: int
    method: str


class PoolIntent(TypedDict):
    """A pool. `k` and `m` are 0 for a replicated one; `size` is the number of copies or parts."""

    name: str
    pg_num: int
    size: int
    min_size: int
    k: int
    m: int
    application: str


class FilesystemIntent(TypedDict):
    """A CephFS; `mount` is empty where nobody mounts it."""

    name: str
    metadata: str
    data: List[str]                 # noqa: UP006
    max_mds: int
    mount: str


class ClientIntent(TypedDict):
    """A client (client.backup) and what it may do, by kind of daemon. Each filesystem has one."""

    name: str
    caps: Dict[str, str]            # noqa: UP006


class CephIntent(TypedDict):
    """The Ceph cluster. `warnings`: what its administrator should know, with numbers. `accept`: health checks that do not count as ill.

    `way`: packages or cephadm; `image`, `registry` and `hosts` are empty for packages.
    """

    way: str
    image: str
    registry: RegistryIntent
    hosts: List[HostIntent]         # noqa: UP006
    fsid: str
    mons: List[MonIntent]           # noqa: UP006
    public_network: str
    cluster_network: str
    failure_domain: str
    osds: List[OsdsIntent]          # noqa: UP006
    pools: List[PoolIntent]         # noqa: UP006
    filesystems: List[FilesystemIntent]     # noqa: UP006
    clients: List[ClientIntent]     # noqa: UP006
    config: Dict[str, Dict[str, Any]]       # noqa: UP006
    flags: List[str]                # noqa: UP006
    accept: List[str]               # noqa: UP006
    warnings: List[str]             # noqa: UP006
