"""ib_fabric_facts and ib_verify on a simulated fabric with the real OpenSM."""

from __future__ import annotations

import re
import signal
import threading
import time

import pytest

pytestmark = pytest.mark.integration

NAMES = ("head1", "cn1", "cn2", "cn3")


def member(name, guid, membership="full"):
    return {"name": name, "guid": guid, "membership": membership}


@pytest.fixture
def partitions(fabric):
    head, one, two, three = fabric.guids
    return {
        "fabric": "ib0", "owned": [0x100, 0x1FF], "default": "limited", "mtu": 4, "rate": 3, "table": 64, "without_guid": [],
        "managers": [{"name": "head1", "guid": head}], "ports": [],
        "partitions": [
            {"name": "store", "pkey": 0x101, "ipoib": True, "mtu": 4, "rate": 3, "sl": 0,
             "members": [member("cn1", one), member("cn2", two, "limited"), member("cn3", three, "limited")]},
        ],
    }


@pytest.fixture
def intent(fabric):
    return {
        "fabric": "ib0", "speed": "", "width": "4x", "mtu": 2048, "managers": [{"name": "head1", "guid": fabric.guids[0]}], "cables": [],
        "ports": [{"name": name, "guid": guid} for name, guid in zip(NAMES, fabric.guids)], "without_guid": [],
    }


def links(fabric, **options):
    """Options of ibsim for the links of hosts, at both ends."""
    for host, option in options.items():
        fabric.topology = re.sub(rf'("{host}"\[1\])', rf"\1 {option}", fabric.topology)
        fabric.topology = re.sub(rf'(Ca 1 "{host}"\n\S+ \S+)', rf"\1 {option}", fabric.topology)


def kinds(result):
    return [finding["kind"] for finding in result["findings"]]


def texts(result):
    return [finding["text"] for finding in result["findings"]]


def wait(done):
    end = time.monotonic() + 15
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_fabric_that_is_as_declared(fabric, intent, partitions):
    fabric.up()
    fabric.module(partitions)
    held = [fabric.keys(guid) for guid in fabric.guids]
    for check in (False, True):
        result = fabric.run("ib_verify", check, intent=intent, partitions=partitions, pairs="all")
        assert (result.get("msg"), result["changed"], result["findings"], result["notes"]) == (None, False, [], [])
    assert [(pair["one"], pair["other"], pair["allowed"], pair["reason"], pair["path"]) for pair in result["pairs"]] == [
        ("head1", "cn1", True, "by 0x7fff", "0x7fff"), ("head1", "cn2", True, "by 0x7fff", "0x7fff"),
        ("head1", "cn3", True, "by 0x7fff", "0x7fff"), ("cn1", "cn2", True, "by 0x0101", "0x0101"),
        ("cn1", "cn3", True, "by 0x0101", "0x0101"), ("cn2", "cn3", False, "both limited members of 0x0101, 0x7fff", "none")]
    assert (result["checked"]["pairs"], result["checked"]["paths"]) == (6, 6)
    sample = fabric.run("ib_verify", intent=intent, partitions=partitions)
    assert [(pair["one"], pair["other"], pair["count"]) for pair in sample["pairs"]] == [
        ("head1", "cn1", 1), ("head1", "cn2", 2), ("cn1", "cn2", 2), ("cn2", "cn3", 1)]
    assert [fabric.keys(guid) for guid in fabric.guids] == held


def test_by_a_task_with_an_environment(fabric, intent):
    fabric.up()
    assert "ok=1" in fabric.play({"clusterwright.hpc.ib_verify": {"intent": intent}})


def test_slow_and_narrow_links_are_named_and_fdr10_is_not_fdr(fabric, intent):
    links(fabric, host0="s=4 e=1", host1="s=4 e=1 w=1", host2="s=4 e=0")
    fabric.topology = fabric.topology.replace('"host3"[1]', '"host3"[1]  # "host3" lid 0 4xFDR10')
    fabric.topology = fabric.topology.replace('[1] "leaf0"[4]', '[1] "leaf0"[4]  # "leaf0" lid 0 4xFDR10')
    fabric.topology = fabric.topology.replace("switchguid", "vendid=0x2c9\ndevid=0xc738\nswitchguid", 1)
    fabric.topology = re.sub(r"(caguid=\S+\nCa 1 .host3)", r"vendid=0x2c9\ndevid=0x1003\n\1", fabric.topology)
    fabric.up()
    result = fabric.run("ib_verify", intent={**intent, "speed": "FDR"})
    assert kinds(result) == ["degraded"] * 3
    assert [(finding["width"], finding["speed"]) for finding in result["findings"]] == [("1x", "FDR"), ("4x", "QDR"), ("4x", "FDR10")]
    assert texts(result) == [
        "leaf0 port 2 - cn1 runs at 1x FDR and not at 4x FDR: more is not enabled on leaf0 port 2 and cn1, see `ibportstate`",
        "leaf0 port 3 - cn2 runs at 4x QDR and not at 4x FDR: leaf0 port 3 and cn2 can do no more",
        "leaf0 port 4 - cn3 runs at 4x FDR10 and not at 4x FDR: leaf0 port 4 and cn3 can do no more"]
    assert result["failed"]
    assert result["msg"].startswith("ib0 is not as declared: leaf0 port 2 - cn1 runs at 1x FDR")


