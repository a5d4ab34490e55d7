#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings VLANs and ports of one Ethernet switch to what is declared, in one session."""

from __future__ import annotations

DOCUMENTATION = r"""
module: switch_vlans
short_description: VLANs, port modes, MTUs and descriptions of one Ethernet switch
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Reads the switch, plans, changes it, reads it back, and saves the configuration only when it is as declared. All of it is one session.
  - Where the platform has a candidate configuration, a commit timer or checkpoints, they are used, so that a change that fails, or that
    loses the session, goes back. The first command that the switch refuses ends the change, and what was done before is taken back.
  - Nothing is removed but by O(state=exact) and O(state=absent), and then only VLANs inside of C(owned). VLANs are added before others are
    removed, and what is not said stays as it is. VLANs 1 and 1002 to 1005 are never made, renamed or removed.
  - A protected port (an uplink, a link to another switch) gets VLANs, but loses none, and its mode and untagged VLAN are not changed,
    unless it is named in O(allow_protected). Nor does the way that the session itself takes lose the VLAN that it takes there, which is
    the port where the switch has learned a MAC address of this machine or, where a router is in between, ports with more than two MAC
    addresses behind them in the VLAN of the switch's own address. A trunk of all VLANs that is protected or not declared is left to be one;
    one that is declared gets a list of what is declared, and of VLANs that exist and are not owned.
  - A port that carries VLANs which may not be removed stays a trunk, though V(access) is declared. An MTU is only raised, but by
    O(state=exact) on ports that are not protected.
  - What runs as declared and is not saved, because a session was lost before it could be, is saved by the next run. EOS, NX-OS, OS10,
    Comware and SONiC show what is saved. Onyx and Cumulus with NVUE do not; there, the run that could not save says what to type. Cumulus
    with ifupdown2 or NCLU saves as it changes.
  - A port that the switch lacks, or a LAG, is an error that names all of them, and nothing is changed.
options:
  intent:
    description: What the switch shall be; what the inventory has as C(switch_intent). Required but for V(gathered) and V(parsed).
    type: dict
    suboptions:
      name:
        description: The switch's name.
        type: str
        required: true
      platform:
        description: Its platform.
        type: str
        required: true
        choices: [comware, cumulus_nvue, cumulus_ifupdown2, cumulus_nclu, onyx, eos, nxos, os10, sonic]
      vlans:
        description: The VLANs that it has.
        type: list
        elements: dict
        default: []
        suboptions:
          id:
            description: The id.
            type: int
            required: true
          name:
            description: The name, cut to what the platform takes.
            type: str
            default: ""
      ports:
        description: Ports and LAGs.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The port's name, as the platform writes it.
            type: str
            required: true
          mode:
            description: V(access) carries O(intent.ports[].untagged) alone, V(trunk) also O(intent.ports[].tagged).
            type: str
            choices: [access, trunk]
            required: true
          untagged:
            description: The VLAN of untagged frames; where it is not said, it stays as it is.
            type: int
          tagged:
            description: The VLANs of tagged frames.
            type: list
            elements: int
            default: []
          mtu:
            description: Bytes of payload; where it is not said, it stays as it is.
            type: int
          description:
            description: The port's description; where it is not said, it stays as it is.
            type: str
          protected:
            description: Whether it is an uplink, or a switch is at its other end.
            type: bool
            default: false
      owned:
        description: The ids that are ours to remove, as lists of first and last.
        type: list
        elements: list
        default: []
      management:
        description: The VLAN of the switch's own address, where it is known.
        type: int
  platform:
    description: The platform, for V(gathered) and V(parsed), where there is no O(intent).
    type: str
    choices: [comware, cumulus_nvue, cumulus_ifupdown2, cumulus_nclu, onyx, eos, nxos, os10, sonic]
  state:
    description:
      - V(present) adds and corrects.
      - V(exact) also removes VLANs that are inside of C(owned) and not declared, from all ports and from the switch.
      - V(absent) removes the VLANs of O(intent), from all ports and from the switch.
      - V(gathered) reads the switch. V(parsed) understands O(answers), and V(rendered) says what would be typed; both without a switch.
    type: str
    choices: [present, exact, absent, gathered, rendered, parsed]
    default: present
  allow_protected:
    description: Ports that are changed although they are protected, or are the way that the session takes.
    type: list
    elements: str
    default: []
  max_changed_ports:
    description: With more ports to change than this, nothing is changed. Descriptions do not count. Check mode only warns.
    type: int
    default: 16
  answers:
    description:
      - What the switch answers to the show commands of its platform, by their keys, for V(parsed); RV(reads) names keys and commands.
      - With V(rendered), the switch to start from. Without it, every declared port is an access port of VLAN 1.
    type: dict
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.switch
attributes:
  check_mode:
    description: Reads the switch and predicts. RV(after) and RV(commands) are those of the change.
"""

