#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes Slurm's configuration what is declared, with the least that suffices, and ends no job unasked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_conf
short_description: Slurm's configuration on a controller, changed with the least that suffices
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Writes C(slurm.conf), C(cgroup.conf), C(gres.conf), C(topology.conf), C(job_container.conf) and, where something is declared
    for it, C(plugstack.conf) below C(/etc/slurm), and enables and
    starts slurmctld. No other task may write these files or restart slurmctld.
  - Compares what is declared with what the active slurmctld has loaded, key by key, node by node and partition by partition, and does the
    least that brings it about - nothing, C(scontrol reconfigure), or a restart of slurmctld. A table says what each key needs in each
    version of Slurm; what it needs of slurmd is returned as RV(slurmd_since), for this module does not reach the nodes.
  - A change that would end jobs is refused, and names them. So is the removal of a node that is in service.
  - Before a file is replaced, slurmctld is started on a copy, in a network of its own, without its state, without accounting and without
    the programs that it calls. What it refuses or complains of stays out.
  - When slurmctld does not run with the new files, or says other values than it did in the trial, the old files come back.
  - On the standby of two controllers, only that slurmctld is restarted, which disturbs nothing, once the active one has taken the change.
    So it is called for both at once. Two active ones are an error.
  - When a cluster that ran without slurmdbd gets one, C(clustername) in StateSaveLocation is removed, because slurmctld has made up an id
    there that slurmdbd does not know. Jobs do not need it. A slurmdbd that does not listen then is an error.
requirements:
  - slurmctld and Slurm's commands, 22.05 or newer
  - C(unshare) and C(ip)
  - root
options:
  intent:
    description: What the inventory has as C(slurm_intent).
    type: dict
    required: true
  end_jobs:
    description: Go on though jobs end, or nodes go that are in service.
    type: bool
    default: false
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Does all but writing, reconfiguring and restarting. The trial start takes place, for it leaves nothing.
    support: full
  idempotent:
    description: Changes nothing while slurmctld runs with the files as declared.
    support: full
"""

EXAMPLES = r"""
- name: Configuration and slurmctld
  clusterwright.hpc.slurm_conf:
    intent: "{{ slurm_intent }}"
  register: slurm_conf

- name: Another way to select resources, on a cluster that may lose its jobs
  clusterwright.hpc.slurm_conf:
    intent: "{{ slurm_intent }}"
    end_jobs: true
"""

RETURN = r"""
changes:
  description: Each key that changes, what of it runs and what is declared, and what that needs. Empty where no slurmctld ran before.
  returned: success, and when jobs would end
  type: list
  elements: dict
  contains:
    key:
      description: The key; NodeName or PartitionName when nodes or a partition come or go.
      type: str
      sample: SlurmdTimeout
    where:
      description: The file, the nodes, or the partition.
      type: str
      sample: slurm.conf
    old:
      description: What runs, as Slurm shows it. Empty when it is unset.
      type: str
      sample: 300 sec
    new:
      description: What is declared, as Slurm shows it. Empty when it is unset.
      type: str
      sample: 200 sec
    needs:
      description: The most that it needs - V(reconfigure), V(restart slurmctld), V(restart slurmd), V(drained nodes) or V(empty cluster).
      type: str
      sample: reconfigure
    action:
      description: What of that is done to the daemons.
      type: str
      sample: reconfigure
    known:
      description: Whether the table has the key. What it does not have restarts all daemons.
      type: bool
      sample: true
needs:
  description: The most that any change needs. V(restart slurmctld) also when it did not run, V(nothing) when there is nothing to do.
  returned: success, and when jobs would end
  type: str
  sample: reconfigure
slurmd_since:
  description: >-
    A slurmd whose unit has become active (systemd's C(ActiveEnterTimestamp)) before this time, in seconds since 1970, runs with old
    settings and needs a restart. 0 when none can. What Slurm calls SlurmdStartTime does not tell, for a reconfigure renews it.
  returned: success
  type: int
  sample: 1795252607
before:
  description: Owner and mode of the files, the unit, whether slurmctld has loaded the files as they are, and old values of what changes.
  returned: success
  type: dict
  sample: {files: {/etc/slurm/slurm.conf: {state: file, owner: root, group: root, mode: "0644"}},
           service: {enabled: enabled, active: active}, loaded: true, settings: {SlurmdTimeout in slurm.conf: 300 sec}}
after:
  description: The same afterwards, in check mode as predicted.
  returned: success
  type: dict
  sample: {files: {/etc/slurm/slurm.conf: {state: file, owner: root, group: root, mode: "0644"}},
           service: {enabled: enabled, active: active}, loaded: true, settings: {SlurmdTimeout in slurm.conf: 200 sec}}
commands:
  description: What ran or, in check mode, would run.
  returned: success
  type: list
  elements: str
  sample: ["write /etc/slurm/slurm.conf (0644 root:root)", scontrol reconfigure]
diff:
  description: One entry for each file that changes.
  returned: success
  type: list
  elements: dict
  sample: []
impact:
  description: What is disturbed, in words and as data - jobs that end (V(job_ends)), slurmctld, every slurmd, partitions whose state
    an administrator has set and which go back to what is declared (V(partition_reset)), another version of slurmctld (V(version_change)),
    the id of the cluster (V(cluster_id)), and keys that the table does not have (V(unknown_key)).
  returned: success, and when jobs would end
  type: list
  elements: dict
  sample: [{kind: slurmctld_reconfigure, name: slurmctld.service, text: "slurmctld and every slurmd read their files: jobs run on"}]
verified:
  description: Whether slurmctld was seen to run with the files as declared, and to mean by them what it meant in the trial.
  returned: always
  type: bool
  sample: true
controllers:
  description: The controllers of a pair - V(active), V(standby) or V(down). Empty where there is one.
  returned: success, and when both are active
  type: dict
  sample: {head1: active, head2: standby}
log:
  description: What slurmctld had against the configuration.
  returned: when it refuses it or complains
  type: list
  elements: str
  sample: ["_parse_next_key: Parsing error at unrecognized key: RetrunToService", Unable to process configuration file]
restored_files:
  description: The files that were put back.
  returned: when slurmctld did not run with the new ones
  type: list
  elements: str
  sample: [/etc/slurm/slurm.conf]
unresolvable:
  description: Names of nodes that do not resolve.
  returned: when there are some
  type: list
  elements: str
  sample: [cn4]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import change, changeover
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.intent import SlurmIntent


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    spec = {"intent": {"type": "dict", "required": True}, "end_jobs": {"type": "bool", "default": False}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    run, intent, check = runner(module), module.params["intent"], module.check_mode
    missing = sorted(SlurmIntent.__required_keys__ - intent.keys())
    if missing:
        module.fail_json(msg=f"intent has no {', '.join(missing)}: give the variable slurm_intent of the group slurm_controller.")
    try:
        state = change.observe(run, intent, may_come=check)
        plan = change.plan(intent, state, module.params["end_jobs"], may_come=check)
        before, after = changeover.reports(state, plan)
        commands = plan.commands
        if not check and commands:
            commands = changeover.apply(run, state, plan)
            state = change.observe(run, intent)
            changeover.compare(state, plan, commands)
            after = {**changeover.view(state), "settings": after["settings"]}
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=bool(commands), before=before, after=after, diff=[files.diff(item) for item in plan.files], commands=commands,
        changes=[item.as_data() for item in plan.changes], needs=plan.needs.words, slurmd_since=plan.slurmd_since, impact=plan.impact,
        controllers=state.hosts, verified=not check or not commands,
    )


if __name__ == "__main__":
    main()
