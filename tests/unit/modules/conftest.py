"""Modules as Ansible calls them."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args


@pytest.fixture
def call_module(capsys, monkeypatch):
    """Runs a module's main() and returns what Ansible gets, `warnings` always with it."""
    # In a process that has loaded Ansible's own display, as other tests do, warnings would go there.
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: warnings.append(warning))

    def call(module, check=False, **options):
        warnings.clear()
        with patch_module_args({**options, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            module.main()
        return {**json.loads(capsys.readouterr().out), "warnings": [*warnings]}

    return call
