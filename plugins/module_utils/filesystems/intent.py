# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes in which a cluster file's exports and mounts reach this domain."""

from __future__ import annotations

from typing import List, TypedDict  # noqa: UP035 (evaluated at run time, on Python 3.9 too)


class ClientIntent(TypedDict):
    """Who may mount an export, an address or a subnet, and how, as exports(5) has it."""

    to: str
    options: List[str]              # noqa: UP006


class ExportIntent(TypedDict):
    """A directory of an NFS server. `state` is present or absent."""

    path: str
    clients: List[ClientIntent]     # noqa: UP006
    state: str


class MountIntent(TypedDict):
    """A filesystem that a node mounts, with all options. `state` is present or absent."""

    path: str
    source: str
    type: str
    options: List[str]              # noqa: UP006
    automount: bool
    state: str
