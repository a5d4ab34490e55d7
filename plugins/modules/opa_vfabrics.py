#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the vFabrics of an Omni-Path fabric what is declared, says beforehand what that needs, and reads it back from the fabric."""

from __future__ import annotations

DOCUMENTATION = r"""
module: opa_vfabrics
short_description: The vFabrics of an Omni-Path fabric, checked before and read back after
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Writes vFabrics and device groups into C(opafm.xml) on a fabric manager, enables and starts the fabric manager, lets it take the change,
    and reads vFabrics and members back from the fabric.
  - What is not ours in the file stays, byte for byte. Ours is what stands between two marks in the instance, a vFabric of a declared name,
    and with O(state=exact) each enabled vFabric whose P_Key is in the fabric's own range.
  - Before a file goes live, the fabric manager's own C(config_check) reads it. What that passes in silence is an error here - a P_Key of
    ours on a second vFabric, a range of nodes that runs backwards, a tag that the fabric manager does not know, a name that it cuts.
  - C(config_check) also says whether a reload can bring the change about. What needs a restart is refused, unless O(restart) allows it.
  - When the fabric does not become as declared, the old file comes back.
  - With C(default) V(limited) in the intent, the vFabric C(Default) of the delivered file, in which all nodes can talk, is made to have
    them as limited members.
requirements:
  - C(config_check) of the package opa-fm, and C(opasaquery) of opa-basic-tools, 10.10 or newer
  - root
options:
  intent:
    description: What the inventory has as C(opa_vfabrics) for one fabric.
    type: dict
    required: true
  state:
    description:
      - V(present) adds and corrects vFabrics and members, and removes none.
      - V(exact) also removes members, and vFabrics within the P_Keys that the fabric declares as its own (C(pkeys)).
    type: str
    choices: [present, exact]
    default: present
  restart:
    description: Whether the fabric manager may be restarted for what a reload cannot bring about.
    type: bool
    default: false
  instance:
    description: The instance of the fabric manager, by its C(Name) in C(opafm.xml). The first one when it is left out.
    type: str
    default: ""
  path:
    description: The file that the fabric manager reads.
    type: path
    default: /etc/opa-fm/opafm.xml
  timeout:
    description: How long to wait for the fabric to say what the file says, in seconds.
    type: int
    default: 60
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Does all but writing, reloading and restarting. C(config_check) runs, for it leaves nothing.
    support: full
  diff_mode:
    description: Shows what vFabrics and device groups gain and lose, not the lines of the file.
    support: full
  idempotent:
    description: Changes nothing while file, fabric manager and fabric are as declared.
    support: full
"""

EXAMPLES = r"""
- name: The vFabrics of opa0
  clusterwright.hpc.opa_vfabrics:
    intent: "{{ opa_vfabrics.opa0 }}"
    state: exact

- name: A change that needs a restart, in a quiet hour
  clusterwright.hpc.opa_vfabrics:
    intent: "{{ opa_vfabrics.opa0 }}"
    state: exact
    restart: true
"""

