#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what a compute node has with what the cluster file declares of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_hardware
short_description: Compare a compute node's hardware with what is declared
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Runs C(slurmd -C) on the node and compares what it finds with the node's line in slurm.conf, before slurmctld does.
  - Fails, with each difference in plain words, when slurmctld would refuse the node. That is so with less memory than declared, or fewer
    CPUs in all.
  - More than is declared is a warning, since Slurm takes the node and leaves the rest unused. A node always has a little more memory than
    a careful administrator declares, so that is no difference.
  - Only reads, so it does the same in check mode; there a failure is a warning, because what is wrong may be just what the run would mend.
requirements:
  - slurmd
options:
  sockets:
    description: Declared sockets.
    type: int
  cores_per_socket:
    description: Declared cores of a socket.
    type: int
  threads_per_core:
    description: Declared threads of a core.
    type: int
  memory:
    description: Declared memory (RealMemory) in MiB.
    type: int
extends_documentation_fragment:
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Changes nothing at all; what fails otherwise is a warning.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The node has what it shall have
  clusterwright.hpc.slurm_hardware:
    sockets: 1
    cores_per_socket: 64
    threads_per_core: 4
    memory: 114688
"""

RETURN = r"""
found:
  description: What the node has, memory in MiB.
  returned: when slurmd -C answers
  type: dict
  sample: {sockets: 1, cores_per_socket: 2, threads_per_core: 1, memory: 24105}
differences:
  description: What is not as declared.
  returned: when slurmd -C answers
  type: list
  elements: dict
  contains:
    item:
      description: The option's name.
      type: str
      sample: memory
    declared:
      description: What is declared.
      type: int
      sample: 65536
    found:
      description: What the node has.
      type: int
      sample: 24105
    refused:
      description: Whether slurmctld refuses the node for it.
      type: bool
      sample: true
    text:
      description: The same in words.
      type: str
      sample: "declares 64 GiB, has 23.5 GiB: a DIMM is gone?"
verified:
  description: Whether slurmctld takes the node.
  returned: always
  type: bool
  sample: true
"""

import platform

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import hardware


def main() -> None:
    """Observe, compare, and judge."""
    module = AnsibleModule(argument_spec={item: {"type": "int"} for item in hardware.Hardware._fields}, supports_check_mode=True)
    declared = hardware.Hardware(**module.params)
    host = platform.node()
    details: dict[str, object] = {"verified": False}
    try:
        found = hardware.observe(runner(module))
        differences = hardware.compare(declared, found)
        refused = [difference for difference in differences if difference.refused]
        details = {"found": found._asdict(), "differences": [each._asdict() for each in differences], "verified": not refused}
        for difference in differences:
            if not difference.refused:
                module.warn(f"{host} {difference.text}")
        if refused:
            texts = "; ".join(difference.text for difference in refused)
            texts += "" if texts.endswith("?") else "."
            raise ClusterwrightError(f"{host} {texts} slurmctld refuses it so: mend it, or correct its hardware in the cluster file")
    except ClusterwrightError as error:
        if not module.check_mode:
            error.details.update(details)
            fail(module, error)
        module.warn(str(error))
    module.exit_json(changed=False, **details)


if __name__ == "__main__":
    main()
