# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that this process has loaded.

Ansible's workers are forks of the process that read the inventory: what was loaded there is there for a lookup in a worker, at no cost.
"""

from __future__ import annotations

import os

from .types import Cluster

_clusters: dict[str, Cluster] = {}


def load(path: str) -> Cluster:
    """Load a cluster file anew, and remember it. Raises ClusterFileError."""
    from . import load as load_file  # noqa: PLC0415 (the imports that it needs may be missing)

    cluster = load_file(path)
    _clusters[os.path.realpath(path)] = cluster
    return cluster


def recall(path: str) -> Cluster:
    """The cluster of this file as this process knows it already, else freshly loaded. Raises ClusterFileError."""
    known = _clusters.get(os.path.realpath(path))
    return known if known is not None else load(path)
