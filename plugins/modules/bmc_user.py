#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, changes and removes a user of BMCs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_user
short_description: A user of one BMC or hundreds
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Makes, changes or removes one user on all O(bmcs) in one task. A password is tested first, and only sent where it is another.
  - The user that the task itself logs in with is not touched where that could lock it out.
options:
  user:
    description: The user's name. IPMI has room for 16 bytes.
    type: str
    required: true
  state:
    description: V(absent) takes the user away; no other user is touched.
    type: str
    choices: [present, absent]
    default: present
  level:
    description: What the user may do. V(operator) may switch power, V(user) may only read.
    type: str
    choices: [administrator, operator, user]
    default: operator
  user_password:
    description:
      - The user's password, from Ansible Vault or a lookup. Required where the user is new. IPMI has room for 20 bytes, some BMCs for 16.
    type: str
  change_password:
    description: Whether a user that is there gets this password, too.
    type: bool
    default: true
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.bmc
"""

EXAMPLES = r"""
- name: A user for power saving, which may switch power and no more
  clusterwright.hpc.bmc_user:
    bmcs: "{{ all_bmcs }}"
    username: admin
    password: "{{ bmc_password }}"
    user: slurm
    level: operator
    user_password: "{{ bmc_slurm_password }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
before:
  description: The setting of those that change, as it was.
  returned: always
  type: dict
  sample: {node001: {}}
after:
  description: The same, read back after the change. In check mode, what is predicted.
  returned: always
  type: dict
  sample: {node001: {level: operator, enabled: true, password: as wanted}}
commands:
  description: What the BMCs were told or, in check mode, would be, in words.
  returned: always
  type: list
  elements: str
  sample: ["node001: user slurm, operator, with its password"]
impact:
  description: What is disturbed, as data and in words.
  returned: always
  type: list
  elements: dict
  sample: [{kind: login_changes, nodes: [node001], user: slurm, text: what logs in as slurm to the BMCs of 1 nodes meets the change}]
diff:
  description: Before and after, a line a node.
  returned: always
  type: dict
  sample:
    before_header: user
    before: "node001: \n"
    after_header: user
    after: "node001: level operator, enabled True, password as wanted\n"
failed_bmcs:
  description: The BMCs that did not do it, with a sentence and a verdict. M(clusterwright.hpc.bmc_power) lists the verdicts.
  returned: always
  type: dict
  sample: {node003: {verdict: wrong password, text: does not take this password}}
verified:
  description: Whether all were read back as asked. False in check mode where something would change.
  returned: always
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import change, options, settings
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail

ARGUMENT_SPEC = {
    "user": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "level": {"type": "str", "choices": ["administrator", "operator", "user"], "default": "operator"},
    "user_password": {"type": "str", "no_log": True},
    "change_password": {"type": "bool", "default": True, "no_log": False},
    **options.CONNECTION,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The same user for all."""
    params = module.params
    if any(bmc["protocol"] == "ipmi" for bmc in params["bmcs"]):
        options.fits_ipmi(params["user"], username=params["user"], password=params["user_password"] or "")
    level = params["level"] if params["state"] == "present" else None
    wanted = settings.WantedUser(params["user"], level, params["user_password"], params["change_password"])
    return change.run(module, settings.BmcUser(wanted))


def main() -> None:
    """One exit."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = run(module)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
