# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and notes of modules that speak to BMCs, as a documentation fragment."""

from __future__ import annotations


class ModuleDocFragment:
    """Which BMCs, and how they are reached. One task serves all of them."""

    DOCUMENTATION = r"""
options:
  bmcs:
    description: The BMCs, one or a whole fleet. No name and no address may stand here twice.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The node's name. Results and errors are named by it.
        type: str
        required: true
      address:
        description: Where its BMC is reached.
        type: str
        required: true
      protocol:
        description: How it is spoken to. V(ipmi) is IPMI 2.0 over the LAN with cipher suite 17 or 3; V(redfish) is over HTTPS.
        type: str
        choices: [ipmi, redfish]
        default: ipmi
      port:
        description: The port, where it is not 623 (V(ipmi)) or 443 (V(redfish)).
        type: int
      username:
        description: The user on this BMC, where it is not O(username).
        type: str
      password:
        description: That user's password, where it is not O(password).
        type: str
      uuid:
        description: The UUID of the machine, as the system itself sees it (C(/sys/class/dmi/id/product_uuid)).
        type: str
      serial:
        description: The serial number of the machine, as its label says.
        type: str
      mac:
        description: A MAC address of the machine. Only BMCs that speak Redfish tell it.
        type: str
      bmc_mac:
        description: The MAC address of the BMC.
        type: str
  username:
    description: The user on the BMCs.
    type: str
  password:
    description: That user's password, from Ansible Vault or a lookup.
    type: str
  validate_certs:
    description: Whether the certificate of a BMC that speaks Redfish has to be good. Most BMCs come with one that they made themselves.
    type: bool
    default: true
  timeout:
    description: How long one BMC may take to log in and answer, in seconds. It holds up no other one.
    type: float
    default: 15.0
  side_by_side:
    description: How many BMCs are spoken to at once, each in a process of its own.
    type: int
    default: 64
requirements:
  - pyghmi, for BMCs that are spoken to by V(ipmi)
  - sushy, for BMCs that are spoken to by V(redfish)
notes:
  - Runs where the BMCs can be reached, as a rule on the control machine (C(connection) V(local), or C(delegate_to) V(localhost)).
  - Passwords are in no output and in no error.
"""
