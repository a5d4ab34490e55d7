"""The module as a whole, against an exportfs in memory that reads the real file."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems import exports
from ansible_collections.clusterwright.hpc.plugins.modules import nfs_exports


class Server:
    """Its table is what the file said when it was last read; a bad option is refused, as exportfs refuses it."""

    def __init__(self, path):
        self.file = path / "clusterwright.exports"
        self.home = path / "home"
        self.home.mkdir()
        self.table = {}
        self.ran = []
        self.deaf = False

    def run(self, argv):
        if tuple(argv) == ("exportfs", "-s"):
            shown = [(place, client.replace("(", "(wdelay,hide,sec=sys,")) for place, clients in self.table.items() for client in clients]
            return Result(0, "".join(f"{place}  {client}\n" for place, client in shown), "")
        self.ran.append(" ".join(argv))
        text = self.file.read_text() if self.file.exists() else ""
        if "bad" in text:
            return Result(1, "", f'exportfs: {self.file}:2: unknown keyword "bad"')
        if not self.deaf:
            self.table = exports.parse(text)
        return Result(0, "", "")


@pytest.fixture
def server(tmp_path, monkeypatch, node):
    made = Server(tmp_path)
    monkeypatch.setattr(nfs_exports, "runner", lambda _module: made.run)
    monkeypatch.setattr(exports, "FILE", str(made.file))
    monkeypatch.setattr(exports, "CLIENTS", str(tmp_path / "clients"))
    monkeypatch.setattr(exports, "_file", lambda text, file=exports._file: {**file(text), "owner": node.owner, "group": node.group})
    return made


def wish(server, state="present", option="rw"):
    return [{"path": str(server.home), "clients": [{"to": "10.60.0.0/24", "options": [option, "sync", "root_squash"]}], "state": state}]


def test_check_run_and_run_again(server, call_module):
    predicted = call_module(nfs_exports, check=True, exports=wish(server))
    assert predicted["changed"] and not predicted["verified"] and server.ran == [] and not server.file.exists()
    result = call_module(nfs_exports, exports=wish(server))
    assert result["verified"] and result["after"] == predicted["after"] and result["commands"] == predicted["commands"]
    assert result["diff"] == predicted["diff"] and server.ran == ["exportfs -r"]
    again = call_module(nfs_exports, exports=wish(server))
    assert (again["changed"], again["verified"], again["diff"]) == (False, True, []) and len(server.ran) == 1


def test_an_end_is_asked_for(server, call_module):
    call_module(nfs_exports, exports=wish(server))
    kept = call_module(nfs_exports, exports=[])
    assert not kept["changed"] and [entry["kind"] for entry in kept["impact"]] == ["undeclared"] and server.table
    ended = call_module(nfs_exports, exports=wish(server, state="absent"))
    assert ended["changed"] and ended["verified"] and server.table == {}
    assert not call_module(nfs_exports, exports=wish(server, state="absent"))["changed"]


def test_what_exportfs_refuses_is_taken_back(server, call_module):
    call_module(nfs_exports, exports=wish(server))
    before = server.file.read_text()
    result = call_module(nfs_exports, exports=wish(server, option="bad"))
    assert result["failed"] and 'unknown keyword "bad"' in result["msg"] and "The exports are as before." in result["msg"]
    assert not result["changed"] and result["restored_files"] == [str(server.file)] and server.file.read_text() == before
    assert server.ran == ["exportfs -r"] * 3


def test_a_directory_that_is_not_there_changes_nothing(server, call_module):
    server.home.rmdir()
    result = call_module(nfs_exports, exports=wish(server))
    assert result["failed"] and f"{server.home}: there is no such directory on this server" in result["msg"] and server.ran == []


def test_who_is_connected_is_told(server, call_module, tmp_path):
    call_module(nfs_exports, exports=wish(server))
    (tmp_path / "clients/3").mkdir(parents=True)
    (tmp_path / "clients/3/info").write_text('clientid: 0x1\naddress: "10.60.0.21:757"\nstatus: confirmed\n')
    (told,) = call_module(nfs_exports, check=True, exports=wish(server, option="ro"))["impact"]
    assert told["kind"] == "read_only" and "(connected to this server now: 10.60.0.21)" in told["text"]


def test_a_table_that_does_not_follow_is_said(server, call_module):
    server.deaf = True
    result = call_module(nfs_exports, exports=wish(server))
    assert result["failed"] and result["mismatch"] == [f"{server.home} of 10.60.0.0/24"] and not result["verified"]
