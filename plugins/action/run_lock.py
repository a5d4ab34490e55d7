# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind the module clusterwright.hpc.run_lock; its documentation is with the module."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.multiprocessing import context as multiprocessing_context

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import runlock


class ActionModule(ActionBase):
    """Take the cluster's run lock for the Ansible process that runs the playbook."""

    BYPASS_HOST_LOOP = True  # a lock for the run, not one a host
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        result["changed"] = False
        spec = {"name": {"type": "str", "required": True}, "directory": {"type": "path"}}
        _, options = self.validate_argument_spec(spec)
        try:
            result.update(self._lock(options["name"], options["directory"]))
        except runlock.LockError as error:
            result.update(failed=True, msg=str(error))
        return result

    def _lock(self, name: str, directory: str | None) -> dict[str, Any]:
        place = Path(directory) if directory else runlock.default_directory(os.geteuid(), os.environ)
        path = runlock.lock_path(name, place)
        me = this_run()
        answer: dict[str, Any] = {"path": str(path), "holder": None, "stale": None}

        if self._task.check_mode:
            held = runlock.look(name, path, me)
            if held:
                answer.update(holder=runlock.record(held.holder), warnings=[str(held)])
            return answer | {"msg": f"Cluster {name}: check mode takes no lock."}

        outcome = runlock.take(name, path, me)
        answer["holder"] = runlock.record(outcome.holder)
        if isinstance(outcome, runlock.Held):
            return answer | {"failed": True, "msg": str(outcome)}
        answer["stale"] = runlock.record(outcome.stale)
        if outcome.again:
            return answer | {"msg": f"Cluster {name}: this run holds the lock already."}
        if outcome.stale:
            ended = outcome.stale.seen_from(me.host)
            return answer | {"msg": f"Cluster {name}: locked for this run, after a run that has ended: {ended}."}
        return answer | {"msg": f"Cluster {name}: locked for this run."}


def this_run() -> runlock.Holder:
    """The run that this task belongs to, as a lock file names it."""
    # A task runs in a fork of the process that lives as long as the run.
    parent = multiprocessing_context.parent_process()
    pid = parent.pid if parent else os.getpid()
    started = runlock.process_start(pid)
    if started is None:
        raise runlock.LockError(
            f"/proc/{pid}/stat cannot be read: the run lock needs Linux's /proc on the control machine."
        )
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as containers have
        user = f"uid {os.getuid()}"
    # `args` are the playbooks; the options, which may carry secrets, stay out.
    words = [Path(word).name for word in (sys.argv[0], *context.CLIARGS.get("args", ()))]
    return runlock.Holder(
        pid=pid,
        started=started,
        user=user,
        host=socket.gethostname(),
        command=" ".join(words),
        since=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
