#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what is plugged into the Ethernet switches with the cluster file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cabling_check
short_description: What is plugged into the Ethernet switches, compared with the cluster file
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares LLDP neighbours and MAC tables, which M(clusterwright.hpc.switch_facts) has read, with the rows of C(cabling), and names
    crossed cables, also those that are crossed between two switches. It logs in nowhere and changes nothing.
  - A node is known by the name that it says in LLDP, with or without its domain, or by its MAC where the cluster file has that. LLDP goes
    before the MAC table.
  - A node that is not seen is a warning, since a node that is off, or says nothing, is not seen either. What is seen at the wrong port
    fails.
options:
  cables:
    description:
      - What shall be plugged in, the lists that P(clusterwright.hpc.cables#lookup) returns joined. Cables of all switches, also of those
        that have no O(facts), so that a node which is at the wrong switch is known.
    type: list
    elements: dict
    required: true
    suboptions:
      switch:
        description: The switch.
        type: str
        required: true
      port:
        description: Its port.
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
  facts:
    description: What M(clusterwright.hpc.switch_facts) returned with V(ports), V(neighbours) and V(macs), by the names of the switches.
    type: dict
    required: true
extends_documentation_fragment:
  - clusterwright.hpc.attributes
"""

EXAMPLES = r"""
- name: What the switches see
  clusterwright.hpc.switch_facts:
    platform: "{{ switch_platform }}"
    gather: [ports, neighbours, macs]
    host: "{{ ansible_host }}"
    user: "{{ ansible_user }}"
    password: "{{ ansible_password }}"
  register: seen

- name: Every cable is where the cluster file says
  clusterwright.hpc.cabling_check:
    cables: "{{ lookup('clusterwright.hpc.cables', *groups['switches'], wantlist=true) | flatten }}"
    facts: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'seen'))) }}"
  run_once: true
"""

RETURN = r"""
findings:
  description: >-
    What differs. C(swapped) are two cables that are crossed, on one switch or between two, C(wrong) is a port where another node is,
    C(moved) a node at a port of no row, C(unknown) a node at a port of no row that is seen at its own as well, C(missing) a port that the
    switch lacks, C(unseen) a cable that nothing shows.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: swapped
      switch: leaf1
      port: Ethernet2
      other_switch: leaf2
      other_port: Ethernet5
      expected: cn002 eth0
      seen: cn017 eth0
      by: LLDP
      text: "cn002 (leaf1 Ethernet2) and cn017 (leaf2 Ethernet5) are swapped: each is at the other's port"
checked:
  description: How many switches were looked at, how many cables they have, and how many of those are seen where they belong.
  returned: always
  type: dict
  sample: {switches: 2, cables: 8, right: 6}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import cabling

CABLE = {
    "switch": {"type": "str", "required": True},
    "port": {"type": "str", "required": True},
    "node": {"type": "str", "required": True},
    "interface": {"type": "str", "required": True},
    "mac": {"type": "str"},
}
ARGUMENT_SPEC = {
    "cables": {"type": "list", "elements": "dict", "options": CABLE, "required": True},
    "facts": {"type": "dict", "required": True},
}


def main() -> None:
    """Compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    facts = module.params["facts"]
    try:
        views = cabling.views_of(facts)
        result = cabling.verdict(cabling.on_platform(module.params["cables"], facts), views, module.warn)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
