# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for switches in the process that Ansible forks for a host anyway, instead of a Python of their own.

A module of its own starts Python and imports netmiko for each switch: four fifths of the CPU time that a switch costs. Here Ansible has
imported netmiko once, before it forks. Everything else is the module's: its options, what it does, what it says.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ..module_utils.common.errors import ClusterwrightError

NETMIKO: ModuleType | None = None
with contextlib.suppress(ImportError):
    import netmiko as NETMIKO


@dataclass
class Call:
    """What these modules use of an AnsibleModule."""

    params: dict[str, Any]
    check_mode: bool
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Say it besides the result."""
        self.warnings.append(text)


class SwitchAction(ActionBase):
    """Subclasses have `spec`, the arguments of AnsibleModule, and `work`, which makes a result of a call."""

    spec: dict[str, Any]
    work: Callable[[Call], dict[str, Any]]
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        local = self._connection.transport == "local" and not self._connection.become and not self._task.async_val
        if not local or NETMIKO is None:        # on another machine, as another user, later, or with another Python
            result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
            return result
        checks = {key: value for key, value in self.spec.items() if key != "supports_check_mode"}
        _validated, params = self.validate_argument_spec(**checks)
        call = Call(json.loads(json.dumps(params, default=str)), self._task.check_mode)     # as a module gets them; a vaulted string is one
        try:
            found = type(self).work(call)
        except ClusterwrightError as error:
            found = {"failed": True, "msg": str(error), **error.details}
        secrets = {call.params[name] for name, said in self.spec["argument_spec"].items() if said.get("no_log") and call.params[name]}
        result.update(remove_values(found, secrets), warnings=call.warnings)
        return result
