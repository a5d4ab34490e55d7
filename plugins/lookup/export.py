# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the cluster in other tools' formats."""

from __future__ import annotations

DOCUMENTATION = r"""
name: export
author: The clusterwright developers (@clusterwright)
version_added: 0.1.0
short_description: The cluster in other tools' formats
description:
  - Returns the text of a file that another tool reads, made from the cluster file.
options:
  _terms:
    description: >-
      The formats: C(hosts) (lines for /etc/hosts), C(clustershell) (a YAML groups file), C(prometheus) (file_sd JSON for port 9100).
    type: list
    elements: str
    choices: [hosts, clustershell, prometheus]
    required: true
  cluster_file:
    description: The cluster file. The inventory sets this variable on all hosts.
    type: path
    vars:
      - name: cluster_file
"""

EXAMPLES = r"""
- name: Lines for /etc/hosts
  ansible.builtin.debug:
    msg: "{{ lookup('clusterwright.hpc.export', 'hosts') }}"
"""

RETURN = r"""
_raw:
  description: One text for each format.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import ClusterFileError, export, loaded


class LookupModule(LookupBase):
    """The lookup `export`."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """One text for each term."""
        self.set_options(var_options=variables, direct=kwargs)
        path = self.get_option("cluster_file")
        if not path:
            raise AnsibleLookupError("clusterwright.hpc.export needs a cluster file: use one as inventory, or set cluster_file")
        unknown = [term for term in terms if term not in export.FORMATS]
        if unknown:
            raise AnsibleLookupError(f"clusterwright.hpc.export knows no format '{unknown[0]}'; there is {', '.join(export.FORMATS)}")
        try:
            cluster = loaded.recall(path)
        except ClusterFileError as error:
            raise AnsibleLookupError(f"The cluster file has errors:\n{error}") from None
        return [export.FORMATS[term](cluster) for term in terms]
