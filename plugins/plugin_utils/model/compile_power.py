# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the model to Slurm's power saving: keys of slurm.conf, and the BMCs that its programs switch.

Nodes stay ordinary ones. State=CLOUD is for machines that come into being: such nodes are hidden while they are off, and one that was never
started by Slurm counts as off, though it runs.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from ...module_utils.bmc.intent import BmcIntent
from ...module_utils.slurm.intent import Keys
from .nodeset import fold
from .types import BMC, Cluster, NodeGroup, PowerSaving

PROGRAMS = "/usr/local/libexec/clusterwright"
SUSPEND_TIMEOUT = 120       # seconds; Slurm's own 30 is less than a shutdown takes
RESUME_TIMEOUT = 600        # seconds; a server's firmware alone takes minutes, and Slurm's own 60 is less than that
# Slurm 22.05 knows no SuspendExcStates: it leaves drained nodes alone by itself.
NO_EXCLUDED_STATES = frozenset({"debian-12"})


def slurm_keys(cluster: Cluster) -> Keys:
    """What slurm.conf says of power saving; nothing where the file does not ask for it."""
    saving = cluster.power_saving
    if not saving:
        return {}
    keys: Keys = {
        "SuspendTime": saving.suspend_time,
        "SuspendTimeout": saving.suspend_timeout or SUSPEND_TIMEOUT,
        "ResumeTimeout": saving.resume_timeout or RESUME_TIMEOUT,
        "SuspendProgram": f"{PROGRAMS}/power-suspend",
        "ResumeProgram": f"{PROGRAMS}/power-resume",
        "ResumeFailProgram": f"{PROGRAMS}/power-resume-failed",
    }
    if not any(group.os in NO_EXCLUDED_STATES for group in cluster.groups if "slurm_controller" in group.roles):
        keys["SuspendExcStates"] = "DOWN,DRAIN,MAINTENANCE"     # somebody may be at work on them
    if saving.exclude:
        keys["SuspendExcNodes"] = fold(saving.exclude)
    if saving.exclude_partitions:
        keys["SuspendExcParts"] = ",".join(saving.exclude_partitions)
    return keys


def bmcs(cluster: Cluster) -> list[BmcIntent]:
    """The BMCs of all compute nodes that have one."""
    return [bmc for group in cluster.groups if "slurm_compute" in group.roles for bmc in _bmcs(group)]


def without_bmc(cluster: Cluster, saving: PowerSaving) -> list[str]:
    """The compute nodes that Slurm would power off, and that nothing could power on."""
    spared = {*saving.exclude, *(name for partition in saving.exclude_partitions if partition in cluster.partitions
                                 for name in cluster.partitions[partition].members)}
    return [name for group in cluster.groups if "slurm_compute" in group.roles and BMC not in group.interfaces
            for name in group.names if name not in spared]


def _bmcs(group: NodeGroup) -> list[BmcIntent]:
    interface = group.interfaces.get(BMC)
    if not interface:
        return []
    protocol = (group.hardware.bmc_protocol if group.hardware else None) or "ipmi"
    found: list[BmcIntent] = []
    for position, name in enumerate(group.names):
        bmc: BmcIntent = {"name": name, "address": str(IPv4Address(interface.address(position) or 0)), "protocol": protocol}
        if position in interface.macs:
            bmc["bmc_mac"] = interface.macs[position]
        if position in group.facts.get("serial", {}):
            bmc["serial"] = group.facts["serial"][position]
        found.append(bmc)
    return found