RETURN = r"""
needs:
  description: What the change needs of the fabric manager - V(nothing), V(start), V(reload) or V(restart).
  returned: success, and when a restart is not allowed
  type: str
  sample: reload
reason:
  description: Why a reload cannot bring it about, in the words of config_check. Empty when it can.
  returned: success
  type: str
  sample: Invalid changes to active VF(physics)
changes:
  description: What changes, by meaning. None stands for nothing.
  returned: success
  type: list
  elements: dict
  contains:
    where:
      description: The vFabric or device group.
      type: str
      sample: vFabric physics
    what:
      description: What of it.
      type: str
      sample: limited_members
    old:
      description: What it was.
      type: raw
      sample: []
    new:
      description: What it will be.
      type: raw
      sample: [chem]
before:
  description: All enabled vFabrics of the file, and our device groups.
  returned: success
  type: dict
  sample: {vfabrics: {Admin: {pkey: "0x7fff", security: true, members: [AllMgmtAllowed, AllSWE0s, HFIDirectConnect],
           limited_members: [All], mtu: Unlimited, rate: Unlimited, qos_group: LowPriority, applications: [PA, PM, SA]}}, groups: {}}
after:
  description: The same afterwards, in check mode as predicted.
  returned: success
  type: dict
  sample: {vfabrics: {physics: {pkey: "0x0010", security: true, members: [physics], limited_members: [], mtu: "8192", rate: Unlimited,
           qos_group: Tenant_QOS, applications: [AllOthers]}}, groups: {physics: ["knl[01-16] hfi1_0"]}}
commands:
  description: What ran or, in check mode, would run.
  returned: success, and when the fabric did not become as declared
  type: list
  elements: str
  sample: ["write /etc/opa-fm/opafm.xml (0644 root:root)", systemctl reload opa-fm.service]
diff:
  description: Both sides, a line for each thing that changes.
  returned: success
  type: dict
  sample: {before: "device group physics: members knl[01-15] hfi1_0\n", after: "device group physics: members knl[01-16] hfi1_0\n",
           before_header: /etc/opa-fm/opafm.xml, after_header: /etc/opa-fm/opafm.xml}
impact:
  description: What is disturbed or open, in words and as data - a restart (V(restart)), a vFabric that goes (V(vfabric_removed)), nodes
    that lose one (V(members_lost)) or become limited members (V(membership_reduced)), vFabrics of others in which all nodes can talk
    (V(open_vfabric)), nodes without a GUID (V(by_description)), and a fabric that is not as the file on disk (V(not_as_written)).
  returned: success, and when a restart is not allowed
  type: list
  elements: dict
  sample: [{kind: open_vfabric, name: Default, text: "any two nodes can talk in Default (0x0001), whatever the tenants are"}]
findings:
  description: What of others in the file deserves a look, by line.
  returned: success
  type: list
  elements: str
  sample: ["line 668: Default (0x0001) has full members on all nodes: whoever can use it reaches every other, tenant or not"]
warnings_of_checker:
  description: What config_check has to say of the new file without refusing it. Empty when the file does not change.
  returned: success
  type: list
  elements: str
  sample: ["Multicast group matching XML parse error - Implicit MC Groups did not match any enabled VF."]
absent:
  description: Declared members that are not in the fabric. They get their vFabrics when they are there.
  returned: success
  type: list
  elements: str
  sample: [knl16 hfi1_0]
verified:
  description: Whether the file, the vFabrics of the fabric and the ports in our device groups were read back as declared. False in check
    mode where something changes.
  returned: always
  type: bool
  sample: true
mismatch:
  description: Where the fabric is not as declared.
  returned: when it did not become so
  type: list
  elements: str
  sample: [vFabric physics is not in the fabric]
mistakes:
  description: What in the file the fabric manager would take otherwise than it is meant.
  returned: when there is some
  type: list
  elements: str
  sample: ["line 420: NodeDesc knl[16-01] hfi1_0 of DeviceGroup old matches no node: the range [16-01] runs backwards"]
log:
  description: What config_check has printed.
  returned: when it refuses the new file
  type: list
  elements: str
  sample: ["Parse error at line 2309 in tag 'VirtualFabric': QOSGroup Tenant_QOS undefined"]
restored_files:
  description: The file that was put back.
  returned: when the fabric did not become as declared
  type: list
  elements: str
  sample: [/etc/opa-fm/opafm.xml]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import change, changeover, running, trial, xml
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.intent import VFabricsIntent


def main() -> None:
    """Observe, plan, check, apply, observe again and compare."""
    spec = {
        "intent": {"type": "dict", "required": True},
        "state": {"type": "str", "choices": ["present", "exact"], "default": "present"},
        "restart": {"type": "bool", "default": False},
        "instance": {"type": "str", "default": ""},
        "path": {"type": "path", "default": "/etc/opa-fm/opafm.xml"},
        "timeout": {"type": "int", "default": 60},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    run, intent, check = runner(module), module.params["intent"], module.check_mode
    path, instance = module.params["path"], module.params["instance"]
    missing = sorted(VFabricsIntent.__required_keys__ - intent.keys())
    if missing:
        module.fail_json(msg=f"intent has no {', '.join(missing)}: give one fabric of the variable opa_vfabrics (group fabric_manager).")
    try:
        state = change.observe(run, path, instance, may_come=check)
        result = change.render(intent, state, module.params["state"] == "exact")
        verdict = trial.rehearse(run, path, state.data, result.data) if result.data != state.data and state.data is not None else None
        plan = change.plan(intent, state, result, verdict, module.params["restart"], may_come=check)
        commands = plan.commands(state.unit)
        changed = bool(commands)
        if changed and not check:
            commands = changeover.apply(run, state, plan, module.params["timeout"])
            state = change.observe(run, path, instance)
        if not check:
            changeover.compare(state, plan, commands)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=changed, needs=plan.action or "nothing", reason=plan.reason, changes=change.changes(plan.before, plan.after),
        before=plan.before, after=plan.after, commands=commands, diff=change.as_diff(plan, path), impact=plan.impact,
        findings=[f"line {line}: {text}" for line, text in xml.findings(plan.config)],
        warnings_of_checker=verdict.warnings if verdict else [],
        absent=[] if state.fabric.silent else running.absent(plan.config, state.fabric), verified=not (check and changed),
    )


if __name__ == "__main__":
    main()
