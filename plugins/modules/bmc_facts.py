#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines are and how they fare, as their BMCs tell."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_facts
short_description: Firmware, serial numbers, sensors and events of one machine or hundreds, by their BMCs
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads from all O(bmcs) in one task. Nothing is put into C(ansible_facts), for one task reads many machines.
options:
  gather:
    description: What to read. V(fru) has the serial numbers and the UUID; V(sel) is the log of events.
    type: list
    elements: str
    choices: [firmware, fru, sensors, sel]
    default: [firmware, fru]
extends_documentation_fragment:
  - clusterwright.hpc.bmc
attributes:
  check_mode:
    description: Changes nothing at all, so check mode is no different.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Is any fan or power supply broken
  clusterwright.hpc.bmc_facts:
    bmcs: "{{ all_bmcs }}"
    username: admin
    password: "{{ bmc_password }}"
    gather: [sensors]
  delegate_to: localhost
  run_once: true
  register: health

- name: Name them
  ansible.builtin.debug:
    msg: "{{ item.key }}: {{ item.value.sensors | rejectattr('health', 'equalto', 'ok') | map(attribute='name') | join(', ') }}"
  loop: "{{ health.machines | dict2items }}"
  loop_control:
    label: "{{ item.key }}"
  run_once: true
"""

RETURN = r"""
machines:
  description: What each BMC told.
  returned: always
  type: dict
  contains:
    firmware:
      description: The BMC's own.
      returned: with V(firmware)
      type: dict
      sample: {version: "1.42", manufacturer_id: 41651, product_id: 4097}
    fru:
      description: What the machine is made of.
      returned: with V(fru)
      type: dict
      sample: {manufacturer: Simulated, product: Node 1U, serial: SFE0D0D76, board_serial: BSFE0D0D76, chassis_serial: CSFE0D0D76}
    uuid:
      description: The machine's UUID.
      returned: with V(fru)
      type: str
      sample: 42228209-1fb3-4d62-95b9-b0756f1c8303
    serial:
      description: The machine's serial number.
      returned: with V(fru)
      type: str
      sample: SFE0D0D76
    sensors:
      description: Each sensor. The value is null where it has none now; the health is V(ok), V(warning), V(critical) or V(failed).
      returned: with V(sensors)
      type: list
      elements: dict
      sample: [{name: Inlet Temp, value: 22.0, unit: "°C", health: ok, states: []}]
    sel:
      description: Each event, the oldest first. The time is the BMC's own.
      returned: with V(sel)
      type: list
      elements: dict
      sample: [{time: "2026-01-01T00:00:00", sensor: Sensor 32.0.0, text: Correctable error, severity: warning}]
failed_bmcs:
  description: The BMCs that did not tell, with a sentence and a verdict. M(clusterwright.hpc.bmc_power) lists the verdicts.
  returned: always
  type: dict
  sample: {node003: {verdict: wrong password, text: does not take this password}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import fleet, options
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import bad, sentence
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail

GATHER = ["firmware", "fru", "sensors", "sel"]
ARGUMENT_SPEC = {
    "gather": {"type": "list", "elements": "str", "choices": GATHER, "default": ["firmware", "fru"]},
    **options.CONNECTION,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe."""
    params = module.params
    gather = params["gather"]
    outcomes = fleet.call(options.targets(params), lambda driver, _target, _report: driver.facts(gather), params["timeout"],
                          params["side_by_side"])
    result = {"changed": False, "machines": {name: outcome.value for name, outcome in outcomes.items() if outcome.ok},
              "failed_bmcs": bad(outcomes)}
    if result["failed_bmcs"]:
        raise ClusterwrightError(sentence("did not tell what they know", outcomes), **result)
    return result


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
