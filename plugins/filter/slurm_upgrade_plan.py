# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: whether a cluster can go to another release of Slurm, and what goes when."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import upgrade


def slurm_upgrade_plan(seen: Any, wanted: Any, hosts: Any, config: str = "", dbd: str = "", nodes: str = "") -> dict[str, Any]:
    """The plan as a dictionary. Raises AnsibleFilterError for what the playbook does not hand over."""
    if not isinstance(seen, dict) or not isinstance(hosts, dict) or set(hosts) != set(upgrade.ORDER):
        raise AnsibleFilterError(f"slurm_upgrade_plan takes answers of slurm_packages by host, and hosts by {', '.join(upgrade.ORDER)}")
    return upgrade.plan(seen, str(wanted), hosts, upgrade.told(config, dbd, nodes))._asdict()


class FilterModule:
    """The filter slurm_upgrade_plan."""

    def filters(self) -> dict[str, Any]:
        """Name and function."""
        return {"slurm_upgrade_plan": slurm_upgrade_plan}
