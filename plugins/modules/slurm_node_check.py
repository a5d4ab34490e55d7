#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a compute node what keeps slurmctld from hearing of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_node_check
short_description: What keeps slurmctld from hearing of this node
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Looks on a compute node at slurmd, munge and its key, the time, mounts and the last boot, in one task. It judges nothing; the filter
    P(clusterwright.hpc.slurm_diagnosis#filter) does that, with Slurm's own word.
options:
  credential:
    description: A munge credential of a controller (M(clusterwright.hpc.munge_proof)); empty where it could make none.
    type: str
    default: ""
  source:
    description: The node that made O(credential), for messages.
    type: str
    default: the controller
  made_at:
    description: When O(credential) was made, by the control machine's clock, as M(clusterwright.hpc.munge_proof) says.
    type: float
    default: 0.0
  now:
    description: What the control machine's clock says now, in seconds since 1970.
    type: float
    required: true
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
- name: Make a credential on the controller
  clusterwright.hpc.munge_proof:
    now: "{{ now().timestamp() }}"
  delegate_to: head1
  run_once: true
  register: made

- name: What is wrong here
  clusterwright.hpc.slurm_node_check:
    credential: "{{ made.credential }}"
    source: head1
    made_at: "{{ made.made_at }}"
    now: "{{ now().timestamp() }}"
"""

RETURN = r"""
services:
  description:
    - C(munge), C(slurmd) and, under C(time), whoever keeps the time there. The state is systemd's C(ActiveState), C(masked) or
      C(not installed); C(said) is the last error of slurmd's log when it does not run.
  returned: always
  type: dict
  sample:
    munge: {unit: munge, state: active}
    slurmd: {unit: slurmd, state: failed, said: "Unable to determine this slurmd's NodeName"}
    time: {unit: chrony, state: active}
munge:
  description: Why the credential does not decode; empty when it does.
  returned: always
  type: str
  sample: "cn1 has another munge key than head1 (Invalid credential): run the role munge on cn1, or restart munged there if the key is new"
skew_seconds:
  description: How many seconds this node's clock is ahead of the controller's; null where that cannot be told.
  returned: always
  type: int
  sample: 0
mounts:
  description: What /etc/fstab mounts at boot and is not mounted, with systemd's unit for it.
  returned: always
  type: dict
  sample: {/scratch: scratch.mount}
booted_at:
  description: When the kernel was started, in seconds since 1970.
  returned: always
  type: int
  sample: 1795232615
"""

import platform

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import health


def main() -> None:
    """Observe."""
    module = AnsibleModule(
        argument_spec={
            "credential": {"type": "str", "default": "", "no_log": False},
            "source": {"type": "str", "default": "the controller"},
            "made_at": {"type": "float", "default": 0.0},
            "now": {"type": "float", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    age = params["now"] - params["made_at"]
    module.exit_json(changed=False, **health.observe(runner(module), params["credential"], age, platform.node(), params["source"]))


if __name__ == "__main__":
    main()
