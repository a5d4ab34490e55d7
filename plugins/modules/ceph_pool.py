#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ceph's pools."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_pool
short_description: Ceph's pools
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares all declared pools with those that there are, by two questions to the mons, and brings about the difference.
  - Refuses a pool that would lose data, whether it is new or changed. That is a size of 1, a min_size of 1, a min_size of an erasure-coded
    pool that is no more than k, and a min_size beyond the number of copies.
  - No pool is ever removed. What cannot change (k and m) is refused.
  - The autoscaler is turned off for these pools, since their placement groups are declared.
requirements:
  - C(ceph) of release 18 or newer on the host that it runs on, with the keyring of client.admin, such as on a mon
options:
  pools:
    description: The pools.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      pg_num:
        description: Its placement groups, a power of two. The inventory works them out.
        type: int
        required: true
      size:
        description: How many copies there are. An erasure-coded pool has k + m.
        type: int
      min_size:
        description:
          - With fewer copies or parts at hand, I/O waits.
          - Where it is not said, one copy may be missing, and an erasure-coded pool has k + 1.
        type: int
      k:
        description: Parts with data of an erasure-coded pool. 0 makes it a replicated one.
        type: int
        default: 0
      m:
        description: Parts more of an erasure-coded pool, as many as may be lost.
        type: int
        default: 0
      application:
        description: What uses it, such as V(cephfs), V(rbd) or V(rgw).
        type: str
        required: true
  failure_domain:
    description: What may be lost at once, a type of bucket of the CRUSH map.
    type: str
    choices: [host, rack]
    default: host
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: The pools of the cluster file
  clusterwright.hpc.ceph_pool:
    pools: "{{ ceph_intent.pools }}"
    failure_domain: "{{ ceph_intent.failure_domain }}"
  run_once: true

- name: Images, in three copies, and an archive that survives the loss of two hosts
  clusterwright.hpc.ceph_pool:
    pools:
      - {name: images, pg_num: 64, size: 3, application: rbd}
      - {name: archive, pg_num: 32, k: 4, m: 2, application: cephfs}
"""

RETURN = r"""
before:
  description: What was seen of all that is declared.
  returned: success
  type: dict
  sample: {pool images: {applications: [rbd], min_size: 2, pg_autoscale_mode: "off", pg_num: 8, rule: clusterwright_host, size: 3}}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {pool images: {applications: [rbd], min_size: 2, pg_autoscale_mode: "off", pg_num: 16, rule: clusterwright_host, size: 2}}
diff:
  description: One entry for each item that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: pool images
      before: |
        size=3
        min_size=2
        pg_num=8
        pg_autoscale_mode=off
        applications=["rbd"]
        rule=clusterwright_host
      after_header: pool images
      after: |
        size=2
        min_size=2
        pg_num=16
        pg_autoscale_mode=off
        applications=["rbd"]
        rule=clusterwright_host
commands:
  description: The commands that were run or, in check mode, would be. On failure, those that had succeeded.
  returned: success, and when a command failed
  type: list
  elements: str
  sample:
    - ceph osd pool set images pg_num 16
    - ceph osd pool set images size 2
    - ceph osd pool set images min_size 2
impact:
  description: What the change disturbs, in words (C(text)) and as data.
  returned: success
  type: list
  elements: dict
  sample: [{kind: data_moves, name: images, text: "pool images: size 3 -> 2, pg_num 8 -> 16 moves its data between OSDs"}]
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
  sample: [ceph osd pool set images pg_num 8]
mismatch:
  description: What still differs after everything was applied.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [pool images]
mismatch_commands:
  description: The commands that another run would try.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [ceph osd pool set images min_size 2]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, pools
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {
    "pools": {
        "type": "list", "elements": "dict", "required": True,
        "options": {
            "name": {"type": "str", "required": True}, "pg_num": {"type": "int", "required": True}, "size": {"type": "int"},
            "min_size": {"type": "int"}, "k": {"type": "int", "default": 0}, "m": {"type": "int", "default": 0},
            "application": {"type": "str", "required": True},
        },
    },
    "failure_domain": {"type": "str", "choices": ["host", "rack"], "default": "host"},
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, domain = runner(module), module.params["failure_domain"]
    try:
        wanted = pools.declared(module.params["pools"], domain)
    except ClusterwrightError as error:
        fail(module, error)
    change.carry_out(module, run, lambda: pools.observe(run, wanted), lambda seen: pools.plan(wanted, domain, seen))


if __name__ == "__main__":
    main()
