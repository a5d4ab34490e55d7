"""What the orchestrator is told, and what is taken for done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import orchestrator
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result

HOSTS = [{"name": "store1", "address": "10.0.0.1", "labels": ["mon", "mgr", "osd"], "rack": "r1"},
         {"name": "store2", "address": "10.0.0.2", "labels": ["osd", "mds"], "rack": ""}]
OSDS = [{"hosts": ["store1", "store2"], "devices": ["/dev/sdb", "/dev/sdc"], "method": "lvm"},
        {"hosts": ["store2"], "devices": ["/dev/nvme0n1"], "method": "lvm"}]


def test_a_host_has_its_labels_and_a_mon_the_keyring():
    hosts = orchestrator.hosts(HOSTS)
    assert hosts["host store1"] == {
        "service_type": "host", "hostname": "store1", "addr": "10.0.0.1", "labels": ["_admin", "mgr", "mon", "osd"],
        "location": {"root": "default", "rack": "r1"}}
    assert hosts["host store2"]["labels"] == ["mds", "osd"] and "location" not in hosts["host store2"]


def test_osds_are_named_and_unmanaged_but_where_disks_are_new():
    found = orchestrator.services(OSDS, ["scratch"], {"store2": ["/dev/sdc"]})
    assert list(found) == ["service mon", "service mgr", "service crash", "service mds.scratch", "service osd.store1", "service osd.store2"]
    assert found["service osd.store1"] == {
        "service_type": "osd", "service_id": "store1", "placement": {"hosts": ["store1"]}, "unmanaged": True,
        "spec": {"data_devices": {"paths": ["/dev/sdb", "/dev/sdc"]}}}
    fresh = found["service osd.store2"]
    assert (fresh["unmanaged"], fresh["spec"]["data_devices"]) == (False, {"paths": ["/dev/sdc"]})
    at_rest = orchestrator.services(OSDS, ["scratch"], {})["service osd.store2"]
    assert (at_rest["unmanaged"], at_rest["spec"]["data_devices"]) == (True, {"paths": ["/dev/sdb", "/dev/sdc", "/dev/nvme0n1"]})


def test_never_all_available_devices():
    for new in ({}, {"store1": []}, {"store1": ["/dev/sdb"]}):
        for spec in orchestrator.services(OSDS, [], new).values():
            if spec["service_type"] == "osd":
                assert list(spec["spec"]["data_devices"]) == ["paths"] and spec["spec"]["data_devices"]["paths"]
                assert spec["placement"] == {"hosts": [spec["service_id"]]}


def test_raw_is_said_and_lvm_is_what_the_orchestrator_does_anyway():
    spec = orchestrator.services([{**OSDS[0], "method": "raw"}], [], {})["service osd.store1"]["spec"]
    assert spec["method"] == "raw"


def planned(hosts, services, known):
    seen = orchestrator.of({**hosts, **services}, known)
    return orchestrator.plan(hosts, services, seen, known)


def declared(new=None):
    return orchestrator.hosts(HOSTS), orchestrator.services(OSDS, [], new or {})


def exported(hosts, services):
    """What the orchestrator says after all was applied, with what it adds by itself."""
    known = {item: {"addr": spec["addr"], "labels": sorted([*spec["labels"], "somebody's"])} for item, spec in hosts.items()}
    for item, spec in services.items():
        known[item] = {"service_name": orchestrator.name(spec), **spec}
        if "spec" in spec:
            known[item]["spec"] = {**spec["spec"], "filter_logic": "AND", "objectstore": "bluestore"}
    return known


def test_what_is_so_already_is_left_alone():
    hosts, services = declared()
    plan = planned(hosts, services, exported(hosts, services))
    assert not plan.commands and not plan.impact


def test_hosts_come_before_what_is_placed_by_their_labels():
    hosts, services = declared()
    plan = planned(hosts, services, {"service mon": {"service_type": "mon", "placement": {"count": 5}, "unmanaged": True}})
    assert [command.item for command in plan.commands] == [*hosts, *services]
    sent = json.loads(plan.commands[2].words[-1])
    assert sent == {"service_type": "mon", "placement": {"label": "mon"}, "unmanaged": False}
    assert [each["name"] for each in plan.impact] == ["mon"]


def test_what_somebody_set_beside_stays():
    hosts, services = declared({"store1": ["/dev/sdc"]})
    known = exported(*declared())
    known["service osd.store1"]["spec"]["db_devices"] = {"paths": ["/dev/nvme1n1"]}
    (command,) = planned(hosts, services, known).commands
    sent = json.loads(command.words[-1])
    assert sent["spec"]["db_devices"] == {"paths": ["/dev/nvme1n1"]} and sent["spec"]["data_devices"] == {"paths": ["/dev/sdc"]}
    assert sent["unmanaged"] is False


def test_labels_and_addresses_are_corrected_and_none_is_taken_away():
    hosts, services = declared()
    known = exported(hosts, services)
    known["host store2"] = {"addr": "10.9.9.9", "labels": ["mon", "osd"]}
    plan = planned(hosts, services, known)
    (command,) = plan.commands
    assert json.loads(command.words[-1]) == hosts["host store2"]
    assert [" ".join(words) for words in command.undo] == ["orch host set-addr store2 10.9.9.9", "orch host label rm store2 mds"]
    assert plan.after["host store2"] == {"addr": "10.0.0.2", "labels": ["mds", "mon", "osd"]}


def test_paths_may_come_back_as_mappings():
    hosts, services = declared()
    known = exported(hosts, services)
    known["service osd.store1"]["spec"]["data_devices"] = {"paths": [{"path": "/dev/sdb"}, {"path": "/dev/sdc"}]}
    assert not planned(hosts, services, known).commands


def test_what_stands_behind_i_becomes_a_file():
    seen = []

    def run(argv):
        seen.append((argv[:-1], Path(argv[-1]).read_text() if argv[-2] == "-i" else argv[-1]))
        return Result(0, "", "")
    told = orchestrator.with_files(run)
    told(["ceph", "orch", "apply", "-i", '{"a": 1}'])
    told(["ceph", "orch", "ls"])
    assert seen == [(["ceph", "orch", "apply", "-i"], '{"a": 1}'), (["ceph", "orch"], "ls")]


TREE = {"nodes": [{"id": -1, "name": "default", "type": "root", "children": [-3]},
                  {"id": -3, "name": "store1", "type": "host", "children": [1, 0]},
                  {"id": 0, "name": "osd.0", "type": "osd", "status": "up"}, {"id": 1, "name": "osd.1", "type": "osd", "status": "down"}]}


def test_osds_count_that_are_up():
    assert orchestrator.lacking_osds({"store1": 1}, TREE) == []
    assert orchestrator.lacking_osds({"store1": 2, "store2": 1}, TREE) == ["store1: 1 of 2 OSDs are up", "store2: 0 of 1 OSDs are up"]


def listed(running, events=()):
    names = [orchestrator.name(spec) for spec in orchestrator.services([], ["fs"], {}).values()]
    return [{"service_name": name, "status": {"running": running.get(name, 2), "size": 2}, "events": list(events)} for name in names]


def test_it_waits_and_then_says_what_lacks_and_why():
    services = orchestrator.services([], ["fs"], {})
    nobody = Result(2, "", "Error ENOENT: Module not found\n")     # as another manager takes over
    answers = [Result(0, json.dumps(listed({"mds.fs": 0})), ""), nobody, Result(0, json.dumps(listed({})), "")]
    pauses = []
    orchestrator.wait(lambda _argv: answers.pop(0), services, {}, 60, clock=lambda: 0, pause=pauses.append)
    assert len(pauses) == 2 and not answers
    error = '2026-11-21T18:00:00Z service:mds.fs [ERROR] "Failed to apply:\nno such image"'
    times = iter([0, 61])
    with pytest.raises(ClusterwrightError, match=r"mds\.fs: 1 of 2 run \(2026.*no such image") as caught:
        orchestrator.wait(lambda _argv: Result(0, json.dumps(listed({"mds.fs": 1}, [error])), ""), services, {}, 60,
                          clock=lambda: next(times), pause=pauses.append)
    assert caught.value.details["lacking"] == ["mds.fs: 1 of 2 run"]


def test_a_cluster_without_orchestrator_is_told():
    def run(_argv):
        return Result(2, "", "Error ENOENT: No orchestrator configured (try `ceph orch set backend`)\n")
    with pytest.raises(ClusterwrightError, match=r"no orchestrator.*way: packages"):
        orchestrator.observe(run)
