# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind the module clusterwright.hpc.slurm_dbd_convert: it asks again until slurmdbd is through, and shows how far it is."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()


class ActionModule(ActionBase):
    """Call the module until it has finished or failed, with a line of progress after each call."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        begun, commands = time.monotonic(), []
        while True:
            answer = self._execute_module(task_vars=task_vars or {})
            commands += answer.get("commands", [])
            if answer.get("failed") or answer.get("finished", True) or self._task.check_mode:
                result.update(answer)
                return {**result, "commands": commands}
            lines = answer.get("lines") or ["no word yet"]
            host = (task_vars or {}).get("inventory_hostname", "")
            display.display(f"[{host}] slurmdbd converts its tables since {time.monotonic() - begun:.0f} s: {lines[-1]}")
