#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the partitions of an InfiniBand fabric what is declared, and proves it by the tables of its ports."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ib_partitions
short_description: The partitions of an InfiniBand fabric, tried before and read back after
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Writes C(partitions.conf) of OpenSM on a subnet manager, lets opensm read it, and reads the P_Key tables back from the ports.
  - OpenSM discards the whole file for one wrong character, and then makes every port a full member of the default partition. So the new
    file is read as OpenSM reads it before it goes live, and where ibsim is installed, by the real OpenSM on a simulated fabric of the same
    ports.
  - When the ports do not hold in time what the new file says, the old file comes back, OpenSM reads that, and the ports are named.
  - Partitions outside the fabric's own P_Keys stay as they are. Whatever else the file has is kept as OpenSM understands it; comments are
    not.
  - On a standby manager the file is written and read by opensm; the tables are the master's to set, and are not read there.
requirements:
  - libibmad and libibumad (they come with infiniband-diags), where opensm runs
  - opensm and ibsim-utils, for the trial
  - root
options:
  intent:
    description: What the inventory has as C(ib_partitions) for one fabric.
    type: dict
    required: true
  state:
    description:
      - V(present) adds and corrects partitions and members, and removes none.
      - V(exact) also removes, within the P_Keys that the fabric declares as its own (C(pkeys)), and in the default partition.
    type: str
    choices: [present, exact]
    default: present
  jobs:
    description:
      - What M(clusterwright.hpc.slurm_info) returns as C(jobs). What a job has open breaks when its node loses a partition or becomes a
        limited member there, so a change that does this to a node where a job runs is refused, and names both.
      - A file that OpenSM discards is replaced all the same, for the fabric is open until then.
      - Without it, nothing is known of jobs, and nothing is refused.
    type: list
    elements: dict
    default: []
  end_jobs:
    description: Go on though nodes lose a partition while jobs run there.
    type: bool
    default: false
  path:
    description: The file that opensm reads.
    type: path
    default: /etc/opensm/partitions.conf
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Does all but writing and letting opensm read. The trial takes place, for it leaves nothing.
    support: full
  diff_mode:
    description: Shows each member that a partition gains, loses, or changes, not the lines of the file.
    support: full
  idempotent:
    description: Changes nothing while the file and the ports are as declared.
    support: full
"""

EXAMPLES = r"""
- name: Partitions of ib0
  clusterwright.hpc.ib_partitions:
    intent: "{{ ib_partitions.ib0 }}"
    state: exact

- name: The same, and no node loses a partition while a job runs there
  clusterwright.hpc.ib_partitions:
    intent: "{{ ib_partitions.ib0 }}"
    state: exact
    jobs: "{{ slurm.jobs }}"        # of slurm_info, with gather [jobs], on the Slurm controller

- name: The same on a simulated fabric
  clusterwright.hpc.ib_partitions:
    intent: "{{ ib_partitions.ib0 }}"
    path: /srv/sim/partitions.conf
  environment:
    IBSIM_SOCKNAME: sim1
    SIM_HOST: head1
    LD_PRELOAD: /usr/lib/x86_64-linux-gnu/umad2sim/libumad2sim.so
"""

RETURN = r"""
before:
  description: Members by partition - the memberships that ports hold, and of ports that do not answer, those of the old file.
  returned: success
  type: dict
  sample: {0x7fff Default: {cn1: full, cn2: full, head1: full}}
after:
  description: The same afterwards; in check mode as predicted.
  returned: success
  type: dict
  sample: {0x0101 cfd: {cn1: full, cn2: limited}, 0x7fff Default: {cn1: limited, cn2: limited, head1: full}}
commands:
  description: What ran or, in check mode, would run.
  returned: success
  type: list
  elements: str
  sample: ["write /etc/opensm/partitions.conf (0644 root:root)", kill -HUP 4711]
