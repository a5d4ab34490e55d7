"""The module as a whole: its promises to roles, in check mode, twice, and on a bad day."""

from __future__ import annotations

import base64
import json

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import node_config

SECRET = b"correct horse battery staple"


@pytest.fixture
def call(node, monkeypatch, capsys):
    """Runs the module on the fake node and returns what Ansible gets."""
    monkeypatch.setattr(node_config, "runner", lambda _module: node.run)

    def run(check=False, **options):
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            node_config.main()
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def munge(node):
    """What a role declares for munge; the package brings the unit."""
    node.brings_units = {"munge": ["munge.service"]}
    key = node.file("munge.key", content=None, mode="0400", secret=base64.b64encode(SECRET).decode())
    return {
        "packages": ["munge"],
        "groups": [{"name": "munge", "gid": 64966}],
        "users": [{"name": "munge", "uid": 64966, "group": "munge"}],
        "files": [key, node.file("munge.conf", "threads=2\n")],
        "services": [{"name": "munge", "uses": [key["path"]]}],
    }


def test_fresh_node_then_nothing_to_do(node, call, munge):
    first = call(**munge)
    assert (first["changed"], first["verified"], first["stale"]) == (True, True, [])
    assert [argv[0] for argv in node.ran] == ["groupadd", "useradd", "apt-get", "systemctl", "systemctl"]
    assert (node.path / "munge.key").read_bytes() == SECRET
    assert first["after"]["services"]["munge.service"] == {"enabled": "enabled", "active": "active"}

    node.ran.clear()
    node.all_commands.clear()
    second = call(**munge)
    assert (second["changed"], second["commands"], second["diff"], second["verified"]) == (False, [], [], True)
    assert second["before"] == second["after"]
    assert node.ran == []
    assert len(node.all_commands) == 4  # two looks at packages and units


def test_check_mode_on_a_fresh_node_predicts_and_touches_nothing(node, call, munge):
    munge["files"].append(node.file("later/x", owner="broughtuser", validate="broughtprogram %s"))
    result = call(check=True, **munge)
    assert (result["changed"], result["verified"]) == (True, False)
    assert node.ran == []
    assert list(node.path.iterdir()) == []
    assert result["after"]["packages"] == {"munge": "to be installed"}
    assert result["after"]["services"]["munge.service"]["active"] == "active"
    assert f"write {node.path}/munge.key (0400 {node.owner}:{node.group})" in result["commands"]
    assert {entry["kind"] for entry in result["impact"]} == {"service_starts", "package_installed"}


def test_check_mode_predicts_what_the_run_then_does(node, call, munge):
    node.installed, node.users, node.groups = {"munge": "1.0"}, {"munge": 64966}, {"munge": 64966}
    node.unit("munge.service", "enabled", "active", started=60)
    predicted = call(check=True, **munge)
    real = call(**munge)
    for key in ("after", "commands", "stale", "changed_files", "diff", "changed", "impact"):
        assert predicted[key] == real[key], key
    assert real["stale"] == ["munge.service"]


def test_a_lost_restart_is_asked_for_again_until_it_happened(node, call, munge):
    call(**munge)
    munge["files"][0]["secret"] = base64.b64encode(b"another").decode()
    for _lost in range(2):
        result = call(**munge)
        assert (result["changed"], result["stale"]) == (True, ["munge.service"])
        assert ["systemctl", "restart", "munge.service"] not in node.ran
        assert result["impact"][-1]["kind"] == "restart_pending"
    node.unit("munge.service", "enabled", "active")
    assert call(**munge)["changed"] is False


def test_a_secret_is_in_no_output(node, call, munge):
    (node.path / "munge.key").write_bytes(b"the former secret")
    node.installed["munge"] = "1.0"
    node.unit("munge.service", dies=True)
    results = [call(check=True, **munge), call(**munge)]
    node.unit("munge.service")
    results.append(call(**munge))
    assert [result.get("failed", False) for result in results] == [False, True, False]
    text = json.dumps(results)
    for secret in (SECRET.decode(), base64.b64encode(SECRET).decode(), "the former secret"):
        assert secret not in text
    assert "secret differs" in text


def test_conflicts_are_refused_before_anything_is_touched(node, call, munge):
    node.unit("ntpd.service", "enabled")
    node.unit("systemd-timesyncd.service", "disabled", "active")
    node.unit("harmless.service")
    names = ("ntpd", "systemd-timesyncd", "harmless", "absent")
    conflicts = [{"service": name, "remedy": f"disable {name}"} for name in names]
    result = call(conflicts=conflicts, **munge)
    assert result["failed"]
    assert "ntpd.service is enabled: disable ntpd" in result["msg"]
    assert "systemd-timesyncd.service is active: disable systemd-timesyncd" in result["msg"]
    assert "harmless" not in result["msg"]
    assert node.ran == []
    assert list(node.path.iterdir()) == []


def test_a_uid_that_differs_is_refused_before_anything_is_touched(node, call, munge):
    node.users, node.groups = {"munge": 64111}, {"munge": 64966}
    result = call(**munge)
    assert result["failed"]
    assert "uid is 64111 and 64966 is declared" in result["msg"]
    assert node.ran == []


def test_a_service_that_does_not_come_up_puts_the_files_back(node, call, munge):
    (node.path / "munge.conf").write_text("threads=1\n")
    node.installed["munge"] = "1.0"
    node.unit("munge.service", dies=True)
    result = call(**munge)
    assert result["failed"]
    assert "key file is insecure" in result["msg"]
    assert (node.path / "munge.conf").read_text() == "threads=1\n"
    assert [path.name for path in node.path.iterdir()] == ["munge.conf"]
    assert len(result["restored_files"]) == 2
    assert result["rollback_commands"] == ["systemctl stop munge.service", "userdel munge", "groupdel munge"]
    assert result["verified"] is False


def test_a_package_without_the_promised_unit_says_what_is_half_done(node, call, munge):
    node.brings_units = {}
    result = call(**munge)
    assert result["failed"]
    assert "munge.service: there is no such unit" in result["msg"]
    assert result["rollback_commands"] == ["apt-get remove -y munge", "userdel munge", "groupdel munge"]


def test_what_does_not_stay_fails_by_name(node, call, munge):
    node.unit("munge.service")
    node.installed["munge"] = "1.0"
    node.refuses = {"systemctl enable": lambda _argv: Result(0, "", "")}
    result = call(**munge)
    assert result["failed"]
    assert result["mismatch"] == ["services munge.service"]
    assert result["verified"] is False


def test_users_may_come_with_the_package(node, call):
    node.brings_users = {"slurmd": {"slurmq": 64064}}
    node.brings_units = {"slurmd": ["slurmd.service"]}
    result = call(
        packages=["slurmd"],
        users=[{"name": "job", "groups": ["slurmq"]}],
        services=[{"name": "slurmd"}],
    )
    assert [argv[0] for argv in node.ran][:2] == ["apt-get", "useradd"]
    assert result["commands"][1] == "useradd -M -U -G slurmq job"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"services": [{"name": "a"}, {"name": "a.service"}]}, "service a.service is declared twice"),
        ({"files": [{"path": "/a", "content": "x", "mode": 420}]}, "mode 420 is not four octal digits"),
        ({"files": [{"path": "/a", "content": "x", "secret": "eA=="}]}, "mutually exclusive"),
    ],
)
def test_bad_options_are_one_sentence(call, options, words):
    assert words in call(**options)["msg"]
