#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for nodes, drains them, resumes them, and powers them up and down."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_node
short_description: Wait for Slurm's nodes, drain, resume and power them
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Brings nodes to a state and waits until all of them have it, with a deadline. Nodes that are to be changed alike are changed by one
    C(scontrol update), however many they are.
  - What the module takes out of service carries a tag in its Reason, V(kernel 6.12 (clusterwright\)). Only such nodes are resumed.
    A node that somebody else, or Slurm by itself, has drained or set down is left alone in every state but V(responding); it is named in
    RV(left_alone) and in a warning, and is not waited for.
  - When slurmctld refuses a node for its hardware, the error says in words what is missing.
requirements:
  - Slurm's commands on the host that it runs on, a controller; root or SlurmUser for all but V(responding)
options:
  nodes:
    description: Names of nodes and NodeSets such as V(cn[001-300]). When slurmctld does not know one, nothing is changed.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(responding) only reads. It waits until slurmctld hears from the nodes, and warns of those that slurmctld by itself has taken out
        of service. A node that an administrator has drained responds; a node that power saving has switched off is left out.
      - V(drained) lets no new job start, and waits until the last one has ended.
      - V(resumed) takes what this module has drained or set down back into service, and waits until it responds.
      - V(down) takes nodes out at once, which ends their jobs.
      - V(taken) puts the tag on nodes that slurmctld by itself has set down because it lost sight of them (C(Not responding),
        C(Node unexpectedly rebooted), C(ResumeTimeout reached)), so that V(resumed) takes them back once they are well. All others stay
        as they are.
      - V(powered_up) and V(powered_down) use Slurm's power saving. A node with jobs goes down when they have ended.
    type: str
    choices: [responding, drained, resumed, down, taken, powered_up, powered_down]
    default: responding
  reason:
    description:
      - Why, without the tag. Required for V(drained), V(down) and V(taken).
      - With V(resumed), only nodes that were taken out for this reason are resumed, or for a part of it that begins with it and a colon.
    type: str
  once:
    description:
      - Take each node once through what O(reason) names. V(resumed) notes the reason in the node's Comment, in the same command, and keeps
        what others wrote there. V(drained) leaves nodes with that note in service and names them in RV(done).
    type: bool
    default: false
  end_jobs:
    description:
      - Let V(down) end jobs, and V(drained) those whose nodes are still being powered up. Otherwise both are refused.
      - With V(powered_down), nodes go down at once, those that are being powered up too, and jobs there end or wait anew.
    type: bool
    default: false
  timeout:
    description:
      - How long to wait, in seconds. It is an error when it passes. What was asked for stays asked for, so draining nodes go on draining,
        and the same task goes on to wait.
    type: int
    default: 60
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Predicts what is changed and which jobs it concerns. With V(responding), looks once and warns instead of failing, since the
      run may be what makes the nodes respond.
"""

EXAMPLES = r"""
- name: Every node of this run is in Slurm
  clusterwright.hpc.slurm_node:
    nodes: "{{ ansible_play_hosts }}"
  delegate_to: head1
  run_once: true

- name: No job runs on the first container, within a day
  clusterwright.hpc.slurm_node:
    nodes: cn[001-060]
    state: drained
    reason: kernel 6.12.57
    timeout: 86400

- name: Take it back into service, but for what others have drained
  clusterwright.hpc.slurm_node:
    nodes: cn[001-060]
    state: resumed
    reason: kernel 6.12.57
"""

RETURN = r"""
states:
  description: State and reason of each of the nodes, as read back at the end.
  returned: when slurmctld answers
  type: dict
  sample: {cn1: IDLE, cn2: "DRAIN+IDLE (DIMM swap)"}
not_responding:
  description: The nodes that do not respond, with what slurmctld says of them and the way out.
  returned: with O(state=responding), when slurmctld answers
  type: dict
  sample: {cn3: "slurmctld does not hear from it, IDLE+NOT_RESPONDING: look at `journalctl -u slurmd` there"}
slurmd_started:
  description: When slurmd of each node started, in seconds since 1970; null for one that never did.
  returned: with O(state=responding), when slurmctld answers
  type: dict
  sample: {cn1: 1795248291, cn2: null}
not_reached:
  description: The nodes that were not as asked when the time was over, with what they still are.
  returned: with any other state
  type: dict
  sample: {cn1: "jobs run there, DRAIN+MIXED (kernel 6.12.57 (clusterwright))"}
left_alone:
  description: The nodes that are out of service and not by us, with state, reason and who gave it.
  returned: with any state but V(responding)
  type: dict
  sample: {cn3: "DRAIN+IDLE (DIMM swap), by root"}
done:
  description: The nodes that have been through O(reason) before.
  returned: with O(once)
  type: list
  elements: str
  sample: [cn4]
before:
  description: State and reason of the nodes that change.
  returned: with any state but V(responding)
  type: dict
  sample: {cn1: MIXED, cn2: IDLE}
