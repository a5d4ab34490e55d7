#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for nodes to respond to slurmctld."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_node
short_description: Wait until Slurm's nodes respond
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads the state of nodes back from slurmctld, and waits until all of them respond.
  - Fails with the nodes that do not, and with the reason that slurmctld gives. A node that an administrator has drained responds; a node
    that is powered off by power saving is left out.
  - Warns of nodes that respond but that slurmctld by itself has drained or set down.
  - Only reads. In check mode it looks once and warns instead of failing, since the run may be what makes the nodes respond.
requirements:
  - Slurm's commands on the host that it runs on
options:
  nodes:
    description: Names of nodes.
    type: list
    elements: str
    required: true
  state:
    description: What to wait for.
    type: str
    choices: [responding]
    default: responding
  timeout:
    description: How long to wait, in seconds.
    type: int
    default: 60
extends_documentation_fragment:
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Changes nothing at all; looks once, and warns.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Every node of this run is in Slurm
  clusterwright.hpc.slurm_node:
    nodes: "{{ ansible_play_hosts }}"
  delegate_to: head1
  run_once: true
"""

RETURN = r"""
states:
  description: State and reason of each of the nodes.
  returned: when slurmctld answers
  type: dict
  sample: {cn1: IDLE, cn2: "DRAIN+IDLE (DIMM swap)"}
not_responding:
  description: The nodes that do not respond, with what slurmctld says of them and the way out.
  returned: when slurmctld answers
  type: dict
  sample: {cn3: "slurmctld does not hear from it, IDLE+NOT_RESPONDING: look at `journalctl -u slurmd` there"}
verified:
  description: Whether all nodes respond.
  returned: always
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import nodes as slurm_nodes


def main() -> None:
    """Observe until the deadline, and judge."""
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["responding"], "default": "responding"},
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    names = module.params["nodes"]
    try:
        seen, bad = slurm_nodes.wait_responding(runner(module), names, 0 if module.check_mode else module.params["timeout"])
        states = {name: str(seen[name]) for name in names if name in seen}
        for name, what in slurm_nodes.withdrawn(names, seen).items():
            module.warn(f"{name}: {what}")
        if bad:
            listed = "; ".join(f"{name}: {what}" for name, what in list(bad.items())[:5])
            more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
            raise ClusterwrightError(
                f"{len(bad)} of {len(names)} nodes do not respond to slurmctld. {listed}{more}",
                states=states, not_responding=bad, verified=False,
            )
    except ClusterwrightError as error:
        if not module.check_mode:
            fail(module, error)
        module.warn(str(error))
        module.exit_json(changed=False, **{"verified": False, **error.details})
    module.exit_json(changed=False, states=states, not_responding={}, verified=True)


if __name__ == "__main__":
    main()
