#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of Ceph's OSD map."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_flags
short_description: Flags of Ceph's OSD map
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Sets and clears flags such as V(noout) for the time of a maintenance, by one question and one command each.
  - A flag that is not named stays as it is.
requirements:
  - C(ceph) of release 18 or newer on the host that it runs on, with the keyring of client.admin, such as on a mon
options:
  set:
    description: Flags that shall be set.
    type: list
    elements: str
    choices: [noout, norebalance, norecover, nobackfill, noscrub, nodeep-scrub]
    default: []
  unset:
    description: Flags that shall not be set.
    type: list
    elements: str
    choices: [noout, norebalance, norecover, nobackfill, noscrub, nodeep-scrub]
    default: []
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: What a host has that is rebooted is not copied meanwhile
  clusterwright.hpc.ceph_osd_flags:
    set: [noout]

- name: Back to normal
  clusterwright.hpc.ceph_osd_flags:
    unset: [noout]
"""

RETURN = r"""
before:
  description: What was seen of all that is declared.
  returned: success
  type: dict
  sample: {flags: {noout: false, noscrub: false}}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {flags: {noout: true, noscrub: true}}
diff:
  description: One entry for each item that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: flags
      before: |
        noout=false
        noscrub=false
      after_header: flags
      after: |
        noout=true
        noscrub=true
commands:
  description: The commands that were run or, in check mode, would be. On failure, those that had succeeded.
  returned: success, and when a command failed
  type: list
  elements: str
  sample:
    - ceph osd set noout
    - ceph osd set noscrub
impact:
  description: What the change disturbs, in words (C(text)) and as data.
  returned: success
  type: list
  elements: dict
  sample: [{kind: recovery_stops, name: noout, text: "with noout, what a dead OSD had is not copied again"}]
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
  sample: [ceph osd unset noout]
mismatch:
  description: What still differs after everything was applied.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [flag noout]
mismatch_commands:
  description: The commands that another run would try.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [ceph osd set noout]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, declared
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

FLAGS = {
    "type": "list", "elements": "str", "default": [],
    "choices": ["noout", "norebalance", "norecover", "nobackfill", "noscrub", "nodeep-scrub"],
}
ARGUMENT_SPEC = {"set": FLAGS, "unset": FLAGS}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run = runner(module)
    both = sorted({*module.params["set"]} & {*module.params["unset"]})
    if both:
        fail(module, ClusterwrightError(f"{both[0]} shall be set and not be set: keep one of the two"))
    wanted = {**dict.fromkeys(module.params["set"], True), **dict.fromkeys(module.params["unset"], False)}
    change.carry_out(module, run, lambda: declared.observe_flags(run, list(wanted)), lambda seen: declared.plan_flags(wanted, seen),
                     {"flags": dict.fromkeys(wanted, False)})


if __name__ == "__main__":
    main()
