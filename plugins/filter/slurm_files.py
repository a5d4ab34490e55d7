# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: the files of /etc/slurm."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf


def slurm_files(intent: Any) -> list[dict[str, Any]]:
    """The files of a cluster's Slurm intent, as node_config takes them; those that it may have and has not are absent.

    Raises AnsibleFilterError for anything else.
    """
    if not isinstance(intent, dict) or not conf.SlurmIntent.__required_keys__ <= intent.keys():
        raise AnsibleFilterError("slurm_files takes the variable slurm_intent of the group slurm_controller")
    files = conf.files(intent)      # type: ignore[arg-type]
    return [{"path": f"/etc/slurm/{name}", "content": files[name], "backup": True} if name in files
            else {"path": f"/etc/slurm/{name}", "state": "absent"} for name in conf.ours(files)]


class FilterModule:
    """The filter slurm_files."""

    def filters(self) -> dict[str, Any]:
        """Name and function."""
        return {"slurm_files": slurm_files}
