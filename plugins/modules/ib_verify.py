#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares an InfiniBand fabric with what is declared, down to who may talk to whom."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ib_verify
short_description: Whether an InfiniBand fabric is as declared, by its ports and by its subnet manager
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Walks over the fabric and compares what it sees with the cluster file - subnet managers, missing and unknown ports, width, speed and MTU
    of each link, cables, and with O(partitions) the P_Key table of each port and who may talk to whom. It changes nothing.
  - Every pair of ports is judged, from the tables that the ports hold. Then the subnet manager is asked for paths between pairs, and must
    grant those that the tables allow, and no others.
  - Fails when something is not as declared, with what that is and the way out. What is seen comes back as data in any case.
requirements:
  - libibmad and libibumad (they come with infiniband-diags), where a port of the fabric is active; for the pairs, on a subnet manager, as
    it shares a partition with every port
  - root
options:
  intent:
    description: What the inventory has as C(ib_fabrics) for one fabric.
    type: dict
    required: true
  partitions:
    description: What the inventory has as C(ib_partitions) for the same fabric. Without it, P_Keys and pairs are not looked at.
    type: dict
  adapters:
    description: By node, what M(clusterwright.hpc.ib_fabric_facts) returns as C(adapters) there. Compared with the declared firmware.
    type: dict
    default: {}
  pairs:
    description:
      - Which pairs are listed, and the subnet manager is asked for.
      - V(sample) takes one pair for each combination of ports that are alike, the wrong ones first, 1,000 at most.
      - V(all) takes each pair; a fabric of more than 632 ports has too many.
    type: str
    choices: [sample, all]
    default: sample
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: The same, for nothing is changed.
    support: full
  diff_mode:
    description: There is no difference to show; RV(findings) has what differs.
    support: none
"""

EXAMPLES = r"""
- name: The fabric is as declared
  clusterwright.hpc.ib_verify:
    intent: "{{ ib_fabrics.ib0 }}"
    partitions: "{{ ib_partitions.ib0 }}"

- name: The firmware of every host, with `hcas` registered from ib_fabric_facts (fabric false) on all of them
  clusterwright.hpc.ib_verify:
    intent: "{{ ib_fabrics.ib0 }}"
    adapters: "{{ dict(groups['all'] | zip(groups['all'] | map('extract', hostvars, ['hcas', 'adapters']))) }}"

- name: Every pair, with the reason why it may talk or not
  clusterwright.hpc.ib_verify:
    intent: "{{ ib_fabrics.ib0 }}"
    partitions: "{{ ib_partitions.ib0 }}"
    pairs: all
  register: verdicts
"""

RETURN = r"""
findings:
  description:
    - What differs, each with a C(kind), the C(name) that it is about, and a C(text) with the way out.
    - Managers are V(no_master), V(many_masters), V(foreign_master), V(manager_missing); ports V(missing), V(unknown), V(silent); links
      V(not_active), V(degraded), V(mtu); V(cable); HCAs V(firmware) (another version), V(psid) (a board that is not declared); P_Keys
      V(table); pairs V(open) (they may talk and must not), V(cut) (they should and cannot), V(path) (the subnet manager says something
      else than the tables), V(no_answer).
  returned: always, when the fabric could be seen
  type: list
  elements: dict
  sample:
    - kind: degraded
      name: leaf0 port 2 - cn1
      width: 1x
      speed: FDR
      ends: [{node: "0xfd00000000000000", port: 2}, {node: "0x0002c9030000000a", port: 1}]
      text: "leaf0 port 2 - cn1 runs at 1x FDR and not at 4x FDR: more is not enabled on leaf0 port 2 and cn1, see `ibportstate`"
pairs:
  description:
    - A verdict a pair - whether it may talk (C(allowed)) and should (C(expected)), and why; C(path) is the P_Key of the path that the
      subnet manager grants, V(none), or null where it was not asked; C(count) is how many pairs are like this one.
  returned: with O(partitions), when the fabric could be seen
  type: list
  elements: dict
  sample:
    - {one: cn1, other: cn2, allowed: true, expected: true, reason: "by 0x0101", path: "0x0101", count: 2}
    - {one: cn2, other: cn3, allowed: false, expected: false, reason: "both limited members of 0x0101, 0x7fff", path: none, count: 1}
notes:
  description: What is not wrong and may become so; these are warnings too.
  returned: always, when the fabric could be seen
  type: list
  elements: str
  sample: ["the cluster file knows no GUID of cn9, so nothing is checked there (`ibstat -p` on the node shows it)"]
checked:
  description: How much was looked at - ports of HCAs, links, pairs judged by their tables, paths that the subnet manager was asked for, and
    questions to the fabric.
  returned: always, when the fabric could be seen
  type: dict
  sample: {ports: 4, links: 4, asked: 37, pairs: 6, paths: 4}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import isolation, partitions, topology, verdict
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.intent import FabricIntent, PartitionsIntent

SPEC = {
    "intent": {"type": "dict", "required": True},
    "partitions": {"type": "dict"},
    "adapters": {"type": "dict", "default": {}},
    "pairs": {"type": "str", "choices": ["sample", "all"], "default": "sample"},
}


def examine(run: Run, intent: FabricIntent, wanted: PartitionsIntent | None, every: bool) -> dict[str, Any]:
    """Observe and compare."""
    seen = topology.look(run, keys=wanted is not None)
    names = topology.names(seen, verdict.names(intent))
    findings = verdict.compare(intent, seen)
    told: dict[str, Any] = {"findings": findings, "notes": verdict.notes(intent, seen)}
    checked = {"ports": len(seen.hosts), "links": len(seen.links), "asked": seen.asked}
    if wanted is not None:
        pairs = isolation.examine(run, wanted, seen, names, every)
        findings += pairs.pop("findings")
        checked.update(pairs.pop("checked"))
        told.update(pairs)
    return {**told, "checked": checked}


def main() -> None:
    """Observe, compare, and say what differs."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    intent, wanted = module.params["intent"], module.params["partitions"]
    for name, given, shape, variable in (("intent", intent, FabricIntent, "ib_fabrics"),
                                         ("partitions", wanted, PartitionsIntent, "ib_partitions")):
        missing = sorted(shape.__required_keys__ - given.keys()) if given is not None else []
        if missing:
            module.fail_json(msg=f"{name} has no {', '.join(missing)}: give one fabric of the variable {variable} (group subnet_manager).")
    try:
        wrong = partitions.wrong(wanted) if wanted is not None else []
        if wrong:
            raise ClusterwrightError(f"{wrong[0]}. Correct it in the cluster file")
        told = examine(runner(module), intent, wanted, module.params["pairs"] == "all")
        told["findings"] += verdict.firmware(intent, module.params["adapters"])
        for note in told["notes"]:
            module.warn(note)
        if told["findings"]:
            raise ClusterwrightError(verdict.sentence(intent["fabric"], told["findings"]), **told)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(changed=False, **told)


if __name__ == "__main__":
    main()
