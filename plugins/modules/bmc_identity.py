#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that BMCs belong to the nodes that they are said to belong to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_identity
short_description: Is the machine behind each BMC the node of that name
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares UUID, serial number and MAC addresses that each BMC tells with those that are known of its node, from the cluster file's tables
    or from inside the node, and names those that are crossed. A number that two nodes share, and what makers leave in such fields,
    proves nothing and is not used.
  - A BMC that belongs to another machine is an error. One of which nothing can be compared is a warning.
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
- name: UUIDs as the nodes see them
  ansible.builtin.slurp:
    src: /sys/class/dmi/id/product_uuid
  register: inside

- name: No BMC is crossed
  clusterwright.hpc.bmc_identity:
    bmcs:
      - {name: node001, address: 10.11.1.1, uuid: "{{ hostvars.node001.inside.content | b64decode | trim }}"}
      - {name: node002, address: 10.11.1.2, uuid: "{{ hostvars.node002.inside.content | b64decode | trim }}"}
    username: admin
    password: "{{ bmc_password }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
identities:
  description: What each BMC told of what is known of its node.
  returned: always
  type: dict
  sample: {node001: {uuid: 3106fb0c-3517-49f8-a603-3f2faab5608a, serial: S42880DA6}}
proven:
  description: The nodes whose BMC is theirs.
  returned: always
  type: list
  elements: str
  sample: [node001]
unknown:
  description: The nodes of whose BMC nothing can be compared, and why.
  returned: always
  type: dict
  sample: {node004: "whose BMC 10.11.1.4 is cannot be told: no UUID, serial number or MAC address is known of it"}
failed_bmcs:
  description: The BMCs that belong to another machine, or did not answer, with a sentence and a verdict.
  returned: always
  type: dict
  sample:
    node002:
      verdict: wrong machine
      text: >-
        node002 and node005 are swapped: the BMC at 10.11.1.2 belongs to node005, that at 10.11.1.5 to node002. Exchange the two
        addresses or the two cables
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import fleet, identity, options
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import UNKNOWN, bad, sentence
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail

ARGUMENT_SPEC = {**options.CONNECTION}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Observe and compare."""
    params = module.params
    targets = options.targets(params)
    outcomes = fleet.call(targets, lambda driver, target, _report: driver.identity(identity.asked(target)), params["timeout"],
                          params["side_by_side"])
    judged = identity.judge(targets, {name: outcome.value for name, outcome in outcomes.items() if outcome.ok})
    unknown = {name: outcome.text for name, outcome in judged.items() if outcome.verdict == UNKNOWN}
    found = {name: judged.get(name, outcome) for name, outcome in outcomes.items()}
    certain = {name: outcome for name, outcome in found.items() if name not in unknown}
    for name, text in unknown.items():
        module.warn(f"{name}: {text}")
    result = {"changed": False, "identities": {name: outcome.value for name, outcome in judged.items()},
              "proven": [name for name, outcome in found.items() if outcome.ok], "unknown": unknown, "failed_bmcs": bad(certain)}
    if result["failed_bmcs"]:
        raise ClusterwrightError(sentence("did not prove whose they are", certain), **result)
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
