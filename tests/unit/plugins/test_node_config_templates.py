"""The action of node_config: what it makes of templates before the node sees them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.clusterwright.hpc.plugins.action.node_config import ActionModule


@pytest.fixture
def sent(tmp_path, monkeypatch):
    """Runs the action with these files and variables, and returns the files that the module gets."""
    (tmp_path / "templates").mkdir()
    monkeypatch.setattr(ActionModule, "_execute_module", lambda _self, module_args, **_: {"sent": module_args})

    def run(files, **variables):
        task = Task()
        task.action, task.args = "clusterwright.hpc.node_config", {"packages": ["munge"], "files": files}
        loader = DataLoader()
        loader.set_basedir(str(tmp_path))
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
        action = ActionModule(task, connection, PlayContext(), loader, Templar(loader, variables), None)
        arguments = action.run(task_vars=variables)["sent"]
        assert arguments["packages"] == ["munge"]
        return arguments["files"]

    return run


@pytest.fixture
def template(tmp_path):
    """Writes a template where a playbook or a role has them."""
    return lambda name, text: (tmp_path / "templates" / name).write_text(text)


def test_a_template_becomes_content(sent, template):
    template("motd.j2", "# {{ ansible_managed }}\n{% for name in names %}\n{{ name }}\n{% endfor %}\n")
    assert sent([{"path": "/etc/motd", "template": "motd.j2", "mode": "0600"}], names=["cn1", "cn2"]) == [
        {"path": "/etc/motd", "mode": "0600", "content": "# Ansible managed\ncn1\ncn2\n"}
    ]


def test_what_marks_managed_files_may_be_set(sent, template):
    template("motd.j2", "# {{ ansible_managed }}\n")
    assert sent([{"path": "/etc/motd", "template": "motd.j2"}], ansible_managed="ours")[0]["content"] == "# ours\n"


def test_a_text_stays_the_text_that_it_is(sent, template):
    template("regex.j2", "{{ '[1, 2]' }} \\n {{ expression }}")
    assert sent([{"path": "/etc/regex", "template": "regex.j2"}], expression=r"\d+")[0]["content"] == r"[1, 2] \n \d+"


def test_a_template_includes_its_neighbour(sent, template):
    template("whole.j2", "{% include 'part.j2' %}")
    template("part.j2", "{{ name }}\n")
    assert sent([{"path": "/etc/whole", "template": "whole.j2"}], name="cn1")[0]["content"].strip() == "cn1"


def test_other_files_go_as_they_are(sent):
    files = [{"path": "/etc/a", "content": "{{ not ours to render }}"}, {"path": "/etc/b", "state": "absent"}, "no dictionary"]
    assert sent(files) == files


@pytest.mark.parametrize("other", ["content", "secret"])
def test_two_contents_are_refused(sent, template, other):
    template("motd.j2", "x")
    with pytest.raises(AnsibleActionFail, match="/etc/motd: template stands beside content or secret"):
        sent([{"path": "/etc/motd", "template": "motd.j2", other: "eA=="}])


def test_a_missing_template_and_a_missing_variable_are_named(sent, template):
    with pytest.raises(AnsibleError, match=r"lost\.j2"):
        sent([{"path": "/etc/motd", "template": "lost.j2"}])
    template("motd.j2", "{{ nobody_set_it }}")
    with pytest.raises(AnsibleError, match="nobody_set_it"):
        sent([{"path": "/etc/motd", "template": "motd.j2"}])
