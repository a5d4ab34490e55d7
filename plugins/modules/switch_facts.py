#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Ethernet switch is, carries and sees, in one form for all platforms."""

from __future__ import annotations

DOCUMENTATION = r"""
module: switch_facts
short_description: Model, version, VLANs, ports, LLDP neighbours and MAC table of one Ethernet switch
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads a switch in one session, and returns what it says in the same form for all platforms. It changes nothing.
options:
  platform:
    description: The platform.
    type: str
    required: true
    choices: [comware, cumulus_nvue, cumulus_ifupdown2, cumulus_nclu, onyx, eos, nxos, os10, sonic]
  gather:
    description: What to read.
    type: list
    elements: str
    choices: [about, ports, neighbours, macs]
    default: [about, ports, neighbours, macs]
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.switch
"""

EXAMPLES = r"""
- name: Who is at the ports
  clusterwright.hpc.switch_facts:
    platform: "{{ switch_platform }}"
    gather: [neighbours, macs]
    host: "{{ ansible_host }}"
    user: "{{ ansible_user }}"
    password: "{{ ansible_password }}"
"""

RETURN = r"""
platform:
  description: The platform, as it was said.
  returned: always
  type: str
  sample: eos
about:
  description: Model, version and serial number.
  returned: with V(about) in O(gather)
  type: dict
  sample: {model: DCS-7050SX3-48YC8, version: 4.30.4M, serial: SSJ17140001}
vlans:
  description: The VLANs.
  returned: with V(ports) in O(gather)
  type: list
  elements: dict
  sample: [{id: 1, name: default}, {id: 10, name: admin}]
ports:
  description: Ports and LAGs. C(mode) is V(access), V(trunk) or V(other); C(tagged) is folded; C(lag) is the LAG that it is a member of.
  returned: with V(ports) in O(gather)
  type: list
  elements: dict
  sample:
    - {name: Ethernet1, mode: trunk, untagged: 10, tagged: "301", mtu: null, description: cn1 eth0, lag: null}
neighbours:
  description: What LLDP has heard. C(remote_id) is the other end's port or chassis, where that is a MAC.
  returned: with V(neighbours) in O(gather)
  type: list
  elements: dict
  sample: [{port: Ethernet1, system: cn1, remote_port: eth0, remote_id: "00:00:5e:00:53:01"}]
macs:
  description: The MAC table, of ports and LAGs.
  returned: with V(macs) in O(gather)
  type: list
  elements: dict
  sample: [{mac: "02:00:00:00:00:01", vlan: 10, port: Ethernet1}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import drivers, options
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import plan as planning
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session as sessions

WHAT = ["about", "ports", "neighbours", "macs"]
ARGUMENT_SPEC = {
    "platform": {"type": "str", "choices": list(drivers.PLATFORMS), "required": True},
    "gather": {"type": "list", "elements": "str", "choices": WHAT, "default": WHAT},
    **options.CONNECTION,
}


SPEC: dict[str, Any] = {"argument_spec": ARGUMENT_SPEC, "required_together": [("host", "user")], "supports_check_mode": True}


def work(module: AnsibleModule) -> dict[str, Any]:
    """Ask, and understand."""
    driver = drivers.driver(module.params["platform"])
    result: dict[str, Any] = {"changed": False, "platform": driver.platform}
    with options.session(module.params["host"] or "the switch", driver, module.params) as session:
        for what in module.params["gather"]:
            if what == "ports":
                result.update(planning.as_data(sessions.observe(session)[0]))
            elif what == "about":
                result["about"] = sessions.about(session)._asdict()
            else:
                entries = sessions.neighbours(session) if what == "neighbours" else sessions.macs(session)
                result[what] = [entry._asdict() for entry in entries]
    return result


def main() -> None:
    """The module as a process of its own; plugins/action/switch_facts.py does without one."""
    module = AnsibleModule(**SPEC)
    try:
        result = work(module)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
