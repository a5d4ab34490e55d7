"""The actions behind the modules for switches: the module's work, without a process of its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.clusterwright.hpc.plugins.action import switch_facts, switch_vlans
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.plugin_utils import switch_action

OPTIONS = {"host": "10.0.0.1", "user": "admin", "password": "hidden", "timeout": "5",
           "intent": {"name": "leaf1", "platform": "eos", "vlans": [{"id": "10"}]}}


@pytest.fixture
def ran(monkeypatch):
    """Runs the action with this work; what it returns. `module` is what a process of its own would return."""

    def run(work=None, plugin=switch_vlans, check=False, transport="local", become=None, later=0, **options):
        monkeypatch.setattr(plugin.ActionModule, "_execute_module", lambda _self, **_: {"module": True})
        if work:
            monkeypatch.setattr(plugin.ActionModule, "work", staticmethod(work))
        task = Task()
        task.action, task.args, task.check_mode, task.async_val = "clusterwright.hpc.switch_vlans", options or OPTIONS, check, later
        loader = DataLoader()
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), transport=transport, become=become)
        return plugin.ActionModule(task, connection, PlayContext(), loader, Templar(loader), None).run(task_vars={})

    return run


def test_the_work_gets_the_options_as_a_module_has_them(ran):
    def work(call):
        call.warn("look at it")
        assert (call.params["timeout"], call.params["state"], call.params["port"]) == (5, "present", 22) and call.check_mode
        assert call.params["intent"]["vlans"] == [{"id": 10, "name": ""}] and call.params["intent"]["management"] is None
        return {"changed": True, "commands": ["username admin secret hidden"]}

    result = ran(work, check=True)
    assert result["changed"] and result["warnings"] == ["look at it"] and "module" not in result
    assert "hidden" not in str(result)      # as with a module, whatever the switch says


def test_what_goes_wrong_is_one_sentence_and_its_data(ran):
    def work(_call):
        raise ClusterwrightError("leaf1: the password hidden is wrong", refused=["it"])

    result = ran(work)
    assert result["failed"] and result["msg"].startswith("leaf1: the password *") and result["refused"] == ["it"]


def test_wrong_options_are_refused(ran):
    with pytest.raises(AnsibleError, match="one of: access, trunk"):
        ran(**{**OPTIONS, "intent": {**OPTIONS["intent"], "ports": [{"name": "Et1", "mode": "tronk"}]}})
    with pytest.raises(AnsibleError, match="required together"):
        ran(plugin=switch_facts, platform="eos", host="10.0.0.1")


@pytest.mark.parametrize("how", [{"transport": "ssh"}, {"become": object()}, {"later": 30}])
def test_elsewhere_it_is_a_module(ran, how):
    assert ran(**how)["module"]


def test_without_netmiko_here_it_is_a_module(ran, monkeypatch):
    monkeypatch.setattr(switch_action, "NETMIKO", None)
    assert ran()["module"]
