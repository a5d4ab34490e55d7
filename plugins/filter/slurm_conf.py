# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the text of slurm.conf."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf


def slurm_conf(intent: Any) -> str:
    """The text of slurm.conf for a cluster's Slurm intent. Raises AnsibleFilterError for anything else."""
    if not isinstance(intent, dict) or not {"cluster_name", "controllers", "nodes", "partitions", "config"} <= intent.keys():
        raise AnsibleFilterError("slurm_conf takes the variable slurm_intent of the group slurm_controller")
    return conf.render(intent)      # type: ignore[arg-type]


class FilterModule:
    """The filter slurm_conf."""

    def filters(self) -> dict[str, Any]:
        """Name and function."""
        return {"slurm_conf": slurm_conf}
