# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind the module clusterwright.hpc.node_config: templates become contents here, and the node gets one declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template


class ActionModule(ActionBase):
    """Render the templates of ``files`` and run the module.

    The lookup ansible.builtin.template would do as well, but it copies all variables for each file, the lists of all hosts among them.
    """

    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if isinstance(arguments.get("files"), list):
            arguments["files"] = [self._rendered(declared, variables) for declared in arguments["files"]]
        result.update(self._execute_module(module_args=arguments, task_vars=variables, wrap_async=self._task.async_val))
        return result

    def _rendered(self, declared: Any, variables: dict[str, Any]) -> Any:
        """A file with its content in place of its template; anything else as it is, for the module to judge."""
        if not isinstance(declared, dict) or not declared.get("template"):
            return declared
        others = {key: value for key, value in declared.items() if key != "template"}
        if others.keys() & {"content", "secret"}:
            raise AnsibleActionFail(f"file {declared.get('path')}: template stands beside content or secret: keep one of them.")
        source = self._find_needle("templates", declared["template"])
        text = trust_as_template(self._loader.get_text_file_contents(source))
        templar = self._templar.copy_with_new_env(
            searchpath=[str(Path(source).parent)],
            available_variables={"ansible_managed": "Ansible managed", **variables},
        )
        return {**others, "content": templar.template(text, escape_backslashes=False)}
