# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cross-checks: what each entry of a cluster file cannot know of the others. Each notes all that it finds."""

from __future__ import annotations

from . import ceph, enroot, ethernet, fabric, filesystems, infiniband, names, omnipath, slurm, switches
from .context import Context, Written

__all__ = ["Context", "Written", "run"]


def run(context: Context) -> None:
    """Every cross-check."""
    for subject in (names, ethernet, fabric, infiniband, omnipath, slurm, switches, ceph, filesystems, enroot):
        subject.check(context)
