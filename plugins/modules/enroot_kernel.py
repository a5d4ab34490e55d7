#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel in which Enroot's containers start."""

from __future__ import annotations

DOCUMENTATION = r"""
module: enroot_kernel
short_description: A kernel in which Enroot's containers start
version_added: 0.1.0
description:
  - Gives the running kernel its settings, and tries as an ordinary user whether a container's namespaces can be made.
  - Fails with one sentence that names what is missing, or which setting forbids it. Settings that it has made are put back then.
  - It writes no file; what holds after a boot stands in C(/etc/sysctl.d).
options:
  settings:
    description:
      - Kernel settings by name. One that this kernel does not have is left out.
      - A limit below C(user.max_) that is higher already stays.
    type: dict
    default: {}
  program:
    description: Path of Enroot's own C(enroot-check_*.run) on the node. What it says is read too.
    type: path
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
author:
  - The clusterwright developers (@clusterwright)
"""

EXAMPLES = r"""
- name: Users may make namespaces
  clusterwright.hpc.enroot_kernel:
    settings:
      user.max_user_namespaces: 65536
      user.max_mnt_namespaces: 65536
"""

RETURN = r"""
before:
  description: The settings as they were; null for those that this kernel does not have.
  returned: success
  type: dict
  sample: {user.max_user_namespaces: 0, kernel.unprivileged_userns_clone: null}
after:
  description: The settings as they were read back. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {user.max_user_namespaces: 65536, kernel.unprivileged_userns_clone: null}
diff:
  description: The settings, before and after.
  returned: success
  type: dict
  sample: {before: "user.max_user_namespaces = 0\n", after: "user.max_user_namespaces = 65536\n"}
commands:
  description: What a person would type for the same.
  returned: success
  type: list
  elements: str
  sample: [sysctl -w user.max_user_namespaces=65536]
impact:
  description: Always empty, for no container that runs is disturbed.
  returned: success
  type: list
  elements: dict
  sample: []
lacks:
  description: What this kernel lacks that only some uses of Enroot need.
  returned: success
  type: list
  elements: str
  sample: ["CONFIG_VSYSCALL_NATIVE (required if glibc <= 2.13)", "nvidia-container-cli (required for GPU support)"]
verified:
  description: Whether the settings were read back and an ordinary user got the namespaces. False in check mode where a setting changes.
  returned: success
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot import kernel


def main() -> None:
    """Observe, plan, apply, observe again, and judge."""
    module = AnsibleModule(
        argument_spec={"settings": {"type": "dict", "default": {}}, "program": {"type": "path"}}, supports_check_mode=True,
    )
    run = runner(module)
    try:
        settings = {key: _number(key, value) for key, value in module.params["settings"].items()}
        state = kernel.observe(run, settings)
        changes = kernel.plan(settings, state)
        before = {key: state.settings[key] for key in settings}
        if changes and not module.check_mode:
            kernel.apply(changes)
            state = kernel.observe(run, settings)
        lacks = state.lacks
        if not (changes and module.check_mode):
            _judge(state, changes)
            if module.params["program"] and not module.check_mode:
                missing, lacks = kernel.check(run, module.params["program"])
                if missing:
                    raise ClusterwrightError(f"enroot-check says that this kernel lacks {', '.join(missing)}: boot one that has it, or take"
                                             " the role enroot from this node", missing=missing)
    except ClusterwrightError as error:
        fail(module, error)
    after = {**before, **{change.key: change.after for change in changes}}
    module.exit_json(
        changed=bool(changes), before=before, after=after, commands=[*map(str, changes)], impact=[], lacks=lacks,
        verified=not (changes and module.check_mode),
        diff={"before": "".join(f"{change.key} = {change.before}\n" for change in changes),
              "after": "".join(f"{change.key} = {change.after}\n" for change in changes)},
    )


def _judge(state: kernel.State, changes: list) -> None:
    left = [change for change in changes if state.settings[change.key] != change.after]
    why = kernel.verdict(state, kernel.has_profile())
    if left:
        why = f"{left[0].key} was set to {left[0].after} and is {state.settings[left[0].key]}: find out what sets it back"
    if why:
        kernel.undo(changes)
        raise ClusterwrightError(why, missing=state.missing)


def _number(key: str, value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise ClusterwrightError(f"settings: {key}: {value} is no whole number") from None


if __name__ == "__main__":
    main()
