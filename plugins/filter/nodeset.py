# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters: NodeSets and lists of names."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import nodeset


def nodeset_expand(text: Any) -> list[str]:
    """``cn[1-3]`` as its names. Raises AnsibleFilterError for what is no NodeSet."""
    if not isinstance(text, str):
        raise AnsibleFilterError(f"nodeset_expand takes a NodeSet such as cn[1-4], not {text!r}")
    try:
        return list(nodeset.expand(str(text)))
    except nodeset.NodeSetError as error:
        raise AnsibleFilterError(f"nodeset_expand: {error}") from None


def nodeset_fold(names: Any) -> str:
    """A list of names as the shortest NodeSet. Raises AnsibleFilterError for what is no list of names."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise AnsibleFilterError(f"nodeset_fold takes a list of names, not {names!r}")
    try:
        for name in names:
            nodeset.count(name)     # ClusterShell would read operators and groups into it
    except nodeset.NodeSetError as error:
        raise AnsibleFilterError(f"nodeset_fold: {error}") from None
    return nodeset.fold(map(str, names))


class FilterModule:
    """The filters nodeset_expand and nodeset_fold."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"nodeset_expand": nodeset_expand, "nodeset_fold": nodeset_fold}
