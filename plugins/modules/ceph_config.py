#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings in the database of Ceph's mons."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_config
short_description: Settings in the database of Ceph's mons
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares all declared settings with C(ceph config dump), by one question, and sets what differs. Daemons take most of them up at once.
  - Values are compared by meaning. V(4G) is V(4294967296), V(yes) is V(true).
  - What is not declared stays. The value V(omit) removes a setting.
requirements:
  - C(ceph) of release 18 or newer on the host that it runs on, with the keyring of client.admin, such as on a mon
options:
  settings:
    description: Settings by section, such as C(global), C(mon), C(osd), C(osd.3), C(osd/class:hdd) or C(client).
    type: dict
    required: true
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: The settings of the cluster file
  clusterwright.hpc.ceph_config:
    settings: "{{ ceph_intent.config }}"
  run_once: true

- name: Memory of each OSD, and what is no longer set
  clusterwright.hpc.ceph_config:
    settings:
      osd: {osd_memory_target: 4G, osd_max_backfills: omit}
"""

RETURN = r"""
before:
  description: What was seen of all that is declared.
  returned: success
  type: dict
  sample: {global: {}, osd: {osd_max_backfills: "1"}}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {global: {mon_allow_pool_delete: "true"}, osd: {osd_memory_target: "4294967296"}}
diff:
  description: One entry for each item that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: global
      before: ""
      after_header: global
      after: |
        mon_allow_pool_delete=true
commands:
  description: The commands that were run or, in check mode, would be. On failure, those that had succeeded.
  returned: success, and when a command failed
  type: list
  elements: str
  sample:
    - ceph config set osd osd_memory_target 4G
    - ceph config rm osd osd_max_backfills
    - ceph config set global mon_allow_pool_delete true
impact:
  description: What the change disturbs, in words (C(text)) and as data.
  returned: success
  type: list
  elements: dict
  sample: []
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
  sample: [ceph config rm osd osd_memory_target]
mismatch:
  description: What still differs after everything was applied.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [osd osd_memory_target]
mismatch_commands:
  description: The commands that another run would try.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [ceph config set osd osd_memory_target 4G]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, declared
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {"settings": {"type": "dict", "required": True}}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, wanted = runner(module), module.params["settings"]
    wrong = [section for section, values in wanted.items() if not isinstance(values, dict)]
    if wrong:
        fail(module, ClusterwrightError(f"settings of {wrong[0]}: write them as a mapping of names and values"))
    change.carry_out(module, run, lambda: declared.observe_config(run, wanted), lambda seen: declared.plan_config(wanted, seen),
                     {section: {} for section in wanted})


if __name__ == "__main__":
    main()
