"""ib_partitions where no opensm runs. What it does with the real one stands in tests/integration/infiniband."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import change, observe, trial
from ansible_collections.clusterwright.hpc.plugins.modules import ib_partitions

ONE, TWO = "0x0002c90300000001", "0x0002c90300000002"
INTENT = {
    "fabric": "ib0", "owned": [0x100, 0x1FF], "default": "limited", "mtu": 4, "rate": 3, "table": 64, "ports": [], "without_guid": [],
    "managers": [],
    "partitions": [{"name": "cfd", "pkey": 0x101, "ipoib": True, "mtu": 4, "rate": 3, "sl": 0, "members": [
        {"name": "cn1", "guid": ONE, "membership": "full"}, {"name": "cn2", "guid": TWO, "membership": "limited"}]}],
}


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A place for the file, on a host without opensm and ibsim, and where we are root."""
    (tmp_path / "proc").mkdir()
    monkeypatch.setattr(observe, "PROC", tmp_path / "proc")
    monkeypatch.setattr(trial, "library", lambda: "")
    monkeypatch.setattr(ib_partitions, "runner", lambda _module: lambda argv: Result(127, "", f"{argv[0]}: not found"))
    plain = change._file
    me = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
    monkeypatch.setattr(change, "_file", lambda *args: {**plain(*args), **me})
    return tmp_path / "partitions.conf"


def test_what_is_no_intent_is_refused(call_module, path):
    result = call_module(ib_partitions, intent={"fabric": "ib0"}, path=str(path))
    assert result["failed"]
    assert result["msg"].startswith("intent has no default, managers, mtu, owned, partitions, ports, rate, table, without_guid: give one")


def test_check_mode_tells_and_writes_nothing(call_module, path):
    result = call_module(ib_partitions, check=True, intent=INTENT, path=str(path))
    assert (result["changed"], result["verified"], result["role"]) == (True, False, "none")
    assert result["commands"] == [f"write {path} (0644 {result['commands'][0].split()[-1]}"]
    assert result["after"]["0x0101 cfd"] == {"cn1": "full", "cn2": "limited"}
    assert "0x0101 cfd: cn1 full\n" in result["diff"]["after"]
    assert not path.exists()


def test_it_is_written_once_and_nothing_is_proven_where_no_opensm_runs(call_module, path):
    assert call_module(ib_partitions, intent=INTENT, path=str(path))["changed"]
    assert f"    {ONE}=full,  # cn1\n" in path.read_text()
    again = call_module(ib_partitions, intent=INTENT, path=str(path))
    assert (again["changed"], again["verified"], again["commands"]) == (False, False, [])


def test_a_bad_intent_leaves_the_file_as_it_is(call_module, path):
    path.write_text("Default=0x7fff: ALL=limited ;\n")
    bad = {**INTENT, "partitions": [{**INTENT["partitions"][0], "pkey": 0x300}]}
    result = call_module(ib_partitions, intent=bad, path=str(path))
    assert result["failed"]
    assert result["msg"] == ("partition cfd: P_Key 0x0300 is outside 0x0100-0x01ff, which is ours. Nothing was changed: correct it in the "
                             "cluster file")
    assert path.read_text() == "Default=0x7fff: ALL=limited ;\n"


def test_what_is_odd_in_the_old_file_is_said(call_module, path):
    path.write_text(f"cfd=0x0101: {ONE}=Full ;\n")
    assert call_module(ib_partitions, check=True, intent=INTENT, path=str(path))["findings"] == [
        f"line 1, column 13: 'Full' of {ONE} is taken for limited"]
