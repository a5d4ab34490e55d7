#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts what is declared on a node, and believes the kernel that it is mounted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_mounts
short_description: Filesystems that a node mounts, all in one call
version_added: 0.1.0
description:
  - Writes units of systemd, starts them, and reads back from the kernel (C(findmnt)) what is mounted.
  - What is mounted is never mounted anew. Where a path has something else mounted already, the module fails before anything is changed.
    Options that a mounted filesystem gets only with its next mount are named in RV(impact) and RV(pending).
  - Only O(mounts[].state=absent) unmounts, only a mount that the module made, and neither while a job of Slurm runs on the node nor while
    somebody uses it.
requirements:
  - systemd
  - findmnt, of util-linux
options:
  packages:
    description: Packages that the filesystems need, installed before.
    type: list
    elements: str
    default: []
  mounts:
    description: Mounts that shall be there or not be there.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The mount point. It is made where it is not there.
        type: path
        required: true
      source:
        description: What is mounted, as mount(8) takes it.
        type: str
        required: true
      type:
        description: Type of filesystem.
        type: str
        default: nfs
      options:
        description: Options of mount(8).
        type: list
        elements: str
        default: []
      automount:
        description: Mount when somebody first looks there, and not at boot.
        type: bool
        default: false
      state:
        description: V(absent) unmounts it and removes its units.
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
- name: Homes from a filer
  clusterwright.hpc.node_mounts:
    packages: [nfs-common]
    mounts:
      - {path: /home, source: "10.12.0.9:/vol/home", options: [vers=4.2, hard, nconnect=4, _netdev]}

- name: Scratch on Lustre
  clusterwright.hpc.node_mounts:
    mounts:
      - {path: /scratch, source: "10.12.0.1@tcp:/scratch", type: lustre, options: [flock, _netdev]}
"""

RETURN = r"""
before:
  description: What was mounted, by path; null where nothing was, C(automount) where one waits.
  returned: success
  type: dict
  sample: {/home: null}
after:
  description: What the kernel says after the change. In check mode, what is predicted, with the options as declared.
  returned: success
  type: dict
  sample:
    /home:
      source: 10.60.0.11:/srv/home
      type: nfs
      options: rw,relatime,vers=4.2,hard,proto=tcp,nconnect=4,sec=sys,clientaddr=10.60.0.21,addr=10.60.0.11
diff:
  description: One entry for each unit that changes, and one for what is mounted.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: services
      before: |
        home.mount: enabled=not-found active=inactive
      after_header: services
      after: |
        home.mount: enabled=enabled active=active
commands:
  description: The commands that were run or, in check mode, would be. C(write) stands for an atomic replacement.
  returned: always, unless the declaration itself was refused
  type: list
  elements: str
  sample:
    - "write /etc/systemd/system/home.mount (0644 root:root)"
    - systemctl daemon-reload
    - systemctl start home.mount
    - systemctl enable home.mount
pending:
  description: By path, the declared options that hold only after the next mount.
  returned: success
  type: dict
  sample: {/home: [nconnect=8]}
impact:
  description: What the change disturbs, in words (RV(impact[].text)) and as data.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: One of C(mounts), C(hides), C(unmounts), C(remount_pending).
      type: str
      returned: always
    path:
      description: The mount point.
      type: str
      returned: always
    text:
      description: The same in words.
      type: str
      returned: always
  sample:
    - {kind: mounts, path: /home, text: "10.60.0.11:/srv/home is mounted at /home"}
verified:
  description: True when it was read back from the kernel. False in check mode and on failure.
  returned: always, unless the declaration itself was refused
  type: bool
  sample: true
conflicts:
  description: What stands in the way.
  returned: when something else is mounted, or a job runs where a mount shall end
  type: list
  elements: str
  sample: ["/home shall be unmounted, and a job runs on this node: drain it, and run again when it is idle"]
restored_files:
  description: Units that were put back as they were.
  returned: when a step failed
  type: list
  elements: str
  sample: [/etc/systemd/system/home.mount]
rollback_commands:
  description: The commands that undo what stays done after a failure, in this order.
  returned: when a step failed
  type: list
  elements: str
  sample: [systemctl stop home.mount]
journal:
  description: The end of the journal of a mount that failed.
  returned: when a mount failed
  type: list
  elements: str
  sample: ["mount.nfs: access denied by server while mounting 10.60.0.11:/srv/home"]
mismatch:
  description: What still differs after everything was applied.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [nothing is mounted at /home]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems import mounts as units
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import report
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import state as node

ARGUMENT_SPEC = {
    "packages": {"type": "list", "elements": "str", "default": []},
    "mounts": {
        "type": "list", "elements": "dict", "required": True,
        "options": {
            "path": {"type": "path", "required": True},
            "source": {"type": "str", "required": True},
            "type": {"type": "str", "default": "nfs"},
            "options": {"type": "list", "elements": "str", "default": []},
            "automount": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
    },
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, mounts = runner(module), module.params["mounts"]
    try:
        units.once(mounts)
        before = units.observe(run, mounts)
        units.refuse(mounts, before)
        ends = units.endings(mounts, before)
        intent = units.node_intent(module.params["packages"], [mount for mount in mounts if mount["state"] == "present"])
        state = node.observe(run, intent)
        plan = node.plan(intent, state)
        shown, predicted = report.view(intent, state), report.predict(intent, state, plan)
        commands = [*(str(command) for _path, parts in ends for command in parts), *plan.commands]
        after = before
        if not module.check_mode:
            commands = units.end(run, ends)
            done, plan = node.apply(run, intent, state, plan)
            commands += done
            after = units.observe(run, mounts)
            units.compare(mounts, after, commands)
            node.compare(intent, node.observe(run, intent), commands)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=bool(commands),
        before=units.view(mounts, before),
        after=units.predict(mounts, before) if module.check_mode else units.view(mounts, after),
        diff=[*report.diff(plan, shown, predicted), *units.diff(ends)],
        commands=commands,
        pending=units.pending(mounts, after),
        impact=units.impact(mounts, before),
        verified=not module.check_mode,
    )


if __name__ == "__main__":
    main()
