# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape in which the cluster file's Slurm reaches this domain."""

from __future__ import annotations

from typing import Dict, List, TypedDict, Union  # noqa: UP035 (evaluated at run time, on Python 3.9 too)

Value = Union[str, int, float, bool]
Keys = Dict[str, Value]     # noqa: UP006


class Controller(TypedDict):
    """A host that runs slurmctld; ``address`` is what the nodes connect to."""

    name: str
    address: str


class SlurmIntent(TypedDict):
    """One cluster's slurm.conf.

    ``nodes`` and ``partitions`` are lines of slurm.conf as keys in their order, folded: 10,000 like nodes are one line.
    ``config`` is what the file sets on top of our own choices; the value ``omit`` drops one of ours.
    """

    cluster_name: str
    controllers: List[Controller]       # noqa: UP006
    nodes: List[Keys]                   # noqa: UP006
    partitions: List[Keys]              # noqa: UP006
    config: Keys
