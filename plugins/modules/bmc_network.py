#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets the BMCs' own network settings."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_network
short_description: The network settings of one BMC or hundreds
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Sets address, netmask, gateway and VLAN of all O(bmcs) in one task, and reads them back at the address that they then have. What is
    not given stays as it is.
  - A wrong VLAN or gateway makes a BMC unreachable, and only the machine's own console brings it back. Try one before all.
options:
  source:
    description: Where a BMC has its address from.
    type: str
    choices: [static, dhcp]
  addresses:
    description: New addresses, by the nodes' names. A BMC that is not in it keeps its address.
    type: dict
    default: {}
  netmask:
    description: The netmask of all, such as V(255.255.240.0).
    type: str
  gateway:
    description: The gateway of all.
    type: str
  vlan:
    description: The VLAN tag of all; V(0) is none.
    type: int
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.bmc
"""

EXAMPLES = r"""
- name: From DHCP's addresses to those of the cluster file
  clusterwright.hpc.bmc_network:
    bmcs:
      - {name: node001, address: 10.11.200.17}
    username: admin
    password: "{{ bmc_password }}"
    source: static
    addresses: {node001: 10.11.1.1}
    netmask: 255.255.240.0
    gateway: 10.11.0.1
  delegate_to: localhost
"""

RETURN = r"""
before:
  description: The setting of those that change, as it was.
  returned: always
  type: dict
  sample: {node001: {address: 10.11.1.1, netmask: 255.255.0.0, gateway: 0.0.0.0, source: static, vlan: 0, mac: "02:01:05:54:47:33"}}
after:
  description: The same, read back after the change. In check mode, what is predicted.
  returned: always
  type: dict
  sample: {node001: {address: 10.11.1.1, netmask: 255.255.240.0, gateway: 10.11.0.1, source: static, vlan: 0, mac: "02:01:05:54:47:33"}}
commands:
  description: What the BMCs were told or, in check mode, would be, in words.
  returned: always
  type: list
  elements: str
  sample: ["node001: netmask 255.255.240.0", "node001: gateway 10.11.0.1"]
impact:
  description: What is disturbed, as data and in words.
  returned: always
  type: list
  elements: dict
  sample: [{kind: bmc_moves, nodes: [node001], address: 10.11.1.1, vlan: 0, text: the BMC of node001 is then to be reached at 10.11.1.1}]
diff:
  description: Before and after, a line a node.
  returned: always
  type: dict
  sample:
    before_header: network settings
    before: "node001: address 10.11.1.1, netmask 255.255.0.0, gateway 0.0.0.0, source static, vlan 0, mac 02:01:05:54:47:33\n"
    after_header: network settings
    after: "node001: address 10.11.1.1, netmask 255.255.240.0, gateway 10.11.0.1, source static, vlan 0, mac 02:01:05:54:47:33\n"
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

import ipaddress
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import change, options, settings
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail

ARGUMENT_SPEC = {
    "source": {"type": "str", "choices": ["static", "dhcp"]},
    "addresses": {"type": "dict", "default": {}},
    "netmask": {"type": "str"},
    "gateway": {"type": "str"},
    "vlan": {"type": "int"},
    **options.CONNECTION,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """The same for all but the addresses."""
    params = module.params
    given = [value for value in (params["netmask"], params["gateway"], *params["addresses"].values()) if value is not None]
    for value in given:
        try:
            ipaddress.IPv4Address(value)
        except ValueError:
            raise ClusterwrightError(f"'{value}' is no IPv4 address such as 10.11.1.1: nothing was changed") from None
    if len(set(params["addresses"].values())) < len(params["addresses"]):
        raise ClusterwrightError("addresses has an address twice: nothing was changed")
    strangers = sorted(set(params["addresses"]) - {bmc["name"] for bmc in params["bmcs"]})
    if strangers:
        raise ClusterwrightError(f"addresses names {', '.join(strangers)}, which bmcs does not: nothing was changed")
    if params["vlan"] is not None and not 0 <= params["vlan"] < 4095:
        raise ClusterwrightError(f"vlan {params['vlan']} is none from 1 to 4094, nor 0 for no tag: nothing was changed")
    wanted = settings.WantedNetwork(params["source"], params["addresses"], params["netmask"], params["gateway"], params["vlan"])
    return change.run(module, settings.BmcNetwork(wanted))


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
