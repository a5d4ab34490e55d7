#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for Ceph to be well."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_health
short_description: Waits for Ceph to be well
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Waits until the cluster has no health check that fails, but those that are accepted.
  - An error (C(HEALTH_ERR)) is never accepted. What is muted does not count.
  - In check mode it looks once and does not wait.
requirements:
  - C(ceph) of release 18 or newer on the host that it runs on, with the keyring of client.admin, such as on a mon
options:
  accept:
    description: Health warnings that this site lives with, such as V(MON_DISK_LOW).
    type: list
    elements: str
    default: []
  timeout:
    description: How long to wait, in seconds.
    type: int
    default: 300
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: Ceph is well before the next host goes
  clusterwright.hpc.ceph_health:
    accept: "{{ ceph_intent.accept }}"
  run_once: true
"""

RETURN = r"""
before:
  description: What was seen first, each check with its summary.
  returned: success
  type: dict
  sample: {health: {MON_DISK_LOW: "mons store1,store2,store3 are low on available space", status: HEALTH_WARN}}
after:
  description: What was seen last.
  returned: success
  type: dict
  sample: {health: {MON_DISK_LOW: "mons store1,store2,store3 are low on available space", status: HEALTH_WARN}}
diff:
  description: What has become of it meanwhile.
  returned: success
  type: list
  elements: dict
  sample: []
commands:
  description: It only looks, so it is empty.
  returned: success
  type: list
  elements: str
  sample: []
impact:
  description: It disturbs nothing, so it is empty.
  returned: success
  type: list
  elements: dict
  sample: []
verified:
  description: True when nothing is ill that is not accepted.
  returned: success
  type: bool
  sample: true
status:
  description: The word of the cluster.
  returned: when it is ill
  type: str
  sample: HEALTH_WARN
checks:
  description: All checks that fail, accepted ones too, with their summaries.
  returned: when it is ill
  type: dict
  sample: {MON_DISK_LOW: "mons store1,store2,store3 are low on available space"}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, health
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {"accept": {"type": "list", "elements": "str", "default": []}, "timeout": {"type": "int", "default": 300}}


def main() -> None:
    """Look until it is well."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run = runner(module)
    try:
        first, last = health.wait(run, module.params["accept"], 0 if module.check_mode else module.params["timeout"])
    except ClusterwrightError as error:
        fail(module, error)
    before, after = ({"health": {"status": look.status, **{name: text for name, (_severity, text) in look.checks.items()}}}
                     for look in (first, last))
    module.exit_json(changed=False, before=before, after=after, diff=change.diff(before, after), commands=[], impact=[], verified=True)


if __name__ == "__main__":
    main()
