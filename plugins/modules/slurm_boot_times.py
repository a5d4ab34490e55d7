#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures how long nodes take to come up, and proposes ResumeTimeout."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_boot_times
short_description: How long nodes boot, and the ResumeTimeout that follows
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads from the journal of the power queue, or else from the log of slurmctld, how long each node took from the moment when Slurm wanted
    it until slurmctld heard from it, and proposes ResumeTimeout.
  - The proposal is the O(percentile) of all boots times O(factor), rounded up to half a minute and at least a minute.
options:
  percentile:
    description: The slowest boots above it do not count. It takes a hundred boots until V(99) leaves out one.
    type: float
    default: 99
  factor:
    description: The margin. With the default, a node whose power is cycled after half of ResumeTimeout can still boot once more.
    type: float
    default: 2
requirements:
  - Slurm's commands on the host that it runs on, a controller; root or SlurmUser, who may read slurmctld's log
extends_documentation_fragment:
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Changes nothing at all, so check mode is no different.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: How long do they boot
  clusterwright.hpc.slurm_boot_times:
  register: boots

- name: Say it
  ansible.builtin.debug:
    msg: "slurm.power_saving.resume_timeout: {{ boots.resume_timeout }} s is better than {{ boots.configured }} s"
  when: boots.resume_timeout != boots.configured
"""

RETURN = r"""
resume_timeout:
  description: The proposal, in seconds; null where no boot was measured.
  returned: always
  type: int
  sample: 480
configured:
  description: ResumeTimeout as slurmctld has it, in seconds.
  returned: always
  type: int
  sample: 600
source:
  description: Where the boots were found, V(power queue) or V(slurmctld's log).
  returned: always
  type: str
  sample: slurmctld's log
count:
  description: How many boots were measured.
  returned: always
  type: int
  sample: 212
seconds:
  description: The median, the percentile that was asked for, and the longest.
  returned: where a boot was measured
  type: dict
  sample: {median: 187.2, percentile: 233.9, longest: 310.4}
slowest:
  description: The ten nodes with the longest boots, in seconds.
  returned: always
  type: dict
  sample: {cn017: 310.4, cn101: 233.9}
late:
  description: How many of the boots ended only after ResumeTimeout.
  returned: always
  type: int
  sample: 1
failed:
  description: Nodes that slurmctld gave up the last time, and that did not answer since.
  returned: always
  type: list
  elements: str
  sample: [cn044]
"""

import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import boot_times, nodes

QUEUE = "clusterwright-power.service"
SLOWEST = 10


def main() -> None:
    """Read, and propose."""
    module = AnsibleModule(
        argument_spec={"percentile": {"type": "float", "default": 99.0}, "factor": {"type": "float", "default": 2.0}},
        supports_check_mode=True,
    )
    percent, factor = module.params["percentile"], module.params["factor"]
    run = runner(module)
    try:
        if not 0 < percent <= 100 or factor < 1:
            raise ClusterwrightError("percentile has to be more than 0 and at most 100, and factor at least 1")
        config = nodes.answer(run, ["scontrol", "show", "config"])
        configured, log = (re.search(rf"^{key}\s*= (\S+)", config, re.MULTILINE) for key in ("ResumeTimeout", "SlurmctldLogFile"))
        boots = boot_times.from_queue(run(["journalctl", "--unit", QUEUE, "--output=cat", "--no-pager"]).out.splitlines())
        source = "power queue"
        if not boots.times:
            boots, source = boot_times.from_log(boot_times.read(Path(log[1] if log else "(null)"))), "slurmctld's log"
    except ClusterwrightError as error:
        fail(module, error)
    times = [seconds for _name, seconds in boots.times]
    longest: dict[str, float] = {}
    for name, seconds in sorted(boots.times, key=lambda boot: -boot[1]):
        longest.setdefault(name, round(seconds, 1))
    if not times:
        module.warn(f"No boot of a node was found in {source}: let Slurm power some nodes up, and ask again")
    shown = {"median": 50.0, "percentile": percent, "longest": 100.0}
    module.exit_json(
        changed=False, source=source, count=len(times), late=boots.late, failed=list(boots.failed),
        configured=nodes.number(configured[1]) if configured else None, slowest=dict(list(longest.items())[:SLOWEST]),
        resume_timeout=boot_times.propose(times, percent, factor) if times else None,
        seconds={word: round(boot_times.percentile(times, share), 1) for word, share in shown.items()} if times else {})


if __name__ == "__main__":
    main()
