#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies what Slurm would need to go back: the accounting database, or the state of slurmctld."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_backup
short_description: Copy Slurm's accounting database or slurmctld's state to a file
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Dumps the accounting database that slurmdbd.conf names, or packs the StateSaveLocation that slurm.conf names, into one gzip file with a
    checksum beside it, both for root alone.
  - The daemon that writes there must be stopped on the host, so that the copy fits together.
  - Looks first whether there is room for the copy and, with a database on the host, for the conversion that an upgrade of slurmdbd brings.
    In check mode that is all it does, so a check may run while the daemon runs.
  - A copy that is there and fits its checksum is left as it is. A dump that breaks off leaves no file.
  - The database is asked as slurmdbd asks it, by the same user and password, or by the socket. The password stands on no command line.
requirements:
  - MariaDB's or MySQL's client programs, for V(what=database)
options:
  what:
    description: What to copy.
    type: str
    choices: [database, state]
    required: true
  path:
    description: The file to write. Its directory is made where it is missing.
    type: path
    required: true
  config:
    description: The slurmdbd.conf or slurm.conf. The default is the one in C(/etc/slurm).
    type: path
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: The database, while slurmdbd is stopped
  clusterwright.hpc.slurm_backup:
    what: database
    path: /var/backups/slurm/slurm_acct_db.before-26.05.20261121T090000Z.sql.gz

- name: The jobs, as slurmctld knows them
  clusterwright.hpc.slurm_backup:
    what: state
    path: /var/backups/slurm/slurmctld.before-26.05.20261121T090000Z.tar.gz

- name: Is there room?
  clusterwright.hpc.slurm_backup:
    what: database
    path: /var/backups/slurm/slurm_acct_db.sql.gz
  check_mode: true
"""

RETURN = r"""
before:
  description: The copy that was there, with its size in bytes and its checksum; empty where there was none.
  returned: success
  type: dict
  sample: {}
after:
  description: The copy that is there now; in check mode its path alone.
  returned: success
  type: dict
  sample:
    path: /var/backups/slurm/slurm_acct_db.before-26.05.20261121T090000Z.sql.gz
    sha256: 4a1f7a0f5b2a2c1f0c4d3be5a1d6f1b7a9c2d3e4f5061728394a5b6c7d8e9f00
    size: 9046
source:
  description: What is copied, and how many bytes it has before compression.
  returned: success
  type: str
  sample: database slurm_acct_db, 1.3 MiB
written_by:
  description: The release of the slurmctld that has last started with this state; empty for a database.
  returned: success
  type: str
  sample: "24.11"
commands:
  description: The command whose output is written, or would be. The option file that it names is gone when the module ends.
  returned: success
  type: list
  elements: str
  sample:
    - runuser -u slurm -- mariadb-dump --defaults-extra-file=/tmp/clusterwright-3yk3q_7j.cnf --single-transaction --quick
      --databases slurm_acct_db
impact:
  description: What the copy disturbs.
  returned: success
  type: list
  elements: dict
  sample: []
verified:
  description: Whether the file was read back and fits its checksum. False in check mode.
  returned: success
  type: bool
  sample: true
"""

import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import backup

UNITS = {"database": "slurmdbd.service", "state": "slurmctld.service"}
CONFIGS = {"database": "/etc/slurm/slurmdbd.conf", "state": "/etc/slurm/slurm.conf"}


def main() -> None:
    """Look, say whether it fits, copy, read back."""
    module = AnsibleModule(
        argument_spec={
            "what": {"type": "str", "choices": ["database", "state"], "required": True},
            "path": {"type": "path", "required": True},
            "config": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**answer(runner(module), module.params, module.check_mode))
    except ClusterwrightError as error:
        fail(module, error)


def answer(run: Run, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """What the module returns. Raises ClusterwrightError."""
    what, path = params["what"], params["path"]
    config = params["config"] or CONFIGS[what]
    before = seen(path)
    with ExitStack() as stack:
        if what == "database":
            db = backup.database(config)
            options = stack.enter_context(backup.option_file(db))
            source = backup.dump(db, options, backup.tables(run, db, options))
        else:
            source = backup.state(run, config)
        said: dict[str, Any] = {
            "before": before,
            "after": before or {"path": path},
            "source": f"{source.what}, {backup.mebibytes(source.size)}",
            "written_by": source.written_by,
            "commands": [] if before else [shlex.join(source.argv)],
            "diff": {"before": "", "after": "" if before else f"{path}: {source.what}\n"},
            "impact": [],
            "verified": bool(before),
            "changed": not before,
        }
        if before:
            return said
        lacking = backup.short_of_space(source, str(Path(path).parent))
        if lacking:
            raise ClusterwrightError(lacking)
        if check:
            return said
        backup.refuse_running(run, UNITS[what])
        backup.write(source, path)
    after = seen(path)
    if not after:
        raise ClusterwrightError(f"{path} does not fit its checksum when it is read back: is the disk sound?", changed=True, verified=False)
    return {**said, "after": after, "verified": True}


def seen(path: str) -> dict[str, Any]:
    """The copy that is there and whole."""
    digest = backup.verify(path)
    return {"path": path, "sha256": digest, "size": Path(path).stat().st_size} if digest else {}


if __name__ == "__main__":
    main()