EXAMPLES = r"""
- name: Every switch as the cluster file says
  hosts: switches
  connection: local
  gather_facts: false
  tasks:
    - name: VLANs and ports
      clusterwright.hpc.switch_vlans:
        intent: "{{ switch_intent }}"
        state: exact
        host: "{{ ansible_host }}"
        user: "{{ ansible_user }}"
        password: "{{ ansible_password }}"

    - name: One more VLAN on two ports
      clusterwright.hpc.switch_vlans:
        intent:
          name: leaf1
          platform: eos
          vlans: [{id: 301, name: bio}]
          ports:
            - {name: Ethernet1, mode: trunk, tagged: [301]}
            - {name: Ethernet2, mode: trunk, tagged: [301]}
        host: 10.20.0.11
        user: netops
        password: "{{ switch_password }}"
"""

RETURN = r"""
before:
  description: The VLANs and ports that change, as they were.
  returned: with O(state=present), V(exact), V(absent)
  type: dict
  sample:
    vlans: []
    ports:
      - {name: Ethernet1, mode: access, untagged: 1, tagged: "", mtu: null, description: "", lag: null}
after:
  description: The same, read back after the change. In check mode, what is predicted.
  returned: with O(state=present), V(exact), V(absent)
  type: dict
  sample:
    vlans: [{id: 10, name: admin}, {id: 301, name: bio}]
    ports:
      - {name: Ethernet1, mode: trunk, untagged: 10, tagged: "301", mtu: null, description: cn0 eth0, lag: null}
commands:
  description: What was typed or, in check mode, would be.
  returned: with O(state=present), V(exact), V(absent)
  type: list
  elements: str
  sample:
    - configure session cw1a1fddfa4bc
    - vlan 301
    - name bio
    - exit
    - interface Ethernet1
    - switchport trunk allowed vlan add 301
    - exit
    - end
    - configure session cw1a1fddfa4bc
    - commit timer 00:03:00
    - configure session cw1a1fddfa4bc commit
    - write memory
impact:
  description: >-
    What the change can disturb, as data and in words: ports that lose a VLAN (C(port_loses_vlan)), whose untagged frames go elsewhere
    (C(untagged_changes)), whose MTU changes (C(mtu_changes)), and VLANs that are removed (C(vlan_removed)).
  returned: with O(state=present), V(exact), V(absent)
  type: list
  elements: dict
  sample:
    - kind: port_loses_vlan
      port: Ethernet1
      vlans: [1]
      text: Ethernet1 (cn0 eth0) loses VLAN 1; untagged frames are in VLAN 10 then, not in VLAN 1
diff:
  description: Before and after, a line a VLAN and a port; then impact and commands.
  returned: with O(state=present), V(exact), V(absent)
  type: list
  elements: dict
  sample:
    - before_header: leaf1
      before: "Ethernet1: access, untagged 1\n"
      after_header: leaf1
      after: "VLAN 10 admin\nVLAN 301 bio\nEthernet1: trunk, untagged 10, tagged 301, \"cn0 eth0\"\n"
    - prepared: "leaf1, impact:\n  Ethernet1 (cn0 eth0) loses VLAN 1; untagged frames are in VLAN 10 then, not in VLAN 1\n"
verified:
  description: Whether the switch was read back as declared. False in check mode.
  returned: with O(state=present), V(exact), V(absent)
  type: bool
  sample: true
refused:
  description: Why nothing was done, a sentence each.
  returned: when a plan was refused
  type: list
  elements: str
  sample:
    - >-
      Ethernet7 is protected (an uplink, or a switch at its other end): it would lose VLAN 310; name it in allow_protected if that is meant
unsaved:
  description: The VLANs and ports that were as declared and not saved. In check mode, those that would be saved.
  returned: when there are any
  type: list
  elements: str
  sample: [VLAN 301, Ethernet1]
rollback_commands:
  description: What to type to take back what is half done.
  returned: when a change failed and could not be taken back
  type: list
  elements: str
  sample: [rollback running-config checkpoint cw1a1fddfa4bc atomic]
gathered:
  description: All VLANs and ports. C(tagged) is folded; C(lag) is the LAG that the port is a member of.
  returned: with O(state=gathered)
  type: dict
  sample:
    vlans: [{id: 1, name: default}]
    ports:
      - {name: Ethernet1, mode: access, untagged: 1, tagged: "", mtu: null, description: "", lag: null}
parsed:
  description: What O(answers) say, as RV(gathered) has it.
  returned: with O(state=parsed)
  type: dict
  sample: {vlans: [{id: 1, name: default}], ports: []}
rendered:
  description: What would be typed.
  returned: with O(state=rendered)
  type: list
  elements: str
  sample: [configure session clusterwright, vlan 301, name bio, exit, end, configure session clusterwright, "commit timer 00:03:00"]
reads:
  description: The platform's show commands, by the keys that O(answers) has.
  returned: with O(state=gathered), V(rendered), V(parsed)
  type: dict
  sample: {status: "show interfaces status | json", switchport: "show interfaces switchport | json", vlans: "show vlan | json"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import drivers, options, report, way
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import plan as planning
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session as sessions
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.lock import locked

PORT = {
    "name": {"type": "str", "required": True},
    "mode": {"type": "str", "choices": ["access", "trunk"], "required": True},
    "untagged": {"type": "int"},
    "tagged": {"type": "list", "elements": "int", "default": []},
    "mtu": {"type": "int"},
    "description": {"type": "str"},
    "protected": {"type": "bool", "default": False},
}
VLAN = {"id": {"type": "int", "required": True}, "name": {"type": "str", "default": ""}}
INTENT = {
    "name": {"type": "str", "required": True},
    "platform": {"type": "str", "choices": list(drivers.PLATFORMS), "required": True},
    "vlans": {"type": "list", "elements": "dict", "options": VLAN, "default": []},
    "ports": {"type": "list", "elements": "dict", "options": PORT, "default": []},
    "owned": {"type": "list", "elements": "list", "default": []},
    "management": {"type": "int"},
}
ARGUMENT_SPEC = {
    "intent": {"type": "dict", "options": INTENT},
    "platform": {"type": "str", "choices": list(drivers.PLATFORMS)},
    "state": {"type": "str", "choices": ["present", "exact", "absent", "gathered", "rendered", "parsed"], "default": "present"},
    "allow_protected": {"type": "list", "elements": "str", "default": []},
    "max_changed_ports": {"type": "int", "default": planning.MAX_CHANGED_PORTS},
    "answers": {"type": "dict"},
    **options.CONNECTION,
}
CHANGES = ("present", "exact", "absent")
SPEC: dict[str, Any] = {
    "argument_spec": ARGUMENT_SPEC,
    "required_if": [("state", state, ["intent", "host", "user"]) for state in CHANGES] + [("state", "gathered", ["host", "user"])],
    "supports_check_mode": True,
}


def changed(module: AnsibleModule) -> dict[str, Any]:
    """Observe, plan, apply: what was read back is compared before it is saved."""
    params, intent = module.params, planning.checked(module.params["intent"])
    name, driver = intent["name"], drivers.driver(intent["platform"])
    with locked(name, params["host"] or "", params["port"], wanted=not module.check_mode), options.session(name, driver, params) as session:
        state, answers = sessions.observe(session)
        wanted = planning.on_platform(intent, driver)
        allowed = [driver.port_name(port) for port in params["allow_protected"]]
        plan = planning.plan(wanted, state, params["state"], allowed, params["max_changed_ports"])
        plan = way.guarded(session, plan, intent["management"], allowed)
        commands = sessions.change_commands(driver, plan, answers) if plan.steps else []
        result = report.of_plan(name, plan, commands)
        report.refuse(name, plan, result, check=module.check_mode)
        for note in [*plan.notes, *([plan.too_many] if plan.too_many else [])]:
            module.warn(f"{name}: {note}")
        declared = report.declared(wanted)
        left = [] if plan.steps else sessions.unsaved(session, declared)
        if left:        # a session was lost between the change and its saving
            result = report.of_unsaved(name, plan, left, driver.save)
            module.warn(f"{name}: all is as declared, but not saved: {', '.join(left[:8])}"
                        + (f" and {len(left) - 8} more" if len(left) > 8 else "") + ("" if module.check_mode else "; it is saved now"))
        if module.check_mode:
            return {**result, "verified": False}
        try:
            if left:
                sessions.save(session, declared)
            seen = sessions.apply(session, plan, answers) if plan.steps else state
        except ClusterwrightError as error:
            raise ClusterwrightError(str(error), **{**result, **error.details, "verified": False}) from None
        return {**result, "commands": session.typed, "after": planning.as_data(seen, plan.vlans, plan.ports), "verified": True}


def looked_at(module: AnsibleModule) -> dict[str, Any]:
    """The states that change nothing."""
    params = module.params
    intent = planning.checked(params["intent"]) if params["intent"] else None
    platform = params["platform"] or (intent and intent["platform"])
    if not platform:
        raise ClusterwrightError(f"state {params['state']} needs a platform")
    driver, name = drivers.driver(platform), intent["name"] if intent else params["host"] or "the switch"
    result: dict[str, Any] = {"changed": False, "reads": dict(driver.reads)}
    if params["state"] == "gathered":
        with options.session(name, driver, params) as session:
            return {**result, "gathered": planning.as_data(sessions.observe(session)[0])}
    if params["state"] == "parsed":
        return {**result, "parsed": planning.as_data(report.parsed(name, driver, params["answers"] or {}))}
    if intent is None:
        raise ClusterwrightError("state rendered needs an intent")
    return {**result, "rendered": report.rendered(driver, planning.on_platform(intent, driver), params["answers"])}


def work(module: AnsibleModule) -> dict[str, Any]:
    """With a switch, or without one."""
    return changed(module) if module.params["state"] in CHANGES else looked_at(module)


def main() -> None:
    """The module as a process of its own; plugins/action/switch_vlans.py does without one."""
    module = AnsibleModule(**SPEC)
    try:
        result = work(module)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
