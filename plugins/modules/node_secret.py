#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a random secret from the node that keeps it, or makes it there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_secret
short_description: A random secret that one node keeps for the cluster
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads a secret file on the node that keeps it, such as the key of munge. Where there is none, one is made there of the operating
    system's entropy, once, and readable by root alone.
  - M(clusterwright.hpc.node_config) brings it to the nodes that need it, with the owner and mode that its daemon demands.
  - Use C(no_log) on the task, since the secret is in the result.
options:
  path:
    description: The file. Its directory is made when it is missing, for root alone.
    type: path
    required: true
  bytes:
    description: How long a new secret is, from 32 to 1024. An existing one is taken as it is, within the same limits.
    type: int
    default: 128
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  diff_mode:
    description: A secret has no diff.
    support: none
"""

EXAMPLES = r"""
- name: The key of munge, which the first controller keeps
  clusterwright.hpc.node_secret:
    path: /etc/munge/munge.key
  delegate_to: head1
  run_once: true
  no_log: true
  register: munge_kept
"""

RETURN = r"""
secret:
  description: The secret, in base64. In check mode that of a file which does not exist yet is made up, and kept nowhere.
  returned: success
  type: str
  sample: "(a secret)"
before:
  description: Whether the file was there.
  returned: success
  type: dict
  sample: {/etc/munge/munge.key: {state: absent}}
after:
  description: That it is there now or, in check mode, will be.
  returned: success
  type: dict
  sample: {/etc/munge/munge.key: {state: file}}
commands:
  description: What was done or, in check mode, would be. C(write) stands for a write that replaces nothing.
  returned: success
  type: list
  elements: str
  sample: ["write /etc/munge/munge.key (0400 root:root)"]
impact:
  description: Nothing is disturbed, so it is empty.
  returned: success
  type: list
  elements: dict
  sample: []
verified:
  description: Whether the secret was read from the file. False in check mode for one that does not exist yet.
  returned: success
  type: bool
  sample: true
"""

import base64

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import secret as node_secret


def main() -> None:
    """Read, or make and keep, and return."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "bytes": {"type": "int", "default": 128},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    try:
        found = node_secret.read(path)
        secret = found or node_secret.make(module.params["bytes"])
        if not found and not module.check_mode:
            secret = node_secret.keep(path, secret)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=not found,
        secret=base64.b64encode(secret).decode(),
        before={path: {"state": "file" if found else "absent"}},
        after={path: {"state": "file"}},
        commands=[] if found else [f"write {path} (0400 root:root)"],
        impact=[],
        verified=bool(found) or not module.check_mode,
    )


if __name__ == "__main__":
    main()
