# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: what shall be plugged into a switch."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cables
author: The clusterwright developers (@clusterwright)
version_added: 0.1.0
short_description: What shall be plugged into an Ethernet switch
description:
  - Returns the cables of switches, from the rows of C(cabling) of the cluster file, as M(clusterwright.hpc.cabling_check) takes them.
options:
  _terms:
    description: Names of switches.
    type: list
    elements: str
    required: true
  cluster_file:
    description: The cluster file. The inventory sets this variable on all hosts.
    type: path
    vars:
      - name: cluster_file
"""

EXAMPLES = r"""
- name: Every cable is where the cluster file says
  clusterwright.hpc.cabling_check:
    cables: "{{ lookup('clusterwright.hpc.cables', *groups['switches'], wantlist=true) | flatten }}"
    facts: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'seen'))) }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: A list of cables for each switch; each has C(switch), C(port), C(node), C(interface) and C(mac).
  type: list
  elements: list
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import ClusterFileError, compile_ethernet, loaded


class LookupModule(LookupBase):
    """The lookup `cables`."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[list[dict[str, str | None]]]:
        """The cables of each switch."""
        self.set_options(var_options=variables, direct=kwargs)
        path = self.get_option("cluster_file")
        if not path:
            raise AnsibleLookupError("clusterwright.hpc.cables needs a cluster file: use one as inventory, or set cluster_file")
        try:
            cluster = loaded.recall(path)
        except ClusterFileError as error:
            raise AnsibleLookupError(f"The cluster file has errors:\n{error}") from None
        unknown = [term for term in terms if term not in {switch.name for switch in cluster.switches}]
        if unknown:
            raise AnsibleLookupError(f"clusterwright.hpc.cables: the cluster file has no switch '{unknown[0]}'")
        return [compile_ethernet.cables(cluster, term) for term in terms]