def test_an_hca_that_is_unplugged_and_one_that_nobody_knows(fabric, intent):
    fabric.up(sweep_interval="1")
    fabric.type('Unlink "host2"[1]')
    intent["ports"][3]["guid"] = "0x0002c903000000ff"
    time.sleep(0.3)
    result = fabric.run("ib_verify", intent=intent)
    assert kinds(result) == ["missing", "missing", "unknown"]
    assert texts(result)[0].startswith("cn2 (0x0002c9030000000c) is not on the fabric")
    assert texts(result)[2].startswith("the port 0x0002c9030000000d of 'host3' is on the fabric and in no table")
    intent["ports"][3]["name"] = "host3"
    assert "as if its HCA was replaced" in texts(fabric.run("ib_verify", intent=intent))[1]


def test_a_cable_that_is_elsewhere(fabric, intent):
    fabric.up()
    cables = [{"name": name, "guid": guid, "switch": "leaf0", "port": f"1/{port}"}
              for name, guid, port in zip(NAMES, fabric.guids, (1, 2, 4, 4))]
    result = fabric.run("ib_verify", intent={**intent, "cables": cables})
    assert texts(result) == ["cn2 is plugged into leaf0 port 3, and its row of cabling says leaf0 1/4: move the cable or correct the row"]


def test_another_manager_that_stands_by_is_a_note_and_one_that_takes_over_is_wrong(fabric, intent):
    fabric.up(sm_priority="5")
    fabric.another_manager(3, priority=2)
    result = fabric.run("ib_verify", intent=intent)
    assert kinds(result) == []
    assert "a subnet manager that is not ours is standby on cn3 (priority 2)" in result["notes"][0]
    fabric.opensm.send_signal(signal.SIGTERM)
    fabric.opensm.wait(10)
    wait(lambda: "foreign_master" in kinds(fabric.run("ib_verify", intent=intent)))
    result = fabric.run("ib_verify", intent=intent)
    assert "the subnet manager on cn3 (priority 2) is master and is not one of ours (head1)" in result["msg"]


def test_without_a_manager_the_fabric_is_seen_all_the_same(fabric, intent):
    fabric.up()
    fabric.opensm.terminate()
    fabric.opensm.wait(10)
    assert len(fabric.run("ib_fabric_facts", counters=False)["nodes"]) == 5
    result = fabric.run("ib_verify", intent=intent)
    assert kinds(result)[0] == "no_master"
    assert "no subnet manager is master: start opensm on head1" in result["msg"]


def test_tables_that_are_not_as_declared(fabric, intent, partitions):
    fabric.up()
    fabric.module(partitions)
    fabric.path.write_text(fabric.path.read_text().replace("0x0002c9030000000b=full", "0x0002c9030000000b=limited"))
    fabric.opensm.send_signal(signal.SIGHUP)
    wait(lambda: "0x0101" in fabric.keys(fabric.guids[1]))
    result = fabric.run("ib_verify", intent=intent, partitions=partitions)
    assert kinds(result) == ["cut", "table"]
    assert texts(result)[0] == ("cn1 and cn2 should talk and cannot (both limited members of 0x0101, 0x7fff), and 1 pair like them: "
                                "run ib_partitions on the master")
    assert (result["findings"][1]["has"], result["findings"][1]["should"]) == ("limited", "full")


def test_a_fabric_that_opensm_has_opened(fabric, intent, partitions):
    fabric.up("oops")
    result = fabric.run("ib_verify", intent=intent, partitions=partitions, pairs="all")
    assert "cn2 and cn3 may talk and must not (by 0x7fff)" in texts(result)[0]
    assert {kind for kind in kinds(result) if kind != "table"} == {"open"}
    assert result["pairs"][-1]["path"] == "0x7fff"
    restored = fabric.module(partitions)
    assert restored["verified"]
    assert fabric.run("ib_verify", intent=intent, partitions=partitions)["findings"] == []


def test_a_manager_that_hangs_answers_no_question(fabric, intent, partitions):
    fabric.up()
    fabric.module(partitions)
    fabric.opensm.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    result = fabric.run("ib_verify", intent=intent, partitions=partitions)
    assert result["failed"]
    assert {"no_master", "no_answer"} & {*kinds(result)}
    assert time.monotonic() - begun < 10


def test_error_counters_and_what_grows(fabric):
    fabric.up()
    fabric.type('PerformanceSet "leaf0"[3] PortCounters.LinkDownedCounter=7')
    done = threading.Event()

    def grow():
        count = 200
        while not done.wait(0.1):
            fabric.type(f'PerformanceSet "leaf0"[2] PortCounters.SymbolErrorCounter={count}')
            count += 1

    growing = threading.Thread(target=grow)
    growing.start()
    try:
        time.sleep(0.3)
        ports = {(port["name"], port["port"]): port for port in fabric.run("ib_fabric_facts", interval=1)["ports"]}
    finally:
        done.set()
        growing.join()
    assert ports["leaf0", 2]["errors"]["symbol_error"] > 200
    assert 1 <= ports["leaf0", 2]["grown"]["symbol_error"] < 100
    assert (ports["leaf0", 3]["errors"], ports["leaf0", 3]["grown"]) == ({"link_downed": 7}, {})
    assert ports["leaf0", 2]["peer"] == {"node": "0x0002c9030000000a", "name": "host1", "port": 1}
    assert "adapters" not in fabric.run("ib_fabric_facts", counters=False)


def test_the_manager_is_named_with_its_state(fabric):
    fabric.up(sm_priority="7")
    facts = fabric.run("ib_fabric_facts")
    manager = facts["managers"][0]
    assert (len(facts["managers"]), manager["guid"], manager["priority"], manager["state"]) == (1, fabric.guids[0], 7, "master")
    assert manager["activity"] > 0
    assert {port["lid"] for port in facts["ports"] if port["guid"] == fabric.guids[1]} == {fabric.lid(fabric.guids[1])}
