# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that run on nodes which lose a partition: what they have open there breaks. Pure functions over what `slurm_info` returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import fold_some
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import expand

TAKEN = {"partition_lost": ("loses", "lose"), "membership_reduced": ("becomes a limited member of", "become limited members of")}
SHOWN = 3           # jobs in a sentence


def hit(impact: Sequence[Mapping[str, Any]], jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The jobs that are disturbed, each once for each partition, with the `nodes` where that is, and in words."""
    found = []
    for job in jobs:
        if not {"id", "user", "nodes"} <= job.keys():
            raise ClusterwrightError("jobs has an entry without id, user and nodes: give what slurm_info returns. Nothing was changed")
        where = set(expand(job["nodes"] or ""))
        for entry in impact:
            nodes = [node for node in entry["nodes"] if node in where] if entry["kind"] in TAKEN else []
            if nodes:
                words = TAKEN[entry["kind"]][len(nodes) > 1]
                found.append({"kind": "job_cut", "id": job["id"], "user": job["user"], "name": entry["name"], "pkey": entry["pkey"],
                              "nodes": nodes, "text": f"job {job['id']} of {job['user']} runs on {fold_some(nodes)}, which {words} "
                                                      f"{entry['name']} ({entry['pkey']})"})
    return found


def refuse(impact: Sequence[Mapping[str, Any]]) -> None:
    """Raises ClusterwrightError when jobs would be disturbed. Not while the fabric is open: closing it cannot wait for them."""
    cut = [entry["text"] for entry in impact if entry["kind"] == "job_cut"]
    if not cut or any(entry["kind"] == "fabric_open" for entry in impact):
        return
    more = f"; and {len(cut) - SHOWN} more, in impact" if len(cut) > SHOWN else ""
    raise ClusterwrightError(
        f"Nothing was changed: {'; '.join(cut[:SHOWN])}{more}. Drain the nodes and let the jobs end, or go on all the same: "
        "end_jobs: true, in the playbooks -e opensm_end_jobs=true", changed=False, verified=False, impact=[*impact])
