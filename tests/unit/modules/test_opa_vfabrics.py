"""opa_vfabrics on a host whose fabric manager is simulated: what it refuses, does, proves, and puts back.

What the real config_check says stands in tests/integration/omnipath; here it says what each test lets it say.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import changeover, trial
from ansible_collections.clusterwright.hpc.plugins.modules import opa_vfabrics
from ansible_collections.clusterwright.hpc.tests.simulators import opafm

FILE = (Path(__file__).resolve().parents[2] / "fixtures" / "omnipath" / "opafm.xml").read_text(encoding="utf-8")
PORTS = [("0x00117501a0000380", "chem1 hfi1_0"), *((f"0x00117501a00000{n:02}", f"knl{n:02} hfi1_0") for n in range(1, 16))]
VFABRIC = {"security": True, "mtu": "8192", "rate": "Unlimited", "qos_group": "", "applications": ["AllOthers"]}
INTENT = {
    "fabric": "opa0", "managers": [], "owned": [0x10, 0xFF], "default": "full", "by_description": ["knl01"],
    "groups": [{"name": "physics", "guids": [], "descriptions": ["knl[01-16] hfi1_0"]},
               {"name": "chem", "guids": ["0x00117501a0000380"], "descriptions": []}],
    "vfabrics": [{"name": "physics", "pkey": 0x10, "members": ["physics"], "limited_members": ["chem"], **VFABRIC},
                 {"name": "chem", "pkey": 0x11, "members": ["chem"], "limited_members": [], **VFABRIC}],
}
REFUSED = ("FM Instance 0: ERROR: Dynamic reconfiguration:: Invalid changes to active VF(physics).\n"
           "Reconfiguration to file ('x') for instance 0 is invalid\n")


class Manager:
    """A host with a fabric manager. says: what config_check says, by what it is asked for: new, old, or both of them."""

    def __init__(self, path):
        self.path, self.loaded, self.active, self.unit = path, FILE, "active", "opa-fm.service"
        self.ran: list[str] = []
        self.says: dict[str, Result] = {}
        self.ignores = False
        self.ports = PORTS
        path.write_text(FILE)

    def run(self, argv):
        words = [str(word) for word in argv]
        if words[0] == trial.CHECKER:
            kind = "both" if "-r" in words else Path(words[2]).stem
            return self.says.get(kind, Result(0, "", ""))
        if words[:2] == ["systemctl", "show"]:
            return Result(0, "\n\n".join(self._shown(name) for name in words[words.index("--") + 1:]), "")
        if words[0] == "opasaquery":
            return self._asked(words[2])
        self.ran.append(" ".join(words))
        if words[1] in ("start", "restart") or (words[1] == "reload" and not self.ignores):
            self.loaded, self.active = self.path.read_text(), "active"
        return Result(0, "", "")

    def _shown(self, name):
        known = name == self.unit
        return f"LoadState={'loaded' if known else 'not-found'}\nUnitFileState=enabled\nActiveState={self.active if known else 'inactive'}"

    def _asked(self, what):
        if self.active != "active":
            return Result(1, "", "opasaquery: Failed to open port hfi 0:0: Not Found")
        return Result(0, "\n".join(opafm.vfabrics(self.loaded) if what == "vfinfocsv" else opafm.dgmember(self.loaded, self.ports)), "")


@pytest.fixture
def manager(tmp_path, monkeypatch):
    found = Manager(tmp_path / "opafm.xml")
    monkeypatch.setattr(opa_vfabrics, "runner", lambda _module: found.run)
    monkeypatch.setattr(changeover, "PAUSE", 0)
    return found


@pytest.fixture
def run(call_module, manager):
    def call(intent=INTENT, check=False, **options):
        return call_module(opa_vfabrics, check=check, intent=intent, path=str(manager.path), timeout=0, **options)
    return call


def test_check_mode_says_it_all_and_changes_nothing(run, manager):
    result = run(check=True)
    assert (result["changed"], result["needs"], result["verified"]) == (True, "reload", False)
    assert result["commands"][-1] == "systemctl reload opa-fm.service"
    assert "vFabric physics: limited_members chem\n" in result["diff"]["after"]
    assert "device group physics: members knl[01-16] hfi1_0\n" in result["diff"]["after"]
    assert {impact["kind"] for impact in result["impact"]} == {"open_vfabric", "by_description"}
    assert result["findings"] == [
        "line 16: Default (0x0001) has full members on all nodes: whoever can use it reaches every other, tenant or not"]
    assert (manager.path.read_text(), manager.ran) == (FILE, [])


def test_a_change_is_written_reloaded_and_read_back_and_the_second_run_does_nothing(run, manager):
    predicted = run(check=True)
    result = run()
    assert (result["changed"], result["verified"], manager.ran) == (True, True, ["systemctl reload opa-fm.service"])
    assert (result["after"], result["commands"]) == (predicted["after"], predicted["commands"])
    assert result["absent"] == predicted["absent"] == ["knl16 hfi1_0"]
    assert [path.read_text() for path in manager.path.parent.glob("opafm.xml.*~")] == [FILE], "the old one is kept"
    again = run()
    assert (again["changed"], again["needs"], again["commands"], again["verified"]) == (False, "nothing", [], True)
    assert again["absent"] == ["knl16 hfi1_0"]


def test_a_restart_is_refused_and_told_beforehand_and_done_when_allowed(run, manager):
    run()
    manager.ran.clear()
    other = copy.deepcopy(INTENT)
    other["vfabrics"][0]["mtu"] = "4096"
    manager.says["both"] = Result(1, REFUSED, "")
    before = manager.path.read_text()
    for check in (True, False):
        result = run(other, check=check)
        assert result["failed"] and result["needs"] == "restart"
        assert "cannot go live by a reload (Invalid changes to active VF(physics)), and a restart was not allowed" in result["msg"]
        assert result["impact"][0]["kind"] == "restart"
    assert (manager.path.read_text(), manager.ran) == (before, [])
    result = run(other, check=True, restart=True)
    assert (result["needs"], result["reason"]) == ("restart", "Invalid changes to active VF(physics)")
    assert result["impact"][0]["kind"] == "restart"
    assert run(other, restart=True)["verified"]
    assert manager.ran == ["systemctl restart opa-fm.service"]


def test_a_reload_that_is_ignored_puts_the_old_file_back(run, manager):
    manager.ignores = True
    result = run()
    assert result["failed"] and not result["verified"] and not result["changed"]
    assert result["msg"].startswith("after 0 s vFabric physics is not in the fabric; vFabric chem is not in the fabric")
    assert "Put back as before" in result["msg"] and "The fabric is as it was." in result["msg"]
    assert "journalctl -u opa-fm.service" in result["msg"]
    assert result["restored_files"] == [str(manager.path)] and manager.path.read_text() == FILE
    assert not [*manager.path.parent.glob("*~")]


def test_a_node_in_a_group_that_is_not_its_own_is_a_failure(run, manager, monkeypatch):
    honest = opafm.dgmember
    stranger = "\nDevice Group: physics LID: 0x00000001 Port: 1 PortGUID: 0x00117501a0000380 Node Description: chem1 hfi1_0"
    monkeypatch.setattr(opafm, "dgmember", lambda text, ports: [*honest(text, ports), *([stranger] if "physics" in text else [])])
    result = run()
    assert result["failed"] and "chem1 hfi1_0 (0x00117501a0000380) is in device group physics" in result["msg"]
    assert manager.path.read_text() == FILE


def test_what_the_checker_refuses_stays_out(run, manager):
    manager.says["new"] = Result(1, "Could not open or there was a parse error\n",
                                 "Parse error at line 9 in tag 'VirtualFabric': QOSGroup X undefined\n")
    result = run()
    assert result["failed"] and "refuses the new" in result["msg"] and "QOSGroup X undefined: nothing was changed" in result["msg"]
    manager.says["new"] = Result(0, "", "Parse warning at line 17 in tag 'VirtualFabric': Unexpected tag ignored: PKee\n")
    result = run()
    assert result["failed"]
    assert "would ignore a part of" in result["msg"] and "line 17, in VirtualFabric: Unexpected tag ignored: PKee" in result["msg"]
    manager.says["new"] = Result(127, "", "no such file")
    assert "no file goes live that it has not read" in run()["msg"]
    assert (manager.path.read_text(), manager.ran) == (FILE, [])


def test_a_file_that_somebody_broke_is_named_by_line_and_left(run, manager):
    broken = FILE.replace("</DeviceGroup>\n", "\n", 1)
    manager.path.write_text(broken)
    result = run()
    assert result["failed"] and f"{manager.path}, line 13, column 5: mismatched tag: nothing was changed" in result["msg"]
    assert (manager.path.read_text(), manager.ran) == (broken, [])


def test_a_file_without_the_admin_vfabric_is_refused(run, manager):
    manager.path.write_text(FILE.replace("<Name>Admin</Name> <Enable>1", "<Name>Admin</Name> <Enable>0"))
    assert "needs exactly one enabled vFabric with P_Key 0x7fff and the application SA (Admin): it has none" in run()["msg"]


def test_a_mistake_that_the_checker_passes_is_refused(run, manager):
    manager.path.write_text(FILE.replace("<Select>all</Select>", "<Select>all</Select><NodeDesc>n[9-1]</NodeDesc>"))
    result = run()
    assert "the range [9-1] runs backwards: nothing was changed, for the fabric manager's own checker passes this" in result["msg"]
    assert result["mistakes"] == ["line 10: NodeDesc n[9-1] of DeviceGroup All matches no node: the range [9-1] runs backwards"]


def test_a_fabric_manager_that_does_not_run_is_started(run, manager):
    manager.active = "inactive"
    result = run(check=True)
    assert (result["needs"], result["verified"]) == ("start", False)
    result = run()
    assert (result["needs"], result["verified"], manager.ran[0]) == ("start", True, "systemctl start opa-fm.service")


def test_one_that_starts_and_does_not_answer_is_left_with_the_new_file(run, manager, monkeypatch):
    manager.active = "inactive"
    monkeypatch.setattr(manager, "_asked", lambda _what: Result(1, "", "opasaquery: Failed to open port hfi 0:0: Not Found"))
    result = run()
    assert result["failed"] and result["changed"] and not result["verified"]
    assert "is written and opa-fm.service started, but after 0 s the fabric manager does not answer" in result["msg"]
    assert "<Name>physics</Name>" in manager.path.read_text()


def test_one_that_runs_and_does_not_answer_gets_no_change(run, manager, monkeypatch):
    monkeypatch.setattr(manager, "_asked", lambda _what: Result(1, "", "no answer"))
    result = run()
    assert result["failed"] and "opa-fm.service runs and does not answer (no answer): nothing was changed" in result["msg"]
    assert (manager.path.read_text(), manager.ran) == (FILE, [])


def test_a_file_that_was_never_loaded_is_reloaded(run, manager):
    run()
    manager.loaded = FILE
    result = run(check=True)
    assert (result["needs"], result["impact"][-1]["kind"]) == ("reload", "not_as_written")
    result = run(check=True, restart=True)
    assert (result["needs"], result["reason"]) == (
        "restart", "the fabric is not as the file on disk: vFabric physics is not in the fabric")
    assert run()["verified"]


def test_what_goes_is_told(run):
    run()
    less = copy.deepcopy(INTENT)
    del less["vfabrics"][1], less["groups"][1]
    less["vfabrics"][0]["limited_members"] = []
    less["groups"][0]["descriptions"] = ["knl[01-14] hfi1_0"]
    result = run(less, state="exact")
    told = {impact["kind"]: impact["text"] for impact in result["impact"]}
    assert told["vfabric_removed"] == "chem (0x0011) goes: its members lose it"
    assert told["members_lost"] == "device group chem loses 0x00117501a0000380"
    assert result["changes"][-2] == {
        "where": "device group physics", "what": "members", "old": ["knl[01-16] hfi1_0"], "new": ["knl[01-14] hfi1_0"]}
    assert "Default" in result["after"]["vfabrics"]


def test_default_made_limited_is_told(run, manager):
    manager.says["both"] = Result(1, REFUSED, "")
    result = run({**INTENT, "default": "limited"}, restart=True)
    assert result["verified"] and "open_vfabric" not in {impact["kind"] for impact in result["impact"]}
    (reduced,) = [impact for impact in result["impact"] if impact["kind"] == "membership_reduced"]
    assert reduced["text"].startswith("Everybody become limited members of Default (0x0001): they talk to its full members alone")


def test_the_file_keeps_its_mode(run, manager):
    manager.path.chmod(0o640)
    run()
    assert manager.path.stat().st_mode & 0o777 == 0o640


def test_what_is_no_intent_is_refused(run):
    assert run({"fabric": "opa0"})["msg"].startswith("intent has no by_description, default, groups, managers, owned, vfabrics: give one")


def test_where_nothing_is_installed_check_mode_still_answers(run, manager):
    manager.path.unlink()
    manager.unit = "none"
    result = run(check=True)
    assert result["changed"] and not result["verified"]
    assert "does not exist: nothing was changed. The package opa-fm brings it" in run()["msg"]
