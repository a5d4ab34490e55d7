#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OSDs out of the cluster and into it again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_state
short_description: OSDs out of a Ceph cluster and into it again
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Takes OSDs out of the mons' map, and waits until their data is on others. What an OSD has on its host stays.
  - Refuses where pools would not fit on the OSDs that stay, by number of failure domains or by room.
  - Refuses to destroy or purge an OSD that runs, or whose data is nowhere else.
requirements:
  - C(ceph) of release 18 or newer on the host that it runs on, with the keyring of client.admin, such as on a mon
options:
  osds:
    description: Their numbers.
    type: list
    elements: int
    required: true
  state:
    description:
      - V(out) marks them out, for disks that are replaced, and waits until their data is elsewhere. Where no failure domain is to spare it
        cannot be, nothing is done, and RV(elsewhere) is false. All other OSDs must be whole then, and able to do without these.
      - V(drained) sets their CRUSH weights to 0, for OSDs that go for ever, and waits until their data is elsewhere.
      - V(destroyed) makes a disk's content unusable, and keeps the OSD's number and place for another disk. Where no failure domain is to
        spare, it is enough that all placement groups are active and none recovers.
      - V(purged) ends them.
      - V(in) lets them take data.
    type: str
    choices: [in, out, drained, destroyed, purged]
    required: true
  timeout:
    description: How long to wait, in seconds. Check mode waits 20 at most.
    type: int
    default: 3600
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: The data of osd.7 is elsewhere, where it can be
  clusterwright.hpc.ceph_osd_state:
    osds: [7]
    state: out

- name: Nothing is on the OSDs of a host that goes
  clusterwright.hpc.ceph_osd_state:
    osds: [7, 8]
    state: drained
    timeout: 86400
"""

RETURN = r"""
before:
  description: What was seen of these OSDs.
  returned: success
  type: dict
  sample: {osd.2: {host: store3, in: true, status: down, weight: 0.0058}}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {osd.2: {host: store3, in: true, status: destroyed, weight: 0.0058}}
diff:
  description: One entry for each OSD that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: osd.2
      before: |
        host=store3
        status=down
        in=true
        weight=0.0058
      after_header: osd.2
      after: |
        host=store3
        status=destroyed
        in=true
        weight=0.0058
commands:
  description: The commands that were run or, in check mode, would be. On failure, those that had succeeded.
  returned: success, and when a command failed
  type: list
  elements: str
  sample: [ceph osd destroy 2 --yes-i-really-mean-it]
impact:
  description: What the change disturbs, in words (C(text)) and as data.
  returned: success
  type: list
  elements: dict
  sample: [{kind: data_moves, name: osd.2, text: "osd.2: what its disk has can no longer be used"}]
verified:
  description: True when it was read back and nothing is left to do. False in check mode and on failure.
  returned: success, and when a command failed
  type: bool
  sample: true
elsewhere:
  description: Whether the data can be on other OSDs. When it could not, RV(why) says the reason.
  returned: success
  type: bool
  sample: false
why:
  description: Why the data cannot be on other OSDs.
  returned: success
  type: list
  elements: str
  sample:
    - "pool scratch_data: 3 copies need 3 failure domains, and 2 have OSDs: its placement groups would never be whole"
rollback_commands:
  description: The commands that undo what stays done after a failure, in this order.
  returned: when a command failed
  type: list
  elements: str
  sample: [ceph osd in 2]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, removal
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

MOMENT = 20         # seconds for which check mode waits: placement groups that have just peered are no reason

ARGUMENT_SPEC = {
    "osds": {"type": "list", "elements": "int", "required": True},
    "state": {"type": "str", "choices": ["in", "out", "drained", "destroyed", "purged"], "required": True},
    "timeout": {"type": "int", "default": 3600},
}


def main() -> None:
    """Observe, plan, refuse, apply, wait, observe again."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, numbers, state = runner(module), module.params["osds"], module.params["state"]
    patience = min(module.params["timeout"], MOMENT) if module.check_mode else module.params["timeout"]
    named = ", ".join(f"osd.{number}" for number in numbers)
    try:
        cluster = removal.look(run)
        before = removal.view(cluster, numbers)
        planned = removal.plan(state, numbers, before)
        there = [number for number in numbers if f"osd.{number}" in before]
        running = any(entry["status"] == "up" for entry in before.values())
        why = removal.homeless(cluster, there) if state != "in" and there else []
        if why and state in ("drained", "purged"):
            raise ClusterwrightError(f"{named} cannot go: {'; '.join(why)}. Add OSDs first; nothing was changed")
        if why and state == "out":
            planned = change.Plan([], before)
        if why and (planned.commands or state == "out"):
            removal.wait(lambda: removal.calm(run, there, running), f"{named} cannot be spared", patience)
        elif planned.commands and state in ("destroyed", "purged"):
            removal.wait(lambda: removal.safe(run, there), f"the data of {named} is not elsewhere", patience)
        after = planned.after
        if not module.check_mode:
            change.apply(run, planned.commands)
            if state in ("out", "drained") and not why:
                removal.wait(lambda: removal.safe(run, there), f"the data of {named} is not elsewhere", patience)
            after = removal.view(removal.look(run), numbers)
            left = removal.plan(state, numbers, after).commands if not why or state != "out" else []
            if left:
                raise ClusterwrightError(f"{left[0].item} is not {state} after everything was applied: somebody else may be changing it",
                                         changed=True, verified=False)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=bool(planned.commands), before=before, after=after, diff=change.diff(before, after),
        commands=[str(command) for command in planned.commands], impact=list(planned.impact), verified=not module.check_mode,
        elsewhere=not why, why=why,
    )


if __name__ == "__main__":
    main()
