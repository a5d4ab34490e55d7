#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QOS, accounts and their users in slurmdbd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_account
short_description: Slurm's QOS, accounts and users
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares the declared QOS, accounts and users with what slurmdbd knows, and brings about the difference with as few C(sacctmgr)
    commands as it takes. Equal changes go together, so hundreds of entities cost seconds.
  - Values are compared by meaning. The order of a list does not matter, V(cpu=64,mem=1024M) is V(mem=1G,cpu=64), V(1-0) is V(24:00:00).
  - What is not declared stays. That holds for a limit, too, and for each resource of a limit like C(GrpTRES). The value V(-1) or V(omit)
    lifts it.
  - Waits until slurmctld has registered the cluster with slurmdbd.
  - Warns of new users that do not exist on the host that it runs on, since slurmctld refuses jobs of a user that its host does not know.
requirements:
  - Slurm's commands and its configuration on the host that it runs on, such as a controller
options:
  cluster:
    description:
      - The cluster whose accounts these are, as C(ClusterName) in slurm.conf says it.
      - QOS belong to all clusters that share the slurmdbd.
    type: str
    required: true
  qos:
    description: The QOS. C(normal) is always there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name, in lower case.
        type: str
        required: true
      description:
        description: What it is for. C(sacctmgr) keeps it in lower case.
        type: str
      priority:
        description: What it adds to a job's priority, weighted by C(PriorityWeightQOS).
        type: int
      flags:
        description: All its flags, as C(sacctmgr) names them, such as V(DenyOnLimit). An empty list clears them.
        type: list
        elements: str
      preempt:
        description: All the QOS whose jobs its jobs may preempt. An empty list clears them.
        type: list
        elements: str
      limits:
        description:
          - Limits and factors by the names of C(sacctmgr), such as C(MaxTRESPerUser), C(MaxJobsPerUser), C(MaxWall), C(GraceTime),
            C(UsageFactor).
          - Put times in quotes, since YAML takes V(24:00:00) for a number.
        type: dict
  accounts:
    description: The accounts, in any order. C(root) is always there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name, in lower case.
        type: str
        required: true
      description:
        description: What it is for. C(sacctmgr) keeps it in lower case.
        type: str
      organization:
        description: Whose it is. C(sacctmgr) keeps it in lower case.
        type: str
      parent:
        description: The account above it.
        type: str
        default: root
      shares:
        description: Its shares among the accounts beside it (C(Fairshare)).
        type: int
      qos:
        description: All the QOS that its jobs may use. An empty list makes it those of the account above.
        type: list
        elements: str
      default_qos:
        description: The QOS of jobs that name none. V(-1) clears it.
        type: str
      limits:
        description: Limits by the names of C(sacctmgr), such as C(GrpTRES), C(GrpTRESMins), C(MaxJobs), C(MaxWall). Put times in quotes.
        type: dict
      users:
        description:
          - Users whose jobs it pays for. The first account that a new user gets is the user's default account.
          - With O(state=exact) other users leave the account. When left out, nobody leaves.
        type: list
        elements: str
  state:
    description:
      - V(present) adds and corrects.
      - V(exact) also removes the QOS and accounts that are not declared, and other users from accounts with O(accounts[].users). It never
        removes C(root), the QOS C(normal), or a QOS that another cluster's associations may use. When something that it would remove has
        jobs that have not ended, it changes nothing and names them.
    type: str
    choices: [present, exact]
    default: present
  timeout:
    description: How long to wait for slurmdbd and for the cluster in it, in seconds.
    type: int
    default: 60
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Changes nothing. Where slurmdbd does not answer yet, it warns and predicts as for an empty one.
    support: full
"""

EXAMPLES = r"""
- name: QOS, accounts and users of the cluster file
  clusterwright.hpc.slurm_account:
    cluster: "{{ slurm_intent.cluster_name }}"
    qos: "{{ slurm_accounts.qos }}"
    accounts: "{{ slurm_accounts.accounts }}"
  run_once: true

- name: Two institutes, and nobody else
  clusterwright.hpc.slurm_account:
    cluster: lab
    state: exact
    qos:
      - {name: high, priority: 100, limits: {MaxTRESPerUser: "cpu=64", MaxWall: "12:00:00"}}
    accounts:
      - {name: physics, shares: 20, qos: [normal, high], default_qos: normal, limits: {GrpTRES: "cpu=512,mem=2T"}, users: [ada, bob]}
      - {name: optics, parent: physics, users: [eve]}
"""

RETURN = r"""
before:
  description: What was seen, of all that is declared or removed. A value that is not set does not appear.
  returned: success
  type: dict
  sample:
    qos:
      high: {Description: for those in a hurry, MaxTRESPerUser: "cpu=64,mem=1536M", MaxWallDurationPerJob: 1-12:00:00, Priority: "100"}
    accounts:
      physics: {DefaultQOS: normal, Description: physics dept, Fairshare: "20", Organization: uni, Parent: root, QOS: "high,normal",
                users: [ada, bob]}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample:
    qos:
      high: {Description: for those in a hurry, MaxTRESPerUser: "cpu=64", MaxWallDurationPerJob: 1-12:00:00, Priority: "100"}
    accounts:
      physics: {DefaultQOS: high, Description: physics dept, Fairshare: "20", GrpTRESMins: "cpu=10000", Organization: uni, Parent: root,
                QOS: high, users: [bob]}
