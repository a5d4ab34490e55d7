#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The beginning of a Ceph cluster by cephadm."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_bootstrap
short_description: The beginning of a Ceph cluster by cephadm
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Sets up the first mon and the first manager of a cluster with Ceph's orchestrator, unless the host has daemons of that cluster.
  - Nothing is set up that was not declared, such as the dashboard or the monitoring stack. M(clusterwright.hpc.ceph_orch) does the rest.
  - Refuses a host with daemons of another cluster, or with daemons from packages. Whether another host has the cluster already, it cannot
    know. Ask M(clusterwright.hpc.ceph_host) there before.
  - A bootstrap that fails is taken back.
requirements:
  - C(cephadm) of the release of the image, and what it needs (podman, lvm2, a time service)
options:
  fsid:
    description: The UUID of the cluster.
    type: str
    required: true
  address:
    description: The address of the mon.
    type: str
    required: true
  image:
    description: The container image. Where it is not said, cephadm has one.
    type: str
    default: ""
  registry:
    description: The registry to log in to.
    type: str
    default: ""
  registry_user:
    description: Who logs in there. Where it is not said, nobody does.
    type: str
    default: ""
  registry_password:
    description: The password. It is on no command line.
    type: str
    default: ""
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: The first mon
  clusterwright.hpc.ceph_bootstrap:
    fsid: "{{ ceph_intent.fsid }}"
    address: "{{ ceph_intent.mons[0].address }}"
"""

RETURN = r"""
before:
  description: What was seen.
  returned: success
  type: dict
  sample: {daemons: []}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample: {daemons: [mgr.store1.kextvz, mon.store1]}
diff:
  description: One entry where a cluster begins.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: cluster 07a977ab-09ce-5133-97ab-7d50dfd75de0
      before: ""
      after_header: cluster 07a977ab-09ce-5133-97ab-7d50dfd75de0
      after: |
        daemons=["mgr.store1.kextvz", "mon.store1"]
commands:
  description: What was run or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample:
    - >-
      cephadm --image 10.61.0.11:5000/ceph:16 bootstrap --fsid 07a977ab-09ce-5133-97ab-7d50dfd75de0 --mon-ip 10.61.0.11
      --skip-mon-network --skip-monitoring-stack --skip-dashboard --orphan-initial-daemons
impact:
  description: What the change disturbs. A new cluster disturbs nothing.
  returned: success
  type: list
  elements: dict
  sample: []
verified:
  description: True when it was read back. False in check mode.
  returned: success
  type: bool
  sample: true
"""

import shlex

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, containers
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {
    "fsid": {"type": "str", "required": True}, "address": {"type": "str", "required": True}, "image": {"type": "str", "default": ""},
    "registry": {"type": "str", "default": ""}, "registry_user": {"type": "str", "default": ""},
    "registry_password": {"type": "str", "default": "", "no_log": True},
}


def main() -> None:
    """Observe, apply, observe again."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    wanted, fsid = module.params, module.params["fsid"]
    item = f"cluster {fsid}"
    try:
        host = containers.observe()
        containers.refuse_others(fsid, host)
        containers.refuse_unfinished(fsid)
        before = {"daemons": host.clusters.get(fsid, [])}
        begins, after = not before["daemons"], before
        if begins:
            after = {"daemons": ["mon", "mgr"]}
            if not module.check_mode:
                containers.bootstrap(runner(module), wanted)
                after = {"daemons": containers.observe().clusters.get(fsid, [])}
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=begins, before=before, after=after, diff=change.diff({}, {item: after}) if begins else [],
        commands=[shlex.join(containers.command(wanted, "FILE" if wanted["registry_user"] else ""))] if begins else [],
        impact=[], verified=not module.check_mode,
    )


if __name__ == "__main__":
    main()
