#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and switches outlets for what has no BMC."""

from __future__ import annotations

DOCUMENTATION = r"""
module: power_outlet
short_description: Outlets that are switched over the network, for what has no BMC
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads or switches outlets of a socket with Tasmota, of a PDU by SNMP, or of one by its web pages, and reads back what came of it. So a
    switch without a management controller can be power-cycled.
  - Outlets are switched one after the other, in the order in which they stand here. The first that fails ends it.
options:
  outlets:
    description: The outlets.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What hangs on it. Results and errors are named by it.
        type: str
        required: true
      driver:
        description: V(tasmota) over HTTP, V(snmp) version 2c, V(http) by the PDU's own pages.
        type: str
        choices: [tasmota, http, snmp]
        required: true
      address:
        description: Where it is reached.
        type: str
        required: true
      port:
        description: The port, where it is not 80 or 161.
        type: int
      number:
        description: Which outlet of it, counted from 1.
        type: int
        default: 1
      username:
        description: The user, with V(http) and V(tasmota), where one is needed.
        type: str
      password:
        description: That user's password.
        type: str
      on_url:
        description: With V(http), what is called to switch on. C({number}) in it is the outlet's number. A path, or a whole URL.
        type: str
      off_url:
        description: The same, to switch off.
        type: str
      status_url:
        description: The same, to read.
        type: str
      on_pattern:
        description: With V(http), the regular expression that the status matches when the outlet is on.
        type: str
      community:
        description: With V(snmp), the community that may write.
        type: str
      oid:
        description: With V(snmp), the column of the table; the outlet's number is added. The default is that of APC's PDUs.
        type: str
        default: 1.3.6.1.4.1.318.1.1.12.3.3.1.1.4
      on_value:
        description: With V(snmp), the value that is on.
        type: int
        default: 1
      off_value:
        description: With V(snmp), the value that is off.
        type: int
        default: 2
  state:
    description: V(status) only reads. V(cycle) switches off, waits O(rest), and switches on. Each run does it again.
    type: str
    choices: [status, "on", "off", cycle]
    default: status
  rest:
    description: Seconds without power in a V(cycle).
    type: float
    default: 10.0
  wait:
    description: Seconds until an outlet has to be as asked.
    type: float
    default: 10.0
  timeout:
    description: Seconds for each answer.
    type: float
    default: 5.0
extends_documentation_fragment:
  - clusterwright.hpc.attributes
attributes:
  check_mode:
    description: Reads the outlets and predicts.
  idempotent:
    description: V(cycle) does it each time.
    support: partial
notes:
  - Runs where the outlets can be reached, as a rule on the control machine.
  - Passwords and communities are in no output and in no error. Over HTTP and SNMP v2c they can be read on the wire.
"""

EXAMPLES = r"""
- name: The InfiniBand switch has no power button
  clusterwright.hpc.power_outlet:
    outlets:
      - {name: ib-switch, driver: tasmota, address: 192.168.10.60}
    state: cycle
  delegate_to: localhost

- name: What a PDU says of its third outlet
  clusterwright.hpc.power_outlet:
    outlets:
      - {name: leaf1, driver: snmp, address: 10.11.0.5, number: 3, community: "{{ pdu_community }}"}
  delegate_to: localhost
"""

RETURN = r"""
power:
  description: V(on) or V(off) for each outlet, as read at the end.
  returned: when all of them answer
  type: dict
  sample: {ib-switch: "on"}
before:
  description: The outlets that change, as they were.
  returned: when all of them answer
  type: dict
  sample: {ib-switch: "on"}
after:
  description: The same, read back. In check mode, what is predicted.
  returned: when all of them answer
  type: dict
  sample: {ib-switch: "on"}
commands:
  description: What the outlets were told or, in check mode, would be.
  returned: when all of them answer
  type: list
  elements: str
  sample: ["ib-switch (tasmota 192.168.10.60, outlet 1): off", "ib-switch (tasmota 192.168.10.60, outlet 1): on"]
impact:
  description: What loses power, as data and in words.
  returned: when all of them answer
  type: list
  elements: dict
  sample: [{kind: loses_power, outlet: ib-switch, text: ib-switch loses power}]
diff:
  description: Before and after, a line an outlet.
  returned: when all of them answer
  type: dict
  sample: {before_header: power, before: "ib-switch: off\n", after_header: power, after: "ib-switch: on\n"}
verified:
  description: Whether all were read back as asked. False in check mode where something would change.
  returned: when all of them answer
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.outlet import outlets

OUTLET = {
    "name": {"type": "str", "required": True},
    "driver": {"type": "str", "choices": list(outlets.DRIVERS), "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int"},
    "number": {"type": "int", "default": 1},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "on_url": {"type": "str"},
    "off_url": {"type": "str"},
    "status_url": {"type": "str"},
    "on_pattern": {"type": "str"},
    "community": {"type": "str", "no_log": True},
    "oid": {"type": "str", "default": outlets.OUTLET_OID},
    "on_value": {"type": "int", "default": 1},
    "off_value": {"type": "int", "default": 2},
}
ARGUMENT_SPEC = {
    "outlets": {"type": "list", "elements": "dict", "options": OUTLET, "required": True},
    "state": {"type": "str", "choices": ["status", "on", "off", "cycle"], "default": "status"},
    "rest": {"type": "float", "default": 10.0},
    "wait": {"type": "float", "default": 10.0},
    "timeout": {"type": "float", "default": 5.0},
}
WORDS = {True: "on", False: "off"}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe all before one is switched; then one after the other."""
    params, entries = module.params, {outlet["name"]: outlet for outlet in module.params["outlets"]}
    if len(entries) < len(params["outlets"]):
        raise ClusterwrightError("outlets has a name twice")
    for outlet in entries.values():
        outlets.check(outlet)
    drivers = {name: outlets.DRIVERS[outlet["driver"]](outlet, params["timeout"], open_url) for name, outlet in entries.items()}
    seen: dict[str, bool] = {}
    for name, driver in drivers.items():
        try:
            seen[name] = driver.read()
        except outlets.OutletError as error:
            raise ClusterwrightError(f"{name}: its outlet at {entries[name]['address']} does not tell its state: {error}. "
                                     "Nothing was switched") from None
    todo = {name: told for name, is_on in seen.items() if (told := outlets.steps(params["state"], is_on))}
    before = {name: WORDS[seen[name]] for name in todo}
    after = {name: WORDS[told[-1]] for name, told in todo.items()}
    where = {name: f"{name} ({outlet['driver']} {outlet['address']}, outlet {outlet['number']})" for name, outlet in entries.items()}
    result = {
        "changed": bool(todo), "before": before, "after": after, "power": {**{name: WORDS[is_on] for name, is_on in seen.items()}, **after},
        "commands": [f"{where[name]}: {WORDS[on]}" for name, told in todo.items() for on in told],
        "impact": [{"kind": "loses_power", "outlet": name, "text": f"{name} loses power"} for name, told in todo.items() if not told[0]],
        "diff": {"before_header": "power", "before": "".join(f"{name}: {word}\n" for name, word in before.items()),
                 "after_header": "power", "after": "".join(f"{name}: {word}\n" for name, word in after.items())},
        "verified": not (module.check_mode and todo),
    }
    if module.check_mode:
        return {**result, "power": {name: WORDS[is_on] for name, is_on in seen.items()}}
    for name, told in todo.items():
        try:
            outlets.switch(drivers[name], told, params["rest"], params["wait"])
        except outlets.OutletError as error:
            raise ClusterwrightError(f"{where[name]} was not switched as asked ({params['state']}): {error}",
                                     **{**result, "verified": False}) from None
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
