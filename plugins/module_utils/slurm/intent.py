# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape in which the cluster file's Slurm reaches this domain."""

from __future__ import annotations

from typing import Dict, List, TypedDict, Union  # noqa: UP035 (evaluated at run time, on Python 3.9 too)

Value = Union[str, int, float, bool]
Keys = Dict[str, Value]     # noqa: UP006


class Daemon(TypedDict):
    """A host that runs slurmctld or slurmdbd; ``address`` is what the others connect to."""

    name: str
    address: str


class SlurmIntent(TypedDict):
    """One cluster's Slurm.

    ``nodes``, ``partitions``, ``gres`` and ``topology`` are lines of slurm.conf, gres.conf and topology.conf as keys in their order,
    folded: 10,000 like nodes are one line. ``config``, ``cgroup`` and ``job_container`` are what the file sets on top of our own
    choices in slurm.conf, cgroup.conf and job_container.conf; the value ``omit`` drops one of ours.
    """

    cluster_name: str
    controllers: List[Daemon]       # noqa: UP006 (the first is the primary one)
    dbds: List[Daemon]              # noqa: UP006 (the first is the primary one; none: no accounting)
    jwt: bool                       # whether tokens are taken, for slurmrestd
    enforce: bool                   # whether jobs need an account: the file declares some
    nodes: List[Keys]               # noqa: UP006
    partitions: List[Keys]          # noqa: UP006
    config: Keys
    cgroup: Keys
    gres: List[Keys]                # noqa: UP006
    topology: List[Keys]            # noqa: UP006
    job_container: Keys
    plugstack: List[str]            # noqa: UP006 (lines of plugstack.conf; none: it stays as it is)


class QosIntent(TypedDict, total=False):
    """A QOS; ``limits`` by sacctmgr's names."""

    name: str
    description: str
    priority: int
    flags: List[str]                # noqa: UP006
    preempt: List[str]              # noqa: UP006
    limits: Keys


class AccountIntent(TypedDict, total=False):
    """An account with its users; ``limits`` by sacctmgr's names, ``shares`` as its fairshare."""

    name: str
    description: str
    organization: str
    parent: str
    shares: int
    qos: List[str]                  # noqa: UP006
    default_qos: str
    limits: Keys
    users: List[str]                # noqa: UP006


class AccountsIntent(TypedDict):
    """What slurmdbd shall know; parents come before their children."""

    qos: List[QosIntent]            # noqa: UP006
    accounts: List[AccountIntent]   # noqa: UP006
