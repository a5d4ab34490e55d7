#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images in a store that all nodes see."""

from __future__ import annotations

DOCUMENTATION = r"""
module: enroot_image
short_description: Container images in a store that all nodes see
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Makes images as squashfs files in a directory that all nodes see, for C(srun --container-image), C(enroot start) and C(ch-run).
    Run it on one host that sees the directory.
  - The image NAME is the file C(NAME.sqsh). Beside it C(NAME.json) tells what it was made from, so a second run changes nothing, and a
    source that has changed is seen. What no run made is never overwritten.
  - An image appears whole or not at all, by a rename in the store. A run that is cut off leaves a hidden file, which the next removes.
  - Several hosts may import at once. One makes the image, the others wait and find it. The lock is one of fcntl(2), which NFSv4, CephFS,
    and Lustre mounted with C(flock) carry between hosts. Where it is not carried both do the work, and the image is still whole.
  - Jobs that have an image open keep it when it is replaced or removed. On this host its inode stays, and for the other hosts of an NFS
    server the former image keeps a hidden name for O(keep_days) days.
requirements:
  - C(enroot) 4 for images of a registry
  - C(squashfs-tools) 4.5 for those of a tar, with C(gzip), C(xz), C(bzip2) or C(zstd) where that is compressed
options:
  images:
    description: The images, as in the cluster file.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name, without C(.sqsh).
        type: str
        required: true
      source:
        description:
          - C(docker://[USER@][HOST#]IMAGE[:TAG]) of a registry, C(http://) or C(https://) of a file, or the path of a file on this host.
            A file is a squashfs, or a tar of a root filesystem.
          - It must hold no password. Those of registries are taken from C(.credentials) in C(ENROOT_CONFIG_PATH), those of web servers
            from C(~/.netrc).
        type: str
        default: ""
      sha256:
        description:
          - The sha256 of the source, since that is what a publisher can tell. Two squashfs of the same files need not be equal.
          - Of a file it is that of its content, and another file is refused. Of a registry it is the digest of the manifest, and the
            image is imported by it.
          - With it, the source of an image that is there is not asked again. Without it each run asks whether it has changed.
        type: str
        default: ""
      state:
        description: V(absent) removes the image, whoever made it.
        type: str
        choices: [present, absent]
        default: present
  store:
    description: The directory of the images. It must be there.
    type: path
    required: true
  work:
    description: Directory on a local disk for layers and downloads. Nothing stays there.
    type: path
    default: /var/tmp
  owner:
    description: Whom the images belong to.
    type: str
    default: root
  group:
    description: The group of the images.
    type: str
    default: root
  mode:
    description: Who may read the images, in octal digits.
    type: str
    default: "0644"
  keep_days:
    description: How long a former image stays for jobs that use it, which is how long jobs may last. Later runs free its room.
    type: int
    default: 7
  patience:
    description: How long to wait, in seconds, for another run that imports the same image.
    type: int
    default: 1800
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: Two images, one of them by its digest, and one no longer
  clusterwright.hpc.enroot_image:
    store: /shared/images
    images:
      - name: debian
        source: docker://registry.example:5000#debian:13
        sha256: 5f8b5e5ec8e18f5e9d7f0f0ab4ba7cf61fbcd8e32d5f1a7e4c6e7a8e0d0f7c11
      - name: solver
        source: /srv/builds/solver.tar.zst
      - name: old
        state: absent
"""

RETURN = r"""
before:
  description: What was seen of each image, by its name; nothing where there is none.
  returned: success
  type: dict
  sample: {debian: {}}
after:
  description:
    - What was read back after the change. In check mode, what is predicted, with the size 0.
    - The sha256 is that of the source.
  returned: success
  type: dict
  sample:
    debian:
      source: /srv/builds/debian.tar
      sha256: 1042b45096a23a4c64dff4b652d171d2070d3730b4c6b8b1ee1adc1acc4a0e26
      size: 1040384
      owner: root
      group: root
      mode: "0644"
diff:
  description: One entry for each image that changes.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: debian
      before: ""
      after_header: debian
      after: |
        source=/srv/builds/debian.tar
        sha256=1042b45096a23a4c64dff4b652d171d2070d3730b4c6b8b1ee1adc1acc4a0e26
        size=1040384
        owner=root
        group=root
        mode=0644
commands:
  description: What was done or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample:
    - a squashfs of /srv/builds/debian.tar as /shared/images/debian.sqsh
reasons:
  description: Why each image that changes does, by its name.
  returned: success
  type: dict
  sample: {debian: it is not there}
impact:
  description: What the change disturbs, in words (C(text)) and as data. RV(impact) counts users of the image on this host alone.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: image_removed
      image: debian
      users: 0
      text: >-
        image debian is removed; jobs that have it open keep the old one (0 users of it on this host); its 1.0 MiB are freed by a run
        after 7 days
verified:
  description: True when it was read back and is whole. False in check mode and on failure.
  returned: success
  type: bool
  sample: true
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot import images, sources

ARGUMENT_SPEC = {
    "images": {"type": "list", "elements": "dict", "required": True, "options": {
        "name": {"type": "str", "required": True}, "source": {"type": "str", "default": ""}, "sha256": {"type": "str", "default": ""},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}},
    "store": {"type": "path", "required": True}, "work": {"type": "path", "default": "/var/tmp"},
    "owner": {"type": "str", "default": "root"}, "group": {"type": "str", "default": "root"}, "mode": {"type": "str", "default": "0644"},
    "keep_days": {"type": "int", "default": 7}, "patience": {"type": "int", "default": 1800},
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run, given = runner(module), module.params
    wanted = given["images"]
    # A password that somebody wrote into a source is refused, and is not shown in what was asked for either.
    module.no_log_values.update(filter(None, (sources.secret(image["source"]) for image in wanted)))
    settings = images.Settings(
        Path(given["store"]), Path(given["work"]), given["owner"], given["group"], f"{given['mode']:0>4}",
        given["keep_days"], given["patience"])
    try:
        images.check(wanted, settings)
        before = images.observe(run, wanted, settings)
        steps = images.plan(wanted, before, settings)
        impact = images.impact(steps, before, settings)
        after = images.predicted(steps, before, settings)
        if not module.check_mode:
            steps = images.apply(run, steps, settings, module.warn)
            images.tidy(wanted, settings)
            seen = images.observe(run, wanted, settings, ask=False)
            after = images.predicted([], seen, settings)
            images.compare(steps, seen, settings)
        for warning in images.warnings(wanted, before):
            module.warn(warning)
    except ClusterwrightError as error:
        fail(module, error)
    shown = {name: now.view() for name, now in before.items()}
    module.exit_json(
        changed=bool(steps), before=shown, after=after, diff=images.diff(shown, after), impact=impact, verified=not module.check_mode,
        commands=[command for step in steps for command in step.commands], reasons={step.image["name"]: step.why for step in steps},
    )


if __name__ == "__main__":
    main()
