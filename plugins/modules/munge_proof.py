#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that nodes share the munge key and the time."""

from __future__ import annotations

DOCUMENTATION = r"""
module: munge_proof
short_description: Prove that a munge credential of one node decodes on another
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Without O(credential), makes one on this node. With it, decodes it on this node and measures how far the two clocks are apart.
  - Fails with the reason when the keys differ, when the clocks differ by more than O(max_skew), or when munged does not answer.
  - Only reads, so it does the same in check mode; there a failure is a warning, because what is wrong may be just what the run would mend.
options:
  credential:
    description: A credential that another node made, less than an hour ago.
    type: str
  source:
    description: The node that made O(credential), for messages.
    type: str
    default: the other node
  made_at:
    description: When O(credential) was made, by the control machine's clock, as RV(made_at) of that call says.
    type: float
  now:
    description: What the control machine's clock says now, in seconds since 1970, so that the time which passes is not taken for skew.
    type: float
    required: true
  max_skew:
    description: How many seconds the clocks may be apart. Slurm's own credentials live for 300 s.
    type: int
    default: 60
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
- name: Make a credential on the first controller
  clusterwright.hpc.munge_proof:
    now: "{{ now().timestamp() }}"
  delegate_to: head1
  run_once: true
  register: munge_made

- name: Decode it on every node
  clusterwright.hpc.munge_proof:
    credential: "{{ munge_made.credential }}"
    source: head1
    made_at: "{{ munge_made.made_at }}"
    now: "{{ now().timestamp() }}"
"""

RETURN = r"""
credential:
  description: The new credential. Good for nothing but a proof; it carries no payload.
  returned: when none was given
  type: str
  sample: "MUNGE:AwQFAADCsUdfk...:"
made_at:
  description: When it was made, by the control machine's clock.
  returned: when none was given
  type: float
  sample: 1795236002.53
verified:
  description: Whether this node decoded the credential.
  returned: when one was given
  type: bool
  sample: true
skew_seconds:
  description: How many seconds this node's clock is ahead of the other's, as far as whole seconds tell.
  returned: when both clocks could be read
  type: int
  sample: 0
"""

import platform

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.munge import credential as munge


def main() -> None:
    """Encode, or decode and judge."""
    module = AnsibleModule(
        argument_spec={
            "credential": {"type": "str", "no_log": False},
            "source": {"type": "str", "default": "the other node"},
            "made_at": {"type": "float"},
            "now": {"type": "float", "required": True},
            "max_skew": {"type": "int", "default": 60},
        },
        required_by={"credential": ["made_at"]},
        supports_check_mode=True,
    )
    params = module.params
    run = runner(module)
    host = platform.node()
    try:
        if params["credential"] is None:
            module.exit_json(changed=False, credential=munge.encode(run, host), made_at=params["now"])
        if not params["credential"]:    # check mode could not make one, and said why
            module.exit_json(changed=False, verified=False)
        decoded = munge.decode(run, params["credential"])
        off = munge.judge(decoded, params["now"] - params["made_at"], params["max_skew"], host, params["source"])
    except ClusterwrightError as error:
        if not module.check_mode:
            fail(module, error)
        module.warn(str(error))
        module.exit_json(changed=False, verified=False, credential="", made_at=params["now"])
    module.exit_json(changed=False, verified=True, skew_seconds=round(off))


if __name__ == "__main__":
    main()
