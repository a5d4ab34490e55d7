#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an NFS server export what is declared, without restarting it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nfs_exports
short_description: Exports of an NFS server, all in one call
version_added: 0.1.0
description:
  - Writes C(/etc/exports.d/clusterwright.exports), has it read by C(exportfs -r), and compares the kernel's table with it.
  - The server is not restarted, and clients that lose nothing notice nothing.
  - What stands in C(/etc/exports) and in other files of C(/etc/exports.d) is left alone. So is a line of our file that nobody declares any
    more; RV(impact) names it.
  - Directories are not made. One that is missing is an error, before anything is changed.
  - When C(exportfs) refuses the file, the former one is put back and read again.
requirements:
  - exportfs, of nfs-kernel-server or nfs-utils
options:
  exports:
    description: Exports that shall be there or not be there.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The directory.
        type: str
        required: true
      clients:
        description: Who may mount it.
        type: list
        elements: dict
        default: []
        suboptions:
          to:
            description: An address or a subnet, or what else exports(5) takes.
            type: str
            required: true
          options:
            description: Options as exports(5) has them.
            type: list
            elements: str
            default: [ro, sync, no_subtree_check, root_squash]
      state:
        description: V(absent) ends the export for all clients.
        type: str
        choices: [present, absent]
        default: present
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
author:
  - The clusterwright developers (@clusterwright)
"""

EXAMPLES = r"""
- name: Homes for the nodes, whose root is nobody there
  clusterwright.hpc.nfs_exports:
    exports:
      - path: /srv/home
        clients:
          - {to: 10.12.0.0/20, options: [rw, sync, no_subtree_check, root_squash]}
          - {to: 10.12.0.11, options: [rw, sync, no_subtree_check, no_root_squash]}

- name: An export that ends
  clusterwright.hpc.nfs_exports:
    exports:
      - {path: /srv/old, state: absent}
"""

RETURN = r"""
before:
  description: The clients by path, as our file had them.
  returned: success
  type: dict
  sample: {}
after:
  description: The clients by path as our file has them, or in check mode will.
  returned: success
  type: dict
  sample: {/srv/home: ["10.60.0.0/24(rw,sync,no_subtree_check,root_squash)"]}
diff:
  description: One entry if the file changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: /etc/exports.d/clusterwright.exports (absent)
      before: ""
      after_header: /etc/exports.d/clusterwright.exports (file 0644 root:root)
      after: |
        # Ansible managed: exports of the cluster file
        /srv/home 10.60.0.0/24(rw,sync,no_subtree_check,root_squash)
commands:
  description: The commands that were run or, in check mode, would be. C(write) stands for an atomic replacement.
  returned: always, unless the declaration itself was refused
  type: list
  elements: str
  sample: ["write /etc/exports.d/clusterwright.exports (0644 root:root)", exportfs -r]
impact:
  description: Who gains and who loses what, in words (RV(impact[].text)) and as data.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: One of C(export_begins), C(export_ends), C(client_loses), C(read_only), C(undeclared).
      type: str
      returned: always
    path:
      description: The directory.
      type: str
      returned: always
    text:
      description: The same in words.
      type: str
      returned: always
  sample:
    - {kind: export_begins, path: /srv/home, text: /srv/home is exported}
verified:
  description: True when the kernel's table was read back and is as declared. False in check mode and on failure.
  returned: always, unless the declaration itself was refused
  type: bool
  sample: true
restored_files:
  description: The file, if it was put back as it was.
  returned: when C(exportfs) refused it
  type: list
  elements: str
  sample: [/etc/exports.d/clusterwright.exports]
mismatch:
  description: What still differs after everything was applied.
  returned: when the kernel's table, read back, is not as declared
  type: list
  elements: str
  sample: [/srv/home of 10.60.0.0/24]
mismatch_commands:
  description: The commands that another run would try.
  returned: when the kernel's table, read back, is not as declared
  type: list
  elements: str
  sample: [exportfs -r]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems import exports as nfs
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files

ARGUMENT_SPEC = {
    "exports": {
        "type": "list", "elements": "dict", "required": True,
        "options": {
            "path": {"type": "str", "required": True},
            "clients": {
                "type": "list", "elements": "dict", "default": [],
                "options": {
                    "to": {"type": "str", "required": True},
                    "options": {"type": "list", "elements": "str", "default": ["ro", "sync", "no_subtree_check", "root_squash"]},
                },
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
    },
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, exports = runner(module), module.params["exports"]
    try:
        state = nfs.observe(run, exports)
        plan = nfs.plan(exports, state)
        commands = plan.commands
        if not module.check_mode:
            commands = nfs.apply(run, plan)
            nfs.compare(exports, nfs.observe(run, exports), commands)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=bool(commands),
        before=state.lines,
        after=plan.lines,
        diff=[files.diff(change) for change in plan.changes],
        commands=commands,
        impact=nfs.impact(state, plan, exports),
        verified=not module.check_mode,
    )


if __name__ == "__main__":
    main()
