#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts and services of Ceph's orchestrator."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_orch
short_description: Hosts and services of Ceph's orchestrator
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Compares hosts, their labels and the specifications of services with those that the orchestrator (cephadm) has, by two questions,
    applies what differs, and waits until all daemons run.
  - Mons, managers and MDS are placed by labels, an MDS for each filesystem on each host with that label; C(ceph-crash) is everywhere.
  - Each host with OSDs has a service C(osd.HOST) that names the devices, never all that there are. It is unmanaged, so that the
    orchestrator takes no disk by itself, but while O(new) names disks of the host. Look at them before, by M(clusterwright.hpc.ceph_host),
    for the orchestrator does not.
  - No host, label, service or OSD is ever removed. What somebody set in a specification beside what is declared stays.
requirements:
  - C(ceph) on the host that it runs on, with the keyring of client.admin, such as on a mon, and cephadm as orchestrator
  - the orchestrator's public key, C(ceph cephadm get-pub-key), with root on all hosts
options:
  hosts:
    description: The hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name, as C(hostname) says it there.
        type: str
        required: true
      address:
        description: The address by which the managers reach it.
        type: str
        required: true
      labels:
        description: What it is for. V(mon) brings C(_admin) with it.
        type: list
        elements: str
        choices: [mon, mgr, osd, mds]
        required: true
      rack:
        description: Its rack, where racks are the failure domain. It counts for a new host only.
        type: str
        default: ""
  osds:
    description: The devices of hosts, one OSD each.
    type: list
    elements: dict
    default: []
    suboptions:
      hosts:
        description: The hosts.
        type: list
        elements: str
        required: true
      devices:
        description: Their devices.
        type: list
        elements: path
        required: true
      method:
        description: OSDs on a logical volume of each device, or on the device itself.
        type: str
        choices: [lvm, raw]
        default: lvm
  filesystems:
    description: The names of the filesystems, for their MDS.
    type: list
    elements: str
    default: []
  new:
    description: The devices that shall become OSDs now, a list for each host.
    type: dict
    default: {}
  timeout:
    description: How long the daemons may take, in seconds.
    type: int
    default: 600
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: What the cluster file declares, with a new disk
  clusterwright.hpc.ceph_orch:
    hosts: "{{ ceph_intent.hosts }}"
    osds:
      - {hosts: [store1, store2], devices: [/dev/sdb, /dev/sdc]}
    filesystems: [scratch]
    new:
      store2: [/dev/sdc]
"""

RETURN = r"""
before:
  description: What was seen of all that is declared.
  returned: success
  type: dict
  sample:
    host store2: {addr: 10.61.0.12, labels: [mds, mgr, osd]}
    service osd.store2:
      {placement: {hosts: [store2]}, service_id: store2, service_type: osd, spec: {data_devices: {paths: [/dev/loop62]}, method: raw},
       unmanaged: true}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample:
    host store2: {addr: 10.61.0.12, labels: [mds, mgr, osd]}
    service osd.store2:
      {placement: {hosts: [store2]}, service_id: store2, service_type: osd, spec: {data_devices: {paths: [/dev/loop63]}, method: raw},
       unmanaged: false}
diff:
  description: One entry for each item that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: service mon
      before: |
        service_type=mon
        placement={"count": 5}
        unmanaged=true
      after_header: service mon
      after: |
        service_type=mon
        placement={"label": "mon"}
        unmanaged=false
commands:
  description:
    - The commands that were run or, in check mode, would be. On failure, those that had succeeded.
    - What stands behind C(-i) is the content of the file.
  returned: success, and when a command failed
  type: list
  elements: str
  sample:
    - >-
      ceph orch apply -i '{"unmanaged": false, "placement": {"hosts": ["store2"]}, "service_id": "store2", "service_name": "osd.store2",
      "service_type": "osd", "spec": {"data_devices": {"paths": ["/dev/loop63"]}, "filter_logic": "AND", "method": "raw", "objectstore":
      "bluestore"}}'
impact:
  description: What the change disturbs, in words (C(text)) and as data.
  returned: success
  type: list
  elements: dict
  sample: [{kind: data_moves, name: osd.store2, text: "/dev/loop63 of store2: new OSDs take over their part of the data"}]
verified:
  description: True when all daemons run, and it was read back and nothing is left to do. False in check mode and on failure.
  returned: success, and when a command failed
  type: bool
  sample: true
rollback_commands:
  description: The commands that undo what stays done after a failure, in this order.
  returned: when a command failed
  type: list
  elements: str
  sample: [ceph orch host rm store2]
lacking:
  description: What does not run.
  returned: when daemons do not run in time
  type: list
  elements: str
  sample: ["store2: 0 of 1 OSDs are up"]
mismatch:
  description: What still differs after everything was applied.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample: [service mds.scratch]
mismatch_commands:
  description: The commands that another run would try.
  returned: when what was read back is not as declared
  type: list
  elements: str
  sample:
    - >-
      ceph orch apply -i '{"service_type": "mds", "service_id": "scratch", "placement": {"label": "mds"}, "unmanaged": false}'
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, orchestrator
from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph.change import View
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {
    "hosts": {
        "type": "list", "elements": "dict", "required": True,
        "options": {
            "name": {"type": "str", "required": True}, "address": {"type": "str", "required": True},
            "labels": {"type": "list", "elements": "str", "choices": ["mon", "mgr", "osd", "mds"], "required": True},
            "rack": {"type": "str", "default": ""},
        },
    },
    "osds": {
        "type": "list", "elements": "dict", "default": [],
        "options": {
            "hosts": {"type": "list", "elements": "str", "required": True},
            "devices": {"type": "list", "elements": "path", "required": True},
            "method": {"type": "str", "choices": ["lvm", "raw"], "default": "lvm"},
        },
    },
    "filesystems": {"type": "list", "elements": "str", "default": []},
    "new": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 600},
}


def main() -> None:
    """Observe, plan, apply, wait, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, given = orchestrator.with_files(runner(module)), module.params
    declared = {host: sum(len(entry["devices"]) for entry in given["osds"] if host in entry["hosts"])
                for entry in given["osds"] for host in entry["hosts"]}
    unknown = sorted(set(given["new"]) - set(declared))
    if unknown:
        fail(module, ClusterwrightError(f"{', '.join(unknown)} has new disks, and osds declares none there"))
    hosts = orchestrator.hosts(given["hosts"])
    services = orchestrator.services(given["osds"], given["filesystems"], given["new"])
    expected = {host: declared[host] for host, devices in given["new"].items() if devices}
    known: dict[str, dict[str, Any]] = {}

    def observe() -> View:
        known.update(orchestrator.observe(run))
        return orchestrator.of({**hosts, **services}, known)

    change.carry_out(
        module, run, observe, lambda seen: orchestrator.plan(hosts, services, seen, known),
        settle=lambda: orchestrator.wait(run, services, expected, given["timeout"]))


if __name__ == "__main__":
    main()