after:
  description: The same, read back after the change. In check mode, what is predicted.
  returned: with any state but V(responding)
  type: dict
  sample: {cn1: "DRAIN+IDLE (kernel 6.12.57 (clusterwright))", cn2: "DRAIN+IDLE (kernel 6.12.57 (clusterwright))"}
diff:
  description: Before and after, a line a node.
  returned: with any state but V(responding)
  type: dict
  sample: {before_header: nodes, before: "cn2: IDLE\n", after_header: nodes, after: "cn2: DRAIN+IDLE (kernel 6.12.57 (clusterwright))\n"}
commands:
  description: What was typed or, in check mode, would be.
  returned: with any state but V(responding)
  type: list
  elements: str
  sample: ["scontrol update 'nodename=cn[1-2]' state=drain 'reason=kernel 6.12.57 (clusterwright)'"]
impact:
  description: The jobs that are waited for (C(job_waits)) or that end (C(job_ends)), as data and in words.
  returned: with any state but V(responding)
  type: list
  elements: dict
  sample:
    - kind: job_waits
      id: "1"
      user: ada
      state: RUNNING
      ends_at: 1795251926
      nodes: cn2
      text: job 1 of ada (RUNNING, until 2026-11-21 09:05) on cn2 is waited for
verified:
  description: Whether all nodes that are not left alone were read back as asked. False in check mode.
  returned: always
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import drain
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import nodes as slurm_nodes

STATES = ["responding", "drained", "resumed", "down", "taken", "powered_up", "powered_down"]
ARGUMENT_SPEC = {
    "nodes": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": STATES, "default": "responding"},
    "reason": {"type": "str"},
    "once": {"type": "bool", "default": False},
    "end_jobs": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 60},
}


def responding(module: AnsibleModule, run: Run, names: list[str]) -> dict[str, Any]:
    """Observe until the deadline, and judge."""
    seen, bad = slurm_nodes.wait_responding(run, names, 0 if module.check_mode else module.params["timeout"])
    known = [name for name in names if name in seen]
    result = {
        "states": {name: str(seen[name]) for name in known},
        "slurmd_started": {name: seen[name].slurmd_started for name in known},
        "not_responding": bad,
        "verified": not bad,
    }
    for name, what in slurm_nodes.withdrawn(names, seen).items():
        module.warn(f"{name}: {what}")
    if bad:
        error = ClusterwrightError(f"{len(bad)} of {len(names)} nodes do not respond to slurmctld. {drain.list_some(bad)}", **result)
        if not module.check_mode:
            raise error
        module.warn(str(error))
    return {"changed": False, **result}


def changed(module: AnsibleModule, run: Run, names: list[str]) -> dict[str, Any]:
    """Observe, plan, apply, and observe until the deadline."""
    params = module.params
    request = drain.request(params["state"], params["reason"], params["once"], params["end_jobs"])
    if request.state.startswith("powered_"):
        drain.power_saving(run)
    seen = slurm_nodes.observe(run)
    plan = drain.plan(request, names, seen)
    running = drain.jobs(run, plan.work) if request.state in drain.WAIT_FOR_JOBS else []
    drain.refuse(request, plan, seen, running)
    after = dict(seen)
    for change in plan.changes:
        after.update({name: drain.predict(seen[name], change) for name in change.names})
    commands = [str(change) for change in plan.changes] if module.check_mode else []
    bad: dict[str, str] = {}
    left = running
    if not module.check_mode:
        drain.apply(run, plan.changes, commands)
        now, bad, left = drain.wait(run, request, plan.work, params["timeout"], commands)
        after.update(now)
    touched = [name for change in plan.changes for name in change.names]
    before, then = ({name: str(side[name]) for name in touched} for side in (seen, after))
    result = {
        "changed": bool(commands), "commands": commands, "impact": drain.impact(request, running),
        "before": before, "after": then, "diff": drain.diff(before, then), "states": {name: str(after[name]) for name in names},
        "left_alone": plan.left_alone, "done": plan.done, "not_reached": bad, "verified": not bad and not module.check_mode,
    }
    if plan.left_alone:
        module.warn(f"Left alone, because they are out of service for another reason: {drain.list_some(plan.left_alone)}")
    if bad:
        raise ClusterwrightError(drain.too_late(request, plan.work, bad, left, params["timeout"]), **result)
    return result


def main() -> None:
    """Names first, then what is asked of them."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC,
        required_if=[("state", state, ["reason"]) for state in ("drained", "down", "taken")] + [("once", True, ["reason"])],
        supports_check_mode=True,
    )
    reads = module.params["state"] == "responding"
    run = runner(module)
    try:
        names = slurm_nodes.expand(run, module.params["nodes"])
        result = (responding if reads else changed)(module, run, names)
    except ClusterwrightError as error:
        if not (reads and module.check_mode):
            fail(module, error)
        module.warn(str(error))
        result = {"changed": False, "verified": False, **error.details}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
