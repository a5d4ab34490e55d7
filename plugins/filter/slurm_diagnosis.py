# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: which nodes are stuck, why, and what brings them back without harm."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import repair


def slurm_diagnosis(seen: Any, now: Any, resume_timeout: Any = 60, checks: Any = None, powers: Any = None) -> list[dict[str, Any]]:
    """The findings as dictionaries. Raises AnsibleFilterError for what is no answer of slurm_info."""
    if not isinstance(seen, dict) or not isinstance(seen.get("nodes"), dict) or not isinstance(seen.get("jobs"), list):
        raise AnsibleFilterError("slurm_diagnosis takes what slurm_info has gathered of nodes and jobs")
    found = repair.diagnose(seen["nodes"], seen["jobs"], checks or {}, powers or {}, float(now), float(resume_timeout))
    return [finding._asdict() for finding in found]


def slurm_job_loops(seen: Any) -> list[str]:
    """The jobs that start again and again, in words."""
    if not isinstance(seen, dict) or not isinstance(seen.get("jobs"), list):
        raise AnsibleFilterError("slurm_job_loops takes what slurm_info has gathered of jobs")
    return repair.loops(seen["jobs"])


class FilterModule:
    """The filters slurm_diagnosis and slurm_job_loops."""

    def filters(self) -> dict[str, Any]:
        """Names and functions."""
        return {"slurm_diagnosis": slurm_diagnosis, "slurm_job_loops": slurm_job_loops}