diff:
  description: One entry for each QOS and account that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: account physics
      before: |
        Fairshare=10
        Parent=root
        user ada
      after_header: account physics
      after: |
        Fairshare=20
        Parent=root
        user ada
        user bob
commands:
  description: The commands that were run or, in check mode, would be. On failure, those that had succeeded.
  returned: success, and when a command failed
  type: list
  elements: str
  sample:
    - sacctmgr --immediate modify qos where name=high set MaxTRESPerUser=mem=-1
    - sacctmgr --immediate modify account where name=physics cluster=lab set QOS=high DefaultQOS=high GrpTRESMins=cpu=10000
    - sacctmgr --immediate add user name=newone account=optics cluster=lab
    - sacctmgr --immediate delete user where name=ada cluster=lab
impact:
  description: What the change disturbs, in words (RV(impact[].text)) and as data.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: One of C(qos_removed), C(account_removed), C(users_removed), C(qos_withdrawn), C(limit_ends_jobs).
      type: str
      returned: always
    name:
      description: The QOS or account.
      type: str
      returned: always
    text:
      description: The same in words.
      type: str
      returned: always
  sample:
    - {kind: users_removed, name: physics, users: [ada], text: account physics loses ada}
    - kind: limit_ends_jobs
      name: physics
      limit: GrpTRESMins=cpu=10000
      text: "account physics gets GrpTRESMins=cpu=10000: jobs that run and are beyond it end"
verified:
  description: True when slurmdbd was read back and nothing is left to do. False in check mode and on failure.
  returned: success, and when a command failed
  type: bool
  sample: true
jobs:
  description: The jobs that have not ended, by what would be removed under them.
  returned: when it was refused for them
  type: dict
  sample: {"QOS high": ["2"], "account optics": ["3"]}
rollback_commands:
  description: The commands that undo what stays done after a failure, in this order.
  returned: when a command failed
  type: list
  elements: str
  sample:
    - sacctmgr --immediate delete account where name=bio cluster=lab
    - sacctmgr --immediate modify qos where name=high set Priority=100
mismatch:
  description: What still differs after everything was applied.
  returned: when slurmdbd, read back, is not as declared
  type: list
  elements: str
  sample: [QOS high]
mismatch_commands:
  description: The commands that another run would try.
  returned: when slurmdbd, read back, is not as declared
  type: list
  elements: str
  sample: [sacctmgr --immediate add qos name=high Priority=100]
"""

import platform
import pwd

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import accounts, accounts_plan

NAMES = {"type": "list", "elements": "str"}
ARGUMENT_SPEC = {
    "cluster": {"type": "str", "required": True},
    "qos": {
        "type": "list", "elements": "dict", "default": [],
        "options": {
            "name": {"type": "str", "required": True}, "description": {"type": "str"}, "priority": {"type": "int"},
            "flags": NAMES, "preempt": NAMES, "limits": {"type": "dict"},
        },
    },
    "accounts": {
        "type": "list", "elements": "dict", "default": [],
        "options": {
            "name": {"type": "str", "required": True}, "description": {"type": "str"}, "organization": {"type": "str"},
            "parent": {"type": "str", "default": "root"}, "shares": {"type": "int"}, "qos": NAMES, "default_qos": {"type": "str"},
            "limits": {"type": "dict"}, "users": NAMES,
        },
    },
    "state": {"type": "str", "choices": ["present", "exact"], "default": "present"},
    "timeout": {"type": "int", "default": 60},
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run = runner(module)
    try:
        declared = accounts.declared(module.params)
        state = _observed(module, run, declared.cluster)
        plan = accounts_plan.plan(declared, state)
        if plan.removes:
            accounts_plan.refuse_in_use(plan, accounts.jobs(run, declared.cluster))
        after = plan.after
        if plan.commands and not module.check_mode:
            accounts.apply(run, plan.commands)
            after = accounts.observe(run, declared.cluster)
            accounts_plan.compare(declared, after, plan.commands)
    except ClusterwrightError as error:
        fail(module, error)
    strangers = [user for user in plan.new_users if not _exists(user)]
    if strangers:
        listed = ", ".join(strangers[:5]) + (f" and {len(strangers) - 5} more" if len(strangers) > 5 else "")
        module.warn(
            f"{platform.node()} does not know {listed}: slurmctld refuses their jobs until it does, "
            "and notices that within an hour, or by `scontrol reconfigure`"
        )
    views = {name: accounts_plan.view(declared, seen, plan) for name, seen in (("before", state), ("after", after))}
    module.exit_json(
        changed=bool(plan.commands),
        **views,
        diff=accounts_plan.diff(views["before"], views["after"]),
        commands=[str(command) for command in plan.commands],
        impact=accounts_plan.impact(declared, state, plan),
        verified=not module.check_mode,
    )


def _exists(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False


def _observed(module: AnsibleModule, run: Run, cluster: str) -> accounts.State:
    try:
        return accounts.wait_registered(run, cluster, 0 if module.check_mode else module.params["timeout"])
    except accounts.NoAnswer as error:
        if not module.check_mode:
            raise
        module.warn(f"{error}. Predicted as for an empty one.")
        return accounts.State()


if __name__ == "__main__":
    main()
