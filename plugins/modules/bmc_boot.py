#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets from where machines start next, by their BMCs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_boot
short_description: From where one machine or hundreds start next, by their BMCs
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Sets the boot device of all O(bmcs) in one task, and reads it back. Nothing is restarted; M(clusterwright.hpc.bmc_power) does that.
  - An override for one boot is used up by that boot, so a task that asks for it again afterwards sets it again.
options:
  device:
    description: From where. V(none) takes an override back, so that the machine starts as its firmware is set.
    type: str
    choices: [none, pxe, disk, bios, cdrom]
    required: true
  once:
    description: Only the next time. Otherwise each time, which not every firmware keeps to.
    type: bool
    default: true
  uefi:
    description: By UEFI. A machine whose firmware is set to legacy boot needs V(false).
    type: bool
    default: true
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.bmc
"""

EXAMPLES = r"""
- name: The next start is from the network
  clusterwright.hpc.bmc_boot:
    bmcs:
      - {name: node001, address: 10.11.1.1}
      - {name: node002, address: 10.11.1.2}
    username: admin
    password: "{{ bmc_password }}"
    device: pxe
  delegate_to: localhost
"""

RETURN = r"""
before:
  description: The setting of those that change, as it was.
  returned: always
  type: dict
  sample: {node001: {device: none, once: true, uefi: false}}
after:
  description: The same, read back after the change. In check mode, what is predicted.
  returned: always
  type: dict
  sample: {node001: {device: pxe, once: true, uefi: true}}
commands:
  description: What the BMCs were told or, in check mode, would be, in words.
  returned: always
  type: list
  elements: str
  sample: ["node001: boot from pxe once by UEFI"]
impact:
  description: What is disturbed, as data and in words.
  returned: always
  type: list
  elements: dict
  sample: [{kind: next_boot, nodes: [node001], text: the next start of node001 is from pxe once by UEFI}]
diff:
  description: Before and after, a line a node.
  returned: always
  type: dict
  sample:
    before_header: boot device
    before: "node001: device none, once True, uefi False\n"
    after_header: boot device
    after: "node001: device pxe, once True, uefi True\n"
failed_bmcs:
  description: The BMCs that did not do it, with a sentence and a verdict. M(clusterwright.hpc.bmc_power) lists the verdicts.
  returned: always
  type: dict
  sample: {node003: {verdict: wrong password, text: does not take this password}}
verified:
  description: Whether all were read back as asked. False in check mode where something would change.
  returned: always
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import change, options, settings
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail

ARGUMENT_SPEC = {
    "device": {"type": "str", "choices": ["none", "pxe", "disk", "bios", "cdrom"], "required": True},
    "once": {"type": "bool", "default": True},
    "uefi": {"type": "bool", "default": True},
    **options.CONNECTION,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The same device for all."""
    params = module.params
    return change.run(module, settings.BootDevice(params["device"], params["once"], params["uefi"]))


def main() -> None:
    """One exit."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        result = run(module)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
