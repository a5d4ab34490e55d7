#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the cluster's munge key, or makes a new one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: munge_key
short_description: The munge key of a cluster, from the node that keeps it
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads the key on the node that keeps it for the cluster. Where there is none yet, a new one is made of 128 bytes of the
    operating system's entropy.
  - The key is only returned. M(clusterwright.hpc.node_config) writes it, on this node and all others, so that there is one way to
    write a secret.
  - Use C(no_log) on the task, since the key is in the result.
options:
  path:
    description: The file of the key.
    type: path
    default: /etc/munge/munge.key
extends_documentation_fragment:
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Changes nothing at all, so check mode is no different.
    support: full
  diff_mode:
    description: A secret has no diff.
    support: none
  idempotent:
    description: Returns the same key as long as the file stays. Without a file, each call returns a new one.
    support: partial
"""

EXAMPLES = r"""
- name: The key that the first controller keeps
  clusterwright.hpc.munge_key:
  delegate_to: head1
  run_once: true
  no_log: true
  register: munge_cluster_key
"""

RETURN = r"""
key:
  description: The key, in base64.
  returned: success
  type: str
  sample: "(a secret)"
new:
  description: Whether the key was made now and is in no file yet.
  returned: success
  type: bool
  sample: false
"""

import base64

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.munge import key as munge_key


def main() -> None:
    """Read or make, and return."""
    spec = {"path": {"type": "path", "default": "/etc/munge/munge.key", "no_log": False}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        found = munge_key.read(module.params["path"])
    except ClusterwrightError as error:
        fail(module, error)
    key = found or munge_key.make()
    module.exit_json(changed=False, key=base64.b64encode(key).decode(), new=found is None)


if __name__ == "__main__":
    main()
