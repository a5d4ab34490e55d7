#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power of many machines, by their BMCs: reads it, switches it, and waits until it is so."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_power
short_description: Power of one machine or hundreds, by their BMCs
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads or switches the power of all O(bmcs) in one task, and waits until each machine is as asked. A BMC that does not answer, is busy,
    refuses, or says that it did what it did not do gets a verdict of its own and holds up no other.
  - For the power of 16 BMCs or more, FreeIPMI's C(ipmipower) is asked first, where it is installed. It only reads. A BMC that gives it no
    clear answer within a fifth of O(timeout) has the rest of that for the usual way.
  - Machines are switched in waves of O(at_once) with a O(pause) between, so that no breaker trips.
  - Before anything is switched, each BMC for which V(uuid), V(serial), V(mac) or V(bmc_mac) is given has to prove that it belongs to that
    node. One that does not is left alone, and an error says whose it is.
options:
  state:
    description:
      - V(status) only reads.
      - V(on) and V(off). V(off) cuts the power at once.
      - V(soft) asks the system to shut down and waits until it is off.
      - V(cycle) switches off, waits five seconds, and switches on; a machine that is off is switched on. Each run does it again.
      - V(reset) restarts a machine that is on, as its button would. Each run does it again.
    type: str
    choices: [status, "on", "off", soft, cycle, reset]
    default: status
  at_once:
    description: At most so many machines are switched at once.
    type: int
    default: 32
  pause:
    description: Seconds between two such waves.
    type: float
    default: 1.0
  wait:
    description: Seconds until a machine has to be as asked, counted from when its BMC was told. V(soft) often needs more than the default.
    type: float
    default: 30.0
  check_identity:
    description: Whether BMCs have to prove whose they are before they are told to switch anything, where something is known to compare.
    type: bool
    default: true
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.bmc
attributes:
  check_mode:
    description: Reads power and identity, and predicts what would be switched.
  idempotent:
    description: V(cycle) and V(reset) do it each time.
    support: partial
"""

EXAMPLES = r"""
- name: Which of them is on
  clusterwright.hpc.bmc_power:
    bmcs:
      - {name: node001, address: 10.11.1.1}
      - {name: node002, address: 10.11.1.2, protocol: redfish}
    username: admin
    password: "{{ bmc_password }}"
  delegate_to: localhost
  register: power

- name: Say it
  ansible.builtin.debug:
    var: power.power

- name: A rack on, eight machines at once
  clusterwright.hpc.bmc_power:
    bmcs: "{{ rack_bmcs }}"
    username: admin
    password: "{{ bmc_password }}"
    state: "on"
    at_once: 8
    pause: 3
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
power:
  description: V(on) or V(off) for each BMC that told it, as read at the end.
  returned: always
  type: dict
  sample: {node001: "on", node002: "off"}
failed_bmcs:
  description:
    - The BMCs that did not do it, with a sentence and a verdict. The verdict is one of V(timed out), V(wrong password), V(wrong user),
      V(no privilege), V(busy), V(refused), V(lies), V(not done), V(wrong machine), V(unknown).
  returned: always
  type: dict
  sample:
    node003: {verdict: timed out, text: "does not answer: is it powered, is 10.11.1.3 its address, can it be reached from here? (15 s)"}
    node007: {verdict: lies, text: "said that it switches on, and is still off after 30 s: look at the machine and its power supplies"}
before:
  description: The power of the machines that change.
  returned: always
  type: dict
  sample: {node002: "off"}
after:
  description: The same, read back after the change. In check mode, what is predicted.
  returned: always
  type: dict
  sample: {node002: "on"}
commands:
  description: What the BMCs were told or, in check mode, would be.
  returned: always
  type: list
  elements: str
  sample: ["node002 (redfish 10.11.1.2): power on"]
impact:
  description: What is disturbed, as data and in words. The kind is C(loses_power), C(shuts_down), C(restarts) or C(starts).
  returned: always
  type: list
  elements: dict
  sample:
    - kind: starts
      nodes: [node002]
      text: node002 start, and draw their inrush current
diff:
  description: Before and after, a line a node.
  returned: always
  type: dict
  sample: {before_header: power, before: "node002: off\n", after_header: power, after: "node002: on\n"}
verified:
  description: Whether all were read back as asked. False in check mode where something would change.
  returned: always
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import options, power
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import bad, sentence
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail

ARGUMENT_SPEC = {
    "state": {"type": "str", "choices": list(power.STATES), "default": "status"},
    "at_once": {"type": "int", "default": 32},
    "pause": {"type": "float", "default": 1.0},
    "wait": {"type": "float", "default": 30.0},
    "check_identity": {"type": "bool", "default": True},
    **options.CONNECTION,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, apply in waves; each machine is read back where it was switched."""
    params = module.params
    state, timeout, limit = params["state"], params["timeout"], params["side_by_side"]
    if params["at_once"] < 1 or params["pause"] < 0 or params["wait"] <= 0:
        raise ClusterwrightError("at_once has to be at least 1, pause not below 0, and wait more than 0")
    targets = options.targets(params)
    outcomes = power.observe(targets, state, params["check_identity"], timeout, limit)
    before = {name: outcome.value for name, outcome in outcomes.items() if outcome.ok and power.steps(state, outcome.value)}
    after = {name: power.predict(state, is_now) for name, is_now in before.items()}
    told = power.commands(targets, state, before)
    if not module.check_mode:
        work = [target for target in targets if target["name"] in before]
        outcomes.update(power.apply(work, state, params["at_once"], params["pause"], timeout, params["wait"], limit))
        after = {name: outcomes[name].value if outcomes[name].ok else "unknown" for name in before}
    wrong = bad(outcomes)
    result = {
        "changed": bool(before), "before": before, "after": after, "commands": told, "diff": power.diff(before, after),
        "impact": power.impact(state, before), "failed_bmcs": wrong, "verified": not wrong and not (module.check_mode and before),
        "power": {name: outcome.value for name, outcome in outcomes.items() if outcome.value},
    }
    if wrong:
        raise ClusterwrightError(sentence("did not tell their power" if state == "status" else f"did not do as asked ({state})", outcomes),
                                 **result)
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
