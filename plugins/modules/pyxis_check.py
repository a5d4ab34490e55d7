#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a host's Slurm loads Pyxis."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pyxis_check
short_description: Prove that a host's Slurm loads Pyxis
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Lets C(srun) load the plugin with a configuration of its own, which no daemon and no job reads.
  - Fails with the reason when it does not, most often because the plugin was built for another release of Slurm.
  - Only reads, so it does the same in check mode; there a failure is a warning, because what is wrong may be just what the run would mend.
options:
  plugin:
    description: Path of C(spank_pyxis.so).
    type: path
    required: true
extends_documentation_fragment:
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Changes nothing at all; a failed proof is a warning.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Slurm loads it
  clusterwright.hpc.pyxis_check:
    plugin: /usr/local/lib/slurm/spank_pyxis.so
"""

RETURN = r"""
slurm:
  description: The version of Slurm on this host.
  returned: always
  type: str
  sample: 24.11.5
options:
  description: The options that srun has by Pyxis.
  returned: success
  type: list
  elements: str
  sample: [--container-image, --container-mounts, --container-name]
verified:
  description: Whether Slurm has loaded it.
  returned: success
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot import pyxis


def main() -> None:
    """Observe and judge."""
    module = AnsibleModule(argument_spec={"plugin": {"type": "path", "required": True}}, supports_check_mode=True)
    plugin = module.params["plugin"]
    state = pyxis.observe(runner(module), plugin)
    try:
        pyxis.require(state, plugin)
    except ClusterwrightError as error:
        if not module.check_mode:
            fail(module, error)
        module.warn(str(error))
    module.exit_json(changed=False, slurm=state.slurm, options=state.options, verified=bool(state.options))


if __name__ == "__main__":
    main()
