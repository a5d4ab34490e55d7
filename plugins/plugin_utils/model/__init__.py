# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model: one cluster file, loaded, checked and compiled. Pure Python; only ``load`` reads files.

    cluster = model.load("inventories/lab/cluster.yml")     # raises ClusterFileError with every problem at once

Needs ClusterShell, jsonschema and PyYAML.
"""

from __future__ import annotations

from . import checks
from .build import Builder
from .problems import ClusterFileError, Mark, Problem
from .schema import SCHEMA_FILE, validate
from .source import Source
from .types import Cluster, Interface, Node, NodeGroup

__all__ = ["SCHEMA_FILE", "Cluster", "ClusterFileError", "Interface", "Mark", "Node", "NodeGroup", "Problem", "load"]


def load(path: str) -> Cluster:
    """The cluster of a cluster file and all that it includes.

    Raises ClusterFileError with all problems, each with its file and line; nothing is half loaded.
    """
    source = Source(path)
    written = checks.Written.of(source.data)
    if not source.data:     # what could not be read has said so; an empty mapping lacks its sections
        source.stop_on_problems()
    validate(source)
    builder = Builder(source)
    cluster = builder.build()
    checks.run(checks.Context(source, cluster, written, builder.table_marks))
    source.stop_on_problems()
    return cluster
