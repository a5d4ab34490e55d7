#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients and daemons of Ceph may do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_auth
short_description: What clients and daemons of Ceph may do
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares all declared entities with those that there are, by one question, and adds and corrects them. The mons make new keys.
  - No key is ever returned, logged or on a command line.
requirements:
  - C(ceph) of release 18 or newer on the host that it runs on, with the keyring of client.admin, such as on a mon
options:
  entities:
    description: The entities. C(client.admin) and C(mon.) are the cluster's own.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name, such as V(client.backup) or V(mds.store1).
        type: str
        required: true
      caps:
        description: All its capabilities by kind of daemon, such as C(mon) and C(osd).
        type: dict
        default: {}
  state:
    description: V(absent) removes the entities, and locks out who uses their keys.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: A client that may read and write one pool
  clusterwright.hpc.ceph_auth:
    entities:
      - name: client.backup
        caps: {mon: "profile rbd", osd: "profile rbd pool=images"}
"""

RETURN = r"""
before:
  description: What was seen of all that is declared.
  returned: success
  type: dict
  sample: {client.backup: {mon: profile rbd, osd: profile rbd pool=images}}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {client.backup: {mon: profile rbd, osd: profile rbd}}
diff:
  description: One entry for each item that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: client.backup
      before: |
        mon=profile rbd
        osd=profile rbd pool=images
      after_header: client.backup
      after: |
        mon=profile rbd
        osd=profile rbd
commands:
  description: The commands that were run or, in check mode, would be. On failure, those that had succeeded.
  returned: success, and when a command failed
  type: list
  elements: str
  sample:
    - ceph auth caps client.backup mon 'profile rbd' osd 'profile rbd'
impact:
  description: What the change disturbs, in words (C(text)) and as data.
  returned: success
  type: list
  elements: dict
  sample: [{kind: capabilities, name: client.backup, text: client.backup may do something else from now on}]
verified:
  description: True when it was read back and nothing is left to do. False in check mode and on failure.
  returned: success, and when a command failed
  type: bool
  sample: true
rollback_commands:
  description: The commands that undo what stays done after a failure, in this order.
  returned: when a command failed
  type: list
  elements: str
  sample: [ceph auth rm client.backup]
mismatch:
  description: What still differs after everything was applied.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [client.backup]
mismatch_commands:
  description: The commands that another run would try.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [ceph auth add client.backup mon 'profile rbd']
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, declared
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {
    "entities": {
        "type": "list", "elements": "dict", "required": True,
        "options": {"name": {"type": "str", "required": True}, "caps": {"type": "dict", "default": {}}},
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, present = runner(module), module.params["state"] == "present"
    try:
        wanted = declared.declared_auth(module.params["entities"])
    except ClusterwrightError as error:
        fail(module, error)
    change.carry_out(module, run, lambda: declared.observe_auth(run, list(wanted)), lambda seen: declared.plan_auth(wanted, present, seen))


if __name__ == "__main__":
    main()