diff:
  description: Both sides, a line for each member that changes.
  returned: success
  type: dict
  sample: {before: "0x7fff Default: cn1 full\n", after: "0x0101 cfd: cn1 full\n0x7fff Default: cn1 limited\n",
           before_header: /etc/opensm/partitions.conf, after_header: /etc/opensm/partitions.conf}
impact:
  description: What is disturbed, in words and as data - nodes that lose a partition (V(partition_lost)) or become limited members
    (V(membership_reduced)), jobs that run there (V(job_cut)), a fabric that is open because its file is broken (V(fabric_open)), a master
    that is none of the declared managers (V(foreign_master)), nodes without a GUID (V(no_guid)), service levels without effect
    (V(level_ignored)), and an opensm that reads another file (V(not_read)).
  returned: success, and when it is refused because of jobs
  type: list
  elements: dict
  sample: [{kind: partition_lost, name: cfd, pkey: "0x0101", nodes: [cn2], text: cn2 loses cfd (0x0101)}]
role:
  description: What opensm is on this host - V(master), V(standby), or V(none) where none runs with this file.
  returned: success
  type: str
  sample: master
trial:
  description: What has tried the new file besides this module; empty where ibsim is not installed or the file does not change.
  returned: success
  type: str
  sample: opensm on ibsim, 101 of 2000 ports
findings:
  description: What OpenSM does with the old file and a person would not mean, by line and column.
  returned: success
  type: list
  elements: str
  sample: ["line 3, column 5: 'Full' of 0x0002c90300000003 is taken for limited"]
absent:
  description: Nodes with a P_Key whose ports do not answer on the fabric, afterwards. They get it when they are there.
  returned: success
  type: list
  elements: str
  sample: [cn7]
verified:
  description: Whether the file, and on the master the tables of all ports that answer, were read back as declared. False in check mode
    where something changes, and where no opensm runs with this file.
  returned: always
  type: bool
  sample: true
ports:
  description: Ports that hold something else than the file says.
  returned: when there are some
  type: list
  elements: dict
  sample: [{name: cn2, guid: "0x0002c90300000002", pkey: "0x0101", has: none, should: full}]
restored_files:
  description: The file that was put back.
  returned: when the ports did not become as declared
  type: list
  elements: str
  sample: [/etc/opensm/partitions.conf]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import change, jobs, programming
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.intent import PartitionsIntent


def main() -> None:
    """Observe, plan, try, apply, observe again and compare."""
    spec = {
        "intent": {"type": "dict", "required": True},
        "state": {"type": "str", "choices": ["present", "exact"], "default": "present"},
        "jobs": {"type": "list", "elements": "dict", "default": []},
        "end_jobs": {"type": "bool", "default": False},
        "path": {"type": "path", "default": "/etc/opensm/partitions.conf"},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    run, intent, check = runner(module), module.params["intent"], module.check_mode
    missing = sorted(PartitionsIntent.__required_keys__ - intent.keys())
    if missing:
        module.fail_json(msg=f"intent has no {', '.join(missing)}: give one fabric of the variable ib_partitions (group subnet_manager).")
    try:
        state = change.observe(run, module.params["path"])
        plan = change.plan(intent, state, module.params["state"] == "exact", module.params["jobs"])
        if not module.params["end_jobs"]:
            jobs.refuse(plan.impact)
        findings = [str(finding) for finding in state.parsed.findings]
        tried = change.rehearse(run, intent, state, plan)
        commands = plan.commands(state)
        changed = bool(commands)
        if changed and not check:
            commands, fabric = programming.apply(run, state, plan)
            state = change.look_again(state, fabric)
        if not check:
            programming.compare(state, plan, commands)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=changed, before=plan.before, after=plan.after, diff=change.as_diff(plan, module.params["path"]), commands=commands,
        impact=plan.impact, role=state.role, trial=tried, findings=findings, absent=change.absent(intent, state),
        verified=bool(state.daemons) and not (check and changed),
    )


if __name__ == "__main__":
    main()
