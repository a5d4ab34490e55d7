#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads nodes, partitions, jobs and reservations from slurmctld."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_info
short_description: Nodes, partitions, jobs and reservations of Slurm
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads what slurmctld knows and returns it in one shape, whatever Slurm's version. Memory is in MiB, times are seconds since 1970,
    durations are seconds; what is unlimited, unknown or not there is null, or empty where it is a text.
  - From Slurm 24.11 on, nodes and jobs are read as JSON.
requirements:
  - Slurm's commands on the host that it runs on
options:
  gather:
    description: What to read. Jobs of a large cluster are many.
    type: list
    elements: str
    choices: [nodes, partitions, jobs, reservations]
    default: [nodes, partitions, jobs, reservations]
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
- name: What is out of service
  clusterwright.hpc.slurm_info:
    gather: [nodes]
  delegate_to: head1
  run_once: true
  register: slurm

- name: Say it
  ansible.builtin.debug:
    msg: "{{ item.key }}: {{ item.value.reason }}, by {{ item.value.reason_by }}"
  loop: "{{ slurm.nodes | dict2items }}"
  when: "'DRAIN' in item.value.states or 'DOWN' in item.value.states"
  run_once: true
"""

RETURN = r"""
version:
  description: Slurm's version.
  returned: always
  type: str
  sample: 24.11.5
nodes:
  description: The nodes by name.
  returned: when O(gather) has V(nodes)
  type: dict
  contains:
    states:
      description: Base and flags of the state, sorted.
      type: list
      elements: str
      sample: [DRAIN, IDLE]
    reason:
      description: Why it is out of service. A node that was resumed keeps it until its next job.
      type: str
      sample: DIMM swap
    reason_by:
      description: Who gave the reason; C(slurm) where it was slurmctld itself.
      type: str
      sample: root
    reason_at:
      description: When.
      type: int
      sample: 1795248329
    comment:
      description: The node's comment.
      type: str
      sample: asset 12
    cpus:
      description: CPUs that slurm.conf declares.
      type: int
      sample: 2
    cpus_allocated:
      description: CPUs that jobs have.
      type: int
      sample: 0
    memory:
      description: Memory that slurm.conf declares, in MiB.
      type: int
      sample: 1024
    memory_allocated:
      description: Memory that jobs have, in MiB.
      type: int
      sample: 0
    memory_free:
      description: Memory that is free as the node's kernel says, in MiB.
      type: int
      sample: 18122
    sockets:
      description: Declared sockets.
      type: int
      sample: 1
    cores_per_socket:
      description: Declared cores of a socket.
      type: int
      sample: 2
    threads_per_core:
      description: Declared threads of a core.
      type: int
      sample: 1
    gres:
      description: Generic resources as Slurm writes them.
      type: str
      sample: gpu:2
    features:
      description: Features.
      type: list
      elements: str
      sample: [a, b]
    partitions:
      description: Partitions that have the node.
      type: list
      elements: str
      sample: [all]
    address:
      description: NodeAddr.
      type: str
      sample: 10.62.0.23
    version:
      description: Version of its slurmd; empty before its first start.
      type: str
      sample: 24.11.5
    booted_at:
      description: When the node booted.
      type: int
      sample: 1795232615
    slurmd_started:
      description: When its slurmd started.
      type: int
      sample: 1795248291
partitions:
  description: The partitions by name.
  returned: when O(gather) has V(partitions)
  type: dict
  contains:
    state:
      description: UP, DOWN, DRAIN or INACTIVE.
      type: str
      sample: UP
    default:
      description: Whether jobs that name no partition go here.
      type: bool
      sample: true
    nodes:
      description: Its nodes as a NodeSet.
      type: str
      sample: cn[1-4]
    node_count:
      description: How many nodes.
      type: int
      sample: 4
    cpus:
      description: How many CPUs.
      type: int
      sample: 8
    max_time:
      description: The longest time of a job, in seconds; null where it is unlimited.
      type: int
      sample: 3600
    default_time:
      description: The time of a job that asks for none, in seconds; null where that is O(ignore:max_time).
      type: int
      sample: 1800
    qos:
      description: The partition's own QOS.
      type: str
      sample: high
    accounts:
      description: The accounts that may use it; empty where all may.
      type: list
      elements: str
      sample: [physics]
jobs:
  description: The jobs that wait, run or end just now.
  returned: when O(gather) has V(jobs)
  type: list
  elements: dict
  contains:
    id:
      description: The job as squeue shows it and scancel takes it.
      type: str
      sample: "2_[2-3]"
    job_id:
      description: The number behind it, one a task of an array.
      type: int
      sample: 2
    name:
      description: Its name, as the user chose it.
      type: str
      sample: wrap
    user:
      description: Whose it is.
      type: str
      sample: ada
    account:
      description: Its account.
      type: str
      sample: physics
    partition:
      description: Its partition, or partitions.
      type: str
      sample: all
    qos:
      description: Its QOS.
      type: str
      sample: normal
    state:
      description: As squeue shows it.
      type: str
      sample: PENDING
    reason:
      description: Why it waits.
      type: str
      sample: Resources
    nodes:
      description: The nodes that it has, as a NodeSet.
      type: str
      sample: cn2
    node_count:
      description: How many nodes it has or asks for.
      type: int
      sample: 1
    cpus:
      description: How many CPUs it has or asks for.
      type: int
      sample: 1
    priority:
      description: Its priority; 0 is held.
      type: int
      sample: 1
    time_limit:
      description: The longest time that it may run, in seconds.
      type: int
      sample: 1800
    submitted_at:
      description: When it was submitted.
      type: int
      sample: 1795248325
    started_at:
      description: When it started or is expected to.
      type: int
      sample: 1795248326
    ends_at:
      description: When it ends at the latest.
      type: int
      sample: 1795250126
    restarts:
      description: How often it was requeued; null where Slurm is older than 24.11.
      type: int
      sample: 0
reservations:
  description: The reservations by name.
  returned: when O(gather) has V(reservations)
  type: dict
  contains:
    state:
      description: ACTIVE or INACTIVE.
      type: str
      sample: INACTIVE
    nodes:
      description: Its nodes as a NodeSet.
      type: str
      sample: cn[3-4]
    node_count:
      description: How many nodes.
      type: int
      sample: 2
    partition:
      description: Its partition.
      type: str
      sample: all
    starts_at:
      description: When it starts.
      type: int
      sample: 1795248929
    ends_at:
      description: When it ends.
      type: int
      sample: 1795252529
    users:
      description: Users that may use it.
      type: list
      elements: str
      sample: [root]
    accounts:
      description: Accounts that may use it.
      type: list
      elements: str
      sample: [physics]
    flags:
      description: Its flags.
      type: list
      elements: str
      sample: [MAINT, SPEC_NODES]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import info

KINDS = ["nodes", "partitions", "jobs", "reservations"]


def main() -> None:
    """Read what is asked for."""
    spec = {"gather": {"type": "list", "elements": "str", "choices": KINDS, "default": KINDS}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    run = runner(module)
    wanted = module.params["gather"]
    try:
        version = info.version(run)
        as_json = info.has_json(version)
        readers = {
            "nodes": lambda: info.nodes(run, as_json),
            "partitions": lambda: info.partitions(run),
            "jobs": lambda: info.jobs(run, as_json),
            "reservations": lambda: info.reservations(run),
        }
        found = {kind: read() for kind, read in readers.items() if kind in wanted}
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(changed=False, version=version, **found)


if __name__ == "__main__":
    main()
