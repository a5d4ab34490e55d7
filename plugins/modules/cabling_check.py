#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what is plugged into one Ethernet switch with the cluster file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cabling_check
short_description: What is plugged into one Ethernet switch, compared with the cluster file
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares LLDP neighbours and the MAC table of a switch with the rows of C(cabling), and names crossed cables. It changes nothing.
  - A node is known by the name that it says in LLDP, with or without its domain, or by its MAC where the cluster file has that. LLDP goes
    before the MAC table.
  - A node that is not seen is a warning, since a node that is off, or says nothing, is not seen either. What is seen at the wrong port
    fails.
options:
  name:
    description: The switch's name, for the messages.
    type: str
    required: true
  platform:
    description: The platform.
    type: str
    required: true
    choices: [comware, cumulus_nvue, cumulus_ifupdown2, cumulus_nclu, onyx, eos, nxos, os10, sonic]
  cables:
    description: What shall be plugged in; what P(clusterwright.hpc.cables#lookup) returns.
    type: list
    elements: dict
    required: true
    suboptions:
      port:
        description: The port of the switch.
        type: str
        required: true
      node:
        description: The node, or the switch, at the other end.
        type: str
        required: true
      interface:
        description: Its interface or port.
        type: str
        required: true
      mac:
        description: The interface's MAC address, where it is known.
        type: str
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.switch
"""

EXAMPLES = r"""
- name: Every cable is where the cluster file says
  clusterwright.hpc.cabling_check:
    name: "{{ inventory_hostname }}"
    platform: "{{ switch_platform }}"
    cables: "{{ lookup('clusterwright.hpc.cables', inventory_hostname) }}"
    host: "{{ ansible_host }}"
    user: "{{ ansible_user }}"
    password: "{{ ansible_password }}"
"""

RETURN = r"""
findings:
  description: >-
    What differs. C(swapped) are two cables that are crossed, C(wrong) is a port where another node is, C(moved) a node at a port of no row,
    C(unknown) a node at a port of no row that is seen at its own as well, C(missing) a port that the switch lacks, C(unseen) a cable that
    nothing shows.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: swapped
      port: Ethernet2
      other_port: Ethernet5
      expected: cn002 eth0
      seen: cn005 eth0
      by: LLDP
      text: "cn002 and cn005 are swapped on leaf1: Ethernet2 has cn005 eth0, Ethernet5 has cn002 eth0"
checked:
  description: How many cables were compared, and how many of them are seen where they belong.
  returned: always
  type: dict
  sample: {cables: 8, right: 6}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import cabling, drivers, options
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session as sessions

CABLE = {
    "port": {"type": "str", "required": True},
    "node": {"type": "str", "required": True},
    "interface": {"type": "str", "required": True},
    "mac": {"type": "str"},
}
ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "platform": {"type": "str", "choices": list(drivers.PLATFORMS), "required": True},
    "cables": {"type": "list", "elements": "dict", "options": CABLE, "required": True},
    **options.CONNECTION,
}


def main() -> None:
    """Observe and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    name, driver = module.params["name"], drivers.driver(module.params["platform"])
    try:
        with options.session(name, driver, module.params) as session:
            state, _answers = sessions.observe(session)
            neighbours, macs = sessions.neighbours(session), sessions.macs(session)
        cables = cabling.on_platform(module.params["cables"], driver)
        result = cabling.verdict(name, cables, cabling.compare(name, cables, neighbours, macs, state), module.warn)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
