#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an InfiniBand fabric consists of, and how its links are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ib_fabric_facts
short_description: Nodes, ports, links, error counters and subnet managers of an InfiniBand fabric
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Walks over a whole fabric from one host with a port on it, in one program, and returns what it has seen. It changes nothing.
  - It asks along direct routes, so the fabric is seen also while no subnet manager works. Only the counters are asked for by LID.
  - Ports that are down are left out.
requirements:
  - libibmad and libibumad (they come with infiniband-diags)
  - root
options:
  fabric:
    description: Whether it walks over the fabric. Without that, only RV(adapters) comes back, and no root and no library is needed.
    type: bool
    default: true
  counters:
    description: Whether error counters are read, one question a port more.
    type: bool
    default: true
  interval:
    description:
      - Seconds after which the counters are read again. What has grown meanwhile is in C(grown) of each port.
      - Counters stop at their highest value, and nobody knows since when they count; what grows is what is wrong now.
    type: int
    default: 0
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: The same, for nothing is changed.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
"""

EXAMPLES = r"""
- name: Which links have errors now
  clusterwright.hpc.ib_fabric_facts:
    interval: 10
  register: fabric

- name: What firmware all hosts have
  clusterwright.hpc.ib_fabric_facts:
    fabric: false
  register: hcas

- name: Show them
  ansible.builtin.debug:
    msg: "{{ fabric.ports | selectattr('grown', 'defined') | selectattr('grown') }}"
"""

RETURN = r"""
nodes:
  description: HCAs, switches and routers - GUID, name (what it calls itself), kind (V(ca), V(switch) or V(router)), number of ports, vendor
    and device number, and how many P_Keys a port's table holds.
  returned: success
  type: list
  elements: dict
  sample:
    - {guid: "0x0002c9030000000c", name: host3, kind: ca, ports: 1, vendor: "0x0002c9", device: "0x1003", pkeys: 64}
ports:
  description:
    - Ports that are not down. Those of a switch all have the GUID of its port 0, and only that one has a LID.
    - A port with a link has its width and speed, which ones are possible and enabled on it, the MTU in bytes, error counters
      that are not 0, what has grown, and who is at the other end. FDR10 is told from QDR where an HCA or switch is Mellanox's.
  returned: success
  type: list
  elements: dict
  sample:
    - node: "0xfd00000000000000"
      name: leaf0
      port: 2
      guid: "0xfd00000000000000"
      lid: 0
      state: active
      width: 1x
      possible_width: 12x
      enabled_width: 1x
      speed: FDR
      possible_speed: HDR
      enabled_speed: FDR
      mtu: 2048
      errors: {symbol_error: 200}
      grown: {}
      peer: {node: "0x0002c9030000000a", name: host1, port: 1}
managers:
  description: Subnet managers, with the GUID of their port, priority, state, and a number that grows while they live.
  returned: success
  type: list
  elements: dict
  sample: [{name: host0, guid: "0x0002c90300000001", priority: 0, state: master, activity: 142}]
silent:
  description: Ports whose link is up and behind which nobody answers.
  returned: success
  type: list
  elements: dict
  sample: []
asked:
  description: How many questions the fabric was asked.
  returned: success
  type: int
  sample: 36
adapters:
  description: The HCAs of this host alone, with firmware and PSID, from /sys/class/infiniband. What other hosts have is not asked for over
    the fabric, because each maker has questions of its own for it; run this module on them.
  returned: when the kernel of this host shows an HCA, and without O(fabric)
  type: list
  elements: dict
  sample: [{name: mlx5_0, guid: "0xb8599f0300a10012", link: InfiniBand, firmware: 20.31.1014, psid: MT_0000000223,
            type: MT4123}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import topology


def main() -> None:
    """Observe."""
    spec = {
        "fabric": {"type": "bool", "default": True},
        "counters": {"type": "bool", "default": True},
        "interval": {"type": "int", "default": 0},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    interval = module.params["interval"]
    if interval < 0 or (interval and not module.params["counters"]):
        module.fail_json(msg=f"interval: {interval} is no time between two readings: give seconds, and leave counters on.")
    here = topology.adapters()
    if not module.params["fabric"]:
        module.exit_json(changed=False, adapters=here)
    try:
        seen = topology.look(runner(module), counters=module.params["counters"], interval=interval)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(changed=False, **topology.facts(seen), **({"adapters": here} if here else {}))


if __name__ == "__main__":
    main()
