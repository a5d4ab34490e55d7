#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, changes and deletes reservations."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_reservation
short_description: Reservations of Slurm
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Makes a reservation, or changes what differs from what is asked for. What is not said stays as it is.
  - A reservation that has started keeps its start; to ask for another one is an error. One that repeats (C(daily) and the like) keeps
    the times of its next turn.
  - Slurm removes a reservation when it is over.
requirements:
  - Slurm's commands on the host that it runs on, a controller; root or SlurmUser
options:
  name:
    description: Name of the reservation.
    type: str
    required: true
  state:
    description: Whether it shall be there. One that running jobs use is not deleted.
    type: str
    choices: [present, absent]
    default: present
  start:
    description:
      - V(now), a time from now on such as V(+10min), V(+2h) or V(+1day), or a time such as V(2026-11-22T08:00), by the controller's clock
        where it names no time zone.
      - What is counted from now counts when the reservation is made, and never moves it later. A new reservation starts now when this
        is left out.
    type: str
  duration:
    description: How long, as V(4h), V(90min) or, in quotes, V(1-12:00:00). This or O(end) is needed to make a reservation.
    type: str
  end:
    description: When it ends, as O(start).
    type: str
  nodes:
    description: Its nodes as a NodeSet, or V(ALL). This or O(node_count) is needed to make a reservation.
    type: str
  node_count:
    description: How many nodes Slurm shall choose.
    type: int
  partition:
    description: The partition to choose them from.
    type: str
  users:
    description: Who may use it. This or O(accounts) is needed to make a reservation.
    type: list
    elements: str
  accounts:
    description: Accounts that may use it.
    type: list
    elements: str
  flags:
    description:
      - Its flags, such as V(maint) and V(ignore_jobs), and no others. C(SPEC_NODES) and C(ALL_NODES) are Slurm's own and do not count.
    type: list
    elements: str
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: The second container for the power engineers
  clusterwright.hpc.slurm_reservation:
    name: pdu
    nodes: cn[061-120]
    start: 2026-11-22T08:00
    duration: 4h
    users: [root]
    flags: [maint, ignore_jobs]

- name: They are ready early
  clusterwright.hpc.slurm_reservation:
    name: pdu
    state: absent
"""

RETURN = r"""
before:
  description: The reservation as it was; null where there was none.
  returned: success
  type: dict
  sample: null
after:
  description: The reservation as it was read back, times in seconds since 1970; null where there is none. In check mode, what is predicted.
  returned: success
  type: dict
  sample:
    state: INACTIVE
    nodes: cn[3-4]
    node_count: 2
    partition: ""
    starts_at: 1795248929
    ends_at: 1795252529
    users: [root]
    accounts: []
    flags: [MAINT, IGNORE_JOBS, SPEC_NODES]
diff:
  description: Before and after, a line an item.
  returned: success
  type: dict
  sample: {before_header: reservation pdu, before: "", after_header: reservation pdu, after: "state: ACTIVE\nnodes: cn[3-4]\n"}
commands:
  description: What was typed or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample: ["scontrol create reservation reservationname=pdu starttime=uts1795248929 endtime=uts1795252529 'nodes=cn[3-4]' users=root"]
impact:
  description: The nodes that are reserved (C(nodes_reserved)) or free again (C(nodes_freed)), as data and in words.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: nodes_reserved
      nodes: cn[3-4]
      text: cn[3-4] is reserved from 2026-11-21 08:15 to 2026-11-21 09:15
verified:
  description: Whether the reservation was read back as asked. False in check mode.
  returned: success
  type: bool
  sample: true
"""

import shlex
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import info, reservations

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "start": {"type": "str"},
    "duration": {"type": "str"},
    "end": {"type": "str"},
    "nodes": {"type": "str"},
    "node_count": {"type": "int"},
    "partition": {"type": "str"},
    "users": {"type": "list", "elements": "str"},
    "accounts": {"type": "list", "elements": "str"},
    "flags": {"type": "list", "elements": "str"},
}


def converge(module: AnsibleModule, run: Run) -> dict[str, Any]:
    """Observe, plan, apply, observe again and compare."""
    name, now = module.params["name"], time.time()
    want = reservations.wanted(module.params, now)
    before = info.reservations(run).get(name)

    def planned(found: info.Reservation | None) -> list[str]:
        return reservations.plan(want, found, reservations.same_nodes(run, want, found), now)

    if module.params["state"] == "absent":
        argv = reservations.removal(name) if before else []
        after = None
    else:
        argv = planned(before)
        if argv:
            reservations.know_nodes(run, want)
        after = reservations.predict(want, before, now) if argv else before
    if argv and not module.check_mode:
        reservations.apply(run, argv, name, reservations.jobs(run, name) if after is None else ())
        read = info.reservations(run).get(name)
        if (after is None and read) or (after is not None and (read is None or planned(read))):
            raise ClusterwrightError(f"reservation {name} is not as asked after `{shlex.join(argv)}`: see `scontrol show res {name}`")
        after = read
    return {
        "changed": bool(argv), "before": before, "after": after, "commands": [shlex.join(argv)] if argv else [],
        "diff": reservations.diff(name, before, after), "impact": reservations.impact(before, after) if argv else [],
        "verified": not module.check_mode,
    }


def main() -> None:
    """One exit."""
    module = AnsibleModule(
        argument_spec=ARGUMENT_SPEC, mutually_exclusive=[("duration", "end"), ("nodes", "node_count")], supports_check_mode=True)
    run = runner(module)
    try:
        result = converge(module, run)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
