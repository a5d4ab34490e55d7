#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CephFS, its pools and its active MDS."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_fs
short_description: CephFS, its pools and its active MDS
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares all declared filesystems with those that there are, by two questions, makes new ones, adds pools of data, and sets how many
    MDS are active.
  - Never removes a filesystem, or a pool from one.
requirements:
  - C(ceph) of release 18 or newer on the host that it runs on, with the keyring of client.admin, such as on a mon
options:
  filesystems:
    description: The filesystems. Their pools must be there.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      metadata:
        description: Its pool of metadata.
        type: str
        required: true
      data:
        description: Its pools of data. The first one cannot change.
        type: list
        elements: str
        required: true
      max_mds:
        description: How many MDS are active. Others stand by.
        type: int
        default: 1
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: A filesystem for scratch data
  clusterwright.hpc.ceph_fs:
    filesystems:
      - {name: scratch, metadata: scratch_metadata, data: [scratch_data]}
"""

RETURN = r"""
before:
  description: What was seen of all that is declared.
  returned: success
  type: dict
  sample: {scratch: {data: [fs_data], max_mds: 1, metadata: fs_metadata}}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {scratch: {data: [fs_data, archive], max_mds: 2, metadata: fs_metadata}}
diff:
  description: One entry for each item that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: scratch
      before: |
        metadata=fs_metadata
        data=["fs_data"]
        max_mds=1
      after_header: scratch
      after: |
        metadata=fs_metadata
        data=["fs_data", "archive"]
        max_mds=2
commands:
  description: The commands that were run or, in check mode, would be. On failure, those that had succeeded.
  returned: success, and when a command failed
  type: list
  elements: str
  sample:
    - ceph fs add_data_pool scratch archive
    - ceph fs set scratch max_mds 2
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
  sample: [ceph fs rm_data_pool scratch archive]
mismatch:
  description: What still differs after everything was applied.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [filesystem scratch]
mismatch_commands:
  description: The commands that another run would try.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [ceph fs set scratch max_mds 2]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, declared
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {
    "filesystems": {
        "type": "list", "elements": "dict", "required": True,
        "options": {
            "name": {"type": "str", "required": True}, "metadata": {"type": "str", "required": True},
            "data": {"type": "list", "elements": "str", "required": True}, "max_mds": {"type": "int", "default": 1},
        },
    },
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run = runner(module)
    wanted = {entry["name"]: {key: entry[key] for key in ("metadata", "data", "max_mds")} for entry in module.params["filesystems"]}
    if len(wanted) < len(module.params["filesystems"]) or not all(entry["data"] for entry in wanted.values()):
        fail(module, ClusterwrightError("each filesystem is declared once, with at least one pool of data"))
    change.carry_out(module, run, lambda: declared.observe_fs(run, list(wanted)), lambda seen: declared.plan_fs(wanted, seen))


if __name__ == "__main__":
    main()
