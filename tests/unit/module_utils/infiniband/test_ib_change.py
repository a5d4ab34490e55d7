"""What has to happen, from the intent and what is there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import change, observe, partitions, programming
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import Parsed
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.observe import Daemon, Fabric, PortState
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.files import FilesState, FileState
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session

HEAD, ONE, TWO, THREE = (f"0x0002c903000000{n:02x}" for n in (1, 11, 12, 13))
PATH = "/etc/opensm/partitions.conf"
CLEAN = """\
# Fabric ib0, made by clusterwright.hpc from the cluster file; ours are 0x0100-0x01ff
Default=0x7fff, mtu=5, rate=12 :
    ALL=limited,
    SELF=full,
    0x0002c90300000001=full ;  # head1
cfd=0x0101, ipoib, mtu=5, rate=12 :
    0x0002c9030000000b=full,  # cn1
    0x0002c9030000000c=full,  # cn2
    0x0002c9030000000d=limited ;  # cn3
bio=0x0102, mtu=5, rate=12 :
    0x0002c9030000000d=full ;  # cn3
"""


def there(text=None, live=False, size=64, master=HEAD, qos=False, drift=()):
    """What is seen; live: opensm runs and the ports hold what the file says."""
    kind = FileState("absent") if text is None else FileState("file", "root", "root", "0644", text.encode())
    parsed = Parsed(discarded=True) if text is None else partitions.parse(text)
    fabric = Fabric()
    if live:
        tables = partitions.tables(parsed, dict.fromkeys((HEAD, ONE, TWO, THREE), "ca"), master)
        for guid, key in drift:
            del tables[guid][key]
        fabric = Fabric(HEAD, master, {guid: PortState(lid, "ca", size, table) for lid, (guid, table) in enumerate(tables.items(), 1)})
    exists = {("directory", "/etc/opensm"): True, ("owner", "root"): True, ("group", "root"): True}
    daemons = [Daemon(7, "", Path(PATH), Path("/var/cache/opensm/guid2lid"), qos)] if live else []
    return change.State(PATH, FilesState({PATH: kind}, exists), parsed, daemons, (), fabric)


def kinds(plan):
    return [entry["kind"] for entry in plan.impact]


def test_a_new_file_is_one_guid_a_line(intent):
    plan = change.plan(intent, there())
    assert plan.text == CLEAN
    assert plan.commands(there()) == [f"write {PATH} (0644 root:root)"]


def test_what_is_as_declared_needs_nothing(intent):
    state = there(CLEAN, live=True)
    plan = change.plan(intent, state)
    assert (plan.commands(state), plan.changes, plan.impact, change.absent(intent, state)) == ([], [], [], [])


def test_a_fabric_that_has_drifted_from_its_file_reads_it_again(intent):
    state = there(CLEAN, live=True, drift=[(TWO, 0x101)])
    plan = change.plan(intent, state)
    assert plan.commands(state) == ["kill -HUP 7"]
    assert plan.changes == [(TWO, 0x101, "", "full")]


def test_the_diff_speaks_of_members_and_not_of_lines(intent):
    text = CLEAN.replace("# cn1", "# somebody else").replace("    0x0002c9030000000d=full ;  # cn3", "    0x0002c9030000000b=full ;")
    state = there(text, live=True)
    plan = change.plan(intent, state, exact=True)
    shown = change.as_diff(plan, PATH)
    assert (shown["before"], shown["after"]) == ("0x0102 bio: cn1 full\n", "0x0102 bio: cn3 full\n")
    assert plan.impact == [{"kind": "partition_lost", "name": "bio", "pkey": "0x0102", "nodes": ["cn1"], "text": "cn1 loses bio (0x0102)"}]


def test_only_exact_removes_and_only_what_is_ours(intent):
    others = f"old=0x0105 :\n {ONE}=full ;\nlab=0x0300, ipoib, mtu=4 :\n {TWO}=full ;\n"
    kept = change.plan(intent, there(CLEAN + others))
    assert [definition.name for definition in kept.parsed.definitions] == ["Default", "cfd", "bio", "old", "lab"]
    exact = change.plan(intent, there(CLEAN + others), exact=True)
    assert [definition.name for definition in exact.parsed.definitions] == ["Default", "cfd", "bio", "lab"]
    assert [(entry["kind"], entry["name"], entry["nodes"]) for entry in exact.impact] == [("partition_lost", "old", ["cn1"])]


def test_present_keeps_members_that_nobody_declared(intent):
    strange = "0x00000000000000ff"
    text = CLEAN.replace("bio=0x0102, mtu=5, rate=12 :\n", f"bio=0x0102, mtu=5, rate=12 :\n    {strange}=full,\n")
    assert f"{strange}=full" in change.plan(intent, there(text)).text
    assert strange not in change.plan(intent, there(text), exact=True).text


def test_a_file_that_opensm_discards_is_named_and_replaced(intent):
    state = there(CLEAN.replace("0x0002c9030000000c", "oops"), live=True)
    plan = change.plan(intent, state)
    assert plan.text == CLEAN
    assert plan.impact[-1]["kind"] == "fabric_open"
    assert "line 8, column 5: 'oops' is no port GUID" in plan.impact[-1]["text"]
    assert plan.changes[-1] == (THREE, 0x7FFF, "full", "limited")


def test_a_partition_without_a_key_is_refused(intent):
    with pytest.raises(ClusterwrightError, match="line 12: partition lab has no P_Key, and which one OpenSM picks depends on the others"):
        change.plan(intent, there(CLEAN + f"lab: {ONE}=full ;\n"))


def test_a_port_that_holds_fewer_keys_is_named_before_anything_happens(intent):
    with pytest.raises(ClusterwrightError, match=r"cn3 would get more P_Keys than the port holds \(3 for the 2 of cn3\)"):
        change.plan(intent, there(CLEAN, live=True, size=2))
    with pytest.raises(ClusterwrightError, match=r"3 for the 2 of cn3"):
        change.plan({**intent, "table": 2}, there())


@pytest.mark.parametrize(("alter", "said"), [
    (lambda cfd: cfd.update(pkey=0x8101), "partition cfd: 0x8101 is no P_Key"),
    (lambda cfd: cfd.update(pkey=0x300), "partition cfd: P_Key 0x0300 is outside 0x0100-0x01ff, which is ours"),
    (lambda cfd: cfd.update(pkey=0x102), "P_Key 0x0102 belongs to 2 partitions"),
    (lambda cfd: cfd.update(name="a: b"), "'a: b' is no name that OpenSM keeps"),
    (lambda cfd: cfd.update(mtu=2048), "partition cfd: mtu, rate and sl must be InfiniBand's codes"),
    (lambda cfd: cfd["members"][0].update(guid="0x2C9"), "partition cfd: '0x2C9' of cn1 is no GUID"),
    (lambda cfd: cfd["members"][0].update(membership="Full"), "partition cfd: cn1 is full or limited, not 'Full'"),
    (lambda cfd: cfd["members"][0].update(guid=TWO), f"partition cfd: the GUID {TWO} stands there 2 times"),
    (lambda cfd: cfd.update(members=cfd["members"][2:]), "partition cfd has limited members only: none of them can talk to another"),
])
def test_an_intent_that_opensm_would_take_otherwise_is_refused(intent, alter, said):
    alter(intent["partitions"][0])
    with pytest.raises(ClusterwrightError) as caught:
        change.plan(intent, there())
    assert said in str(caught.value)


def test_a_standby_writes_and_does_not_judge(intent):
    state = there(CLEAN, live=True, master=TWO)
    assert state.role == "standby"
    assert change.plan({**intent, "managers": [{"name": "cn2", "guid": TWO}]}, state).hang_up


def test_what_has_no_effect_is_said(intent):
    intent["partitions"][0]["sl"] = 2
    intent["without_guid"] = ["cn9"]
    assert kinds(change.plan(intent, there(CLEAN, live=True))) == ["no_guid", "level_ignored"]
    assert kinds(change.plan(intent, there(CLEAN, live=True, qos=True))) == ["no_guid"]


def test_a_full_default_partition_carries_ip(intent):
    text = change.plan({**intent, "default": "full"}, there()).text
    assert "Default=0x7fff, ipoib, mtu=5, rate=12 :\n    ALL=full ;\n" in text


def test_which_files_an_opensm_uses(tmp_path, monkeypatch):
    process = tmp_path / "42"
    process.mkdir()
    (process / "comm").write_text("opensm\n")
    (process / "cmdline").write_bytes(b"opensm\0-F\0opensm.conf\0")
    (process / "environ").write_bytes(b"OSM_CACHE_DIR=/srv/osm\0")
    (process / "cwd").symlink_to(tmp_path)
    (tmp_path / "opensm.conf").write_text("guid 0x2c90300000001\n# a comment\nqos TRUE\npartition_config_file /srv/p.conf\n")
    monkeypatch.setattr(observe, "PROC", tmp_path)
    assert observe.daemons() == [Daemon(42, HEAD, Path("/srv/p.conf"), Path("/srv/osm/guid2lid"), True)]
    (process / "cmdline").write_bytes(b"opensm\0-P\0mine.conf\0--config=none\0")
    assert observe.daemons() == [Daemon(42, "", tmp_path / "mine.conf", Path("/srv/osm/guid2lid"), False)]


def test_keys_as_a_port_holds_them_are_memberships():
    assert observe.table([0xFFFF, 0x0101, 0x8101, 0x0102]) == {0x7FFF: "full", 0x101: "full", 0x102: "limited"}
    assert "what is this" in observe.answer(1, "", "what is this").error


def test_what_opensm_has_not_read_is_not_proven(intent, monkeypatch):
    state = there(CLEAN, live=True)
    plan = change.plan(intent, state)
    monkeypatch.setattr(programming, "WITHIN", 0)
    monkeypatch.setattr(observe, "runs", lambda _daemon: True)
    seen = []
    monkeypatch.setattr(observe, "fabric", lambda _run, _path, until: seen.append(until) or dataclasses.replace(state.fabric, come=False))
    with pytest.raises(ClusterwrightError, match=r"opensm \(process 7\) has not read the new file within 0 s"):
        programming._prove(None, state, plan)
    assert seen == [{"seconds": 2, "ports": {}, "before": 0, "least": 8}], "no table changes, so its sweep is waited for"
    monkeypatch.setattr(observe, "runs", lambda _daemon: False)
    with pytest.raises(ClusterwrightError, match=r"opensm \(process 7\) has ended meanwhile"):
        programming._prove(None, state, plan)


def test_the_ports_of_a_trial_are_those_that_change_and_one_of_each_table():
    tables = {HEAD: {0x7FFF: "full"}, ONE: {0x7FFF: "limited"}, TWO: {0x7FFF: "limited"}, THREE: {0x7FFF: "limited"}}
    assert change._tried(tables, [], HEAD) == [HEAD, ONE]
    assert change._tried(tables, [partitions.Change(THREE, 0x101, "full", "")], HEAD) == [HEAD, THREE, ONE]


def test_jobs_on_nodes_that_lose_a_partition_are_in_the_impact(intent):
    state = there(CLEAN, live=True)
    intent["ports"] = [intent["partitions"][0]["members"].pop(1)]
    plan = change.plan(intent, state, True, [{"id": "42", "user": "ada", "nodes": "cn[1-3]"}])
    assert kinds(plan) == ["partition_lost", "job_cut"]
    assert plan.impact[1]["text"] == "job 42 of ada runs on cn2, which loses cfd (0x0101)"


def test_a_master_that_is_none_of_ours(intent):
    assert kinds(change.plan(intent, there(CLEAN, live=True, master=TWO)))[-1] == "foreign_master"


def test_another_master_in_the_middle_of_a_change_is_named(intent, monkeypatch):
    state = there(CLEAN, live=True)
    monkeypatch.setattr(observe, "runs", lambda _daemon: True)
    monkeypatch.setattr(observe, "fabric", lambda _run, _path, _until: dataclasses.replace(state.fabric, master=TWO, come=False))
    with pytest.raises(ClusterwrightError, match=f"the master subnet manager is now {TWO}, and was {HEAD}") as caught:
        programming._prove(None, state, change.plan(intent, state))
    session = Session(lambda _argv: Result(0, "", ""))
    told = programming._undone(None, state, session, caught.value, [PATH], [], True)
    assert f"The master is {TWO} now, and sets the tables: see `sminfo`" in str(told)
    assert (told.details["verified"], told.details["restored_files"]) == (False, [PATH])
