#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets a new slurmdbd convert the accounting database, in the foreground."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_dbd_convert
short_description: Let a new slurmdbd convert the accounting database
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - After an upgrade slurmdbd rewrites its tables when it first starts, which takes minutes to hours in a large database. This module starts
    it in the foreground (C(slurmdbd -D)) as its own user, shows what it says, waits until it is through, and stops it. Starting the service
    is the caller's work.
  - It waits without limit. The conversion runs as a transient unit of systemd, so that it goes on when the connection is lost or the run is
    interrupted; another run finds it and waits on.
  - Where the service runs, there is nothing to convert.
requirements:
  - systemd, and slurmdbd with its configuration
options:
  config:
    description: The slurmdbd.conf, which names the user.
    type: path
    default: /etc/slurm/slurmdbd.conf
  wait:
    description: After how many seconds to show again what is going on.
    type: int
    default: 15
extends_documentation_fragment:
  - clusterwright.hpc.attributes.node
attributes:
  check_mode:
    description: Starts nothing, and tells whether it would.
    support: full
  diff_mode:
    description: What changes are the database's tables.
    support: none
  idempotent:
    description: Changes nothing where slurmdbd runs as a service.
    support: full
"""

EXAMPLES = r"""
- name: Convert the database, after slurmdbd was stopped, dumped and replaced
  clusterwright.hpc.slurm_dbd_convert:

- name: Start slurmdbd
  ansible.builtin.systemd_service:
    name: slurmdbd.service
    state: started
"""

RETURN = r"""
finished:
  description: Whether slurmdbd is through with its tables. False in check mode.
  returned: success
  type: bool
  sample: true
version:
  description: The version that slurmdbd said it is; empty where the service runs.
  returned: success
  type: str
  sample: 26.05.5
lines:
  description: What slurmdbd said, the last 15 lines of it where it failed.
  returned: when slurmdbd was started in the foreground
  type: list
  elements: str
  sample:
    - adding column sluid after script_hash_inx in table "upgr_job_table"
    - slurmdbd version 26.05.5 started
commands:
  description: The command that started it, or would.
  returned: success
  type: list
  elements: str
  sample:
    - systemd-run --quiet --unit=clusterwright-slurmdbd.service '--description=slurmdbd converts its tables' -p User=slurm
      -p RuntimeDirectory=slurmdbd -p LimitNOFILE=65536 -p TimeoutStopSec=infinity slurmdbd -D -v
verified:
  description: The same as RV(finished).
  returned: success
  type: bool
  sample: true
"""

import shlex
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import backup, convert


def main() -> None:
    """Start it unless it runs, wait a while, stop it when it is through. The action calls this again until then."""
    module = AnsibleModule(
        argument_spec={"config": {"type": "path", "default": convert.CONFIG}, "wait": {"type": "int", "default": 15}},
        supports_check_mode=True,
    )
    try:
        module.exit_json(**answer(runner(module), module.params, module.check_mode))
    except ClusterwrightError as error:
        fail(module, error)


def answer(run: Run, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """What the module returns. Raises ClusterwrightError."""
    state = convert.observe(run)
    if state.service:
        return {"changed": False, "finished": True, "version": "", "lines": [], "commands": [], "verified": True}
    user = backup.settings(params["config"]).get("slurmuser", "root")
    commands = [] if state.active else [shlex.join(convert.command(user))]
    if check:
        return {"changed": True, "finished": False, "version": "", "lines": [], "commands": commands, "verified": False}
    if not state.active:
        convert.start(run, user)
    state = convert.wait(run, params["wait"])
    if state.version:
        convert.stop(run)
    through = bool(state.version)
    return {"changed": True, "finished": through, "version": state.version, "lines": state.lines, "commands": commands, "verified": through}


if __name__ == "__main__":
    main()
