#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of Ceph is on a host, and which of its declared disks are still empty."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_host
short_description: What of Ceph is on a host, and which of its declared disks are still empty
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Looks at a host that Ceph's orchestrator (C(cephadm)) has or shall have, and changes nothing.
  - Refuses a host that has daemons of another cluster, or daemons from packages, or on which the beginning of the cluster was interrupted.
  - Refuses a declared disk that has no OSD of the cluster and carries anything, be it a partition table, a filesystem, a volume, or bytes
    in its first MiB, as it refuses one that is in use or smaller than declared.
requirements:
  - C(blkid), for disks
options:
  fsid:
    description: The UUID of the cluster.
    type: str
    required: true
  disks:
    description: The disks that shall carry an OSD each, in groups of one size.
    type: list
    elements: dict
    default: []
    suboptions:
      devices:
        description: Whole disks, best by names that stay, such as those in C(/dev/disk/by-id).
        type: list
        elements: path
        required: true
      size:
        description: How large each is, in MiB. A disk may be a tenth smaller.
        type: int
        required: true
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: Two disks
  clusterwright.hpc.ceph_host:
    fsid: "{{ ceph_intent.fsid }}"
    disks:
      - {devices: [/dev/disk/by-id/nvme-eui.0001, /dev/disk/by-id/nvme-eui.0002], size: 3500000}
"""

RETURN = r"""
daemons:
  description: The daemons of the cluster that are set up on the host.
  returned: success
  type: list
  elements: str
  sample: [crash.store1, mds.scratch.store1.buhbpm, mgr.store1.kextvz, mon.store1, osd.0]
osds:
  description: The disks of each OSD. Where it is on a volume, the volume is first and its disks follow.
  returned: success
  type: dict
  sample: {osd.0: [/dev/loop61]}
new:
  description: The declared disks that are empty.
  returned: success
  type: list
  elements: str
  sample: [/dev/loop63]
clusters:
  description: The clusters whose daemons the host has.
  returned: when they are not ours
  type: list
  elements: str
  sample: [0a1b2c3d-0000-4000-8000-0123456789ab]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import containers
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner

ARGUMENT_SPEC = {
    "fsid": {"type": "str", "required": True},
    "disks": {
        "type": "list", "elements": "dict", "default": [],
        "options": {"devices": {"type": "list", "elements": "path", "required": True}, "size": {"type": "int", "required": True}},
    },
}


def main() -> None:
    """Observe, and refuse."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, fsid = runner(module), module.params["fsid"]
    try:
        host = containers.observe()
        containers.refuse_others(fsid, host)
        containers.refuse_unfinished(fsid)
        new = [device for entry in module.params["disks"] for device in containers.missing(run, entry["devices"], entry["size"], host)]
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(changed=False, daemons=host.clusters.get(fsid, []), osds=host.disks, new=new)


if __name__ == "__main__":
    main()
