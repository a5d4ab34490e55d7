#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OSDs of a host, on empty disks or on files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd
short_description: OSDs of a host, on empty disks or on files
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Makes an OSD on each declared disk that has none, and as many on sparse files as declared. They are set up, not started.
  - A disk that carries anything is refused, be it a partition table, a filesystem, a volume, or bytes in its first MiB, as is one that is
    in use or smaller than declared. All disks are looked at before the first is touched. No disk is emptied but what O(zap) names, and no
    OSD removed.
  - An OSD that fails half-way is taken back, on the disk's host and in the mons.
requirements:
  - C(ceph-osd) and C(ceph) of release 18 or newer, the keyring of client.bootstrap-osd in its usual place, and C(blkid)
options:
  devices:
    description: Whole disks, best by names that stay, such as those in C(/dev/disk/by-id).
    type: list
    elements: path
    default: []
  files:
    description: OSDs on sparse files, for a lab.
    type: int
    default: 0
  size:
    description: How large each is, in MiB. A disk may be a tenth smaller.
    type: int
    required: true
  fsid:
    description: The UUID of the cluster.
    type: str
    required: true
  replaces:
    description:
      - The number of a destroyed OSD of this host, which the first new one takes. What that one has below C(/var/lib/ceph/osd) is moved
        aside, to C(replaced-7) for osd.7.
      - Where no disk of O(devices) is without an OSD then, it fails.
    type: int
  zap:
    description: Disks of O(devices) that are emptied if an OSD is to be made there, whatever they carry. One that is in use is refused.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: Two disks
  clusterwright.hpc.ceph_osd:
    devices: [/dev/disk/by-id/nvme-eui.0001, /dev/disk/by-id/nvme-eui.0002]
    size: 3500000
    fsid: "{{ ceph_intent.fsid }}"

- name: Another disk in the place of the one that osd.7 had
  clusterwright.hpc.ceph_osd:
    devices: [/dev/disk/by-id/nvme-eui.0001, /dev/disk/by-id/nvme-eui.0003]
    size: 3500000
    fsid: "{{ ceph_intent.fsid }}"
    replaces: 7
"""

RETURN = r"""
before:
  description: What was seen of all that is declared.
  returned: success
  type: dict
  sample: {osd.0: {data: file, fsid: 669d3f16-94ed-500d-9c94-340c3dd8bfb3}}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample:
    osd.0: {data: file, fsid: 669d3f16-94ed-500d-9c94-340c3dd8bfb3}
    osd.3: {data: /dev/loop1, fsid: 669d3f16-94ed-500d-9c94-340c3dd8bfb3}
diff:
  description: One entry for each item that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: osd.3
      before: ""
      after_header: osd.3
      after: |
        data=/dev/loop1
        fsid=669d3f16-94ed-500d-9c94-340c3dd8bfb3
commands:
  description: What was made or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample:
    - an OSD on /dev/loop1
impact:
  description: What the change disturbs, in words (C(text)) and as data.
  returned: success
  type: list
  elements: dict
  sample: [{kind: data_moves, text: 1 new OSDs take over their part of the data}]
verified:
  description: True when it was read back and nothing is left to do. False in check mode and on failure.
  returned: success
  type: bool
  sample: true
osds:
  description: All OSDs of the host, those of former runs too.
  returned: success
  type: list
  elements: str
  sample: [osd.0, osd.3]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import change, osds
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {
    "devices": {"type": "list", "elements": "path", "default": []}, "files": {"type": "int", "default": 0},
    "size": {"type": "int", "required": True}, "fsid": {"type": "str", "required": True},
    "replaces": {"type": "int"}, "zap": {"type": "list", "elements": "path", "default": []},
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, wanted = runner(module), module.params
    replaces = wanted["replaces"]
    try:
        before = osds.observe()
        seen = {name: entry for name, entry in before.items() if name != f"osd.{replaces}"}
        new = osds.missing(wanted["devices"], wanted["files"], wanted["fsid"], seen)
        if replaces is not None and not new:
            raise ClusterwrightError(f"osd.{replaces} cannot be replaced, for each device of the cluster file has an OSD: name the new "
                                     "disk there; nothing was changed")
        theirs = before.get(f"osd.{replaces}", {}).get("data")
        for device in new:
            # The OSD that is replaced may still run, as long as nothing is done.
            if device != "file" and not (module.check_mode and device in wanted["zap"] and osds.real(device) == theirs):
                osds.refuse_data(run, device, wanted["size"], device in wanted["zap"])
        after = {**before, **{f"a new OSD ({position})": {"data": osds.real(data), "fsid": wanted["fsid"]}
                              for position, data in enumerate(new, 1)}}
        if not module.check_mode:
            for position, data in enumerate(new):
                if data in wanted["zap"]:
                    osds.zap(run, data)
                osds.make(run, data, wanted["size"], replaces if position == 0 else None)
            after = osds.observe()
            left = osds.missing(wanted["devices"], wanted["files"], wanted["fsid"], after)
            if left:
                raise ClusterwrightError(f"after everything was applied there is no OSD on {left[0]}: look at /var/log/ceph", changed=True)
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=bool(new), before=before, after=after, diff=change.diff(before, after), commands=[f"an OSD on {data}" for data in new],
        impact=[{"kind": "data_moves", "text": f"{len(new)} new OSDs take over their part of the data"}] if new and before else [],
        osds=[name for name in after if name.startswith("osd.")], verified=not module.check_mode,
    )


if __name__ == "__main__":
    main()
