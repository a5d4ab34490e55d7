"""ib_partitions and the real OpenSM on a simulated fabric: what the ports hold is asked by smpquery, not by us."""

from __future__ import annotations

import signal
import time

import pytest

pytestmark = pytest.mark.integration

OPEN = ["0xffff"]       # what a port holds when OpenSM has discarded the file


def member(name, guid, membership="full"):
    return {"name": name, "guid": guid, "membership": membership}


@pytest.fixture
def intent(fabric):
    head, one, two, three = fabric.guids
    return {
        "fabric": "ib0", "owned": [0x100, 0x1FF], "default": "limited", "mtu": 4, "rate": 3, "table": 64, "without_guid": [],
        "managers": [{"name": "head1", "guid": head}],
        "ports": [{"name": name, "guid": guid} for name, guid in zip(("head1", "cn1", "cn2", "cn3"), fabric.guids)],
        "partitions": [
            {"name": "cfd", "pkey": 0x101, "ipoib": True, "mtu": 4, "rate": 3, "sl": 0,
             "members": [member("cn1", one), member("cn2", two), member("cn3", three, "limited")]},
            {"name": "bio", "pkey": 0x102, "ipoib": False, "mtu": 4, "rate": 3, "sl": 0, "members": [member("cn3", three)]},
        ],
    }


PROGRAMMED = [["0xffff"], ["0x7fff", "0x8101"], ["0x7fff", "0x8101"], ["0x0101", "0x7fff", "0x8102"]]


def held(fabric):
    return [fabric.keys(guid) for guid in fabric.guids]


def wait(done):
    end = time.monotonic() + 15
    while not done():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_an_open_fabric_gets_its_partitions(fabric, intent):
    fabric.up()
    assert held(fabric) == [OPEN] * 4
    told = fabric.module(intent, check=True)
    assert (told["changed"], told["verified"], told["trial"]) == (True, False, "opensm on ibsim, 4 of 4 ports")
    assert held(fabric) == [OPEN] * 4 and not fabric.path.exists()
    done = fabric.module(intent)
    assert (done["changed"], done["verified"], done["role"]) == (True, True, "master")
    assert (done["after"], done["commands"]) == (told["after"], told["commands"])
    assert held(fabric) == PROGRAMMED
    again = fabric.module(intent)
    assert (again["changed"], again["verified"], again["commands"]) == (False, True, [])


def test_a_member_that_goes_is_announced_and_gone(fabric, intent):
    fabric.up()
    fabric.module(intent)
    del intent["partitions"][0]["members"][1]
    kept = fabric.module(intent)
    assert not kept["changed"], "only exact removes"
    assert held(fabric) == PROGRAMMED
    done = fabric.module(intent, state="exact")
    assert [(entry["kind"], entry["text"]) for entry in done["impact"]] == [("partition_lost", "cn2 loses cfd (0x0101)")]
    assert held(fabric) == [PROGRAMMED[0], PROGRAMMED[1], ["0x7fff"], PROGRAMMED[3]]


def test_by_a_task_with_an_environment(fabric, intent):
    fabric.up()
    output = fabric.play({"clusterwright.hpc.ib_partitions": {"intent": intent, "path": str(fabric.path)}})
    assert "changed=1" in output
    assert held(fabric) == PROGRAMMED


@pytest.mark.parametrize("alter", [
    lambda cfd: cfd["members"][0].update(guid="0002c9030000000b"),
    lambda cfd: cfd["members"][0].update(membership="Full"),
    lambda cfd: cfd.update(name="cfd: ALL=full ;"),
    lambda cfd: cfd.update(pkey=0x18101),
])
def test_what_would_open_the_fabric_never_goes_live(fabric, intent, alter):
    fabric.up()
    fabric.module(intent)
    text, logged = fabric.path.read_text(), len(fabric.log())
    alter(intent["partitions"][0])
    result = fabric.module(intent, state="exact")
    assert result["failed"] and "Nothing was changed" in result["msg"]
    assert fabric.path.read_text() == text
    assert held(fabric) == PROGRAMMED
    assert len(fabric.log()) == logged, "OpenSM was not even asked to read anything"


def test_a_file_that_was_broken_by_hand_is_seen_and_mended(fabric, intent):
    fabric.up()
    fabric.module(intent)
    fabric.path.write_text(fabric.path.read_text().replace("0x0002c9030000000c=full,", "0x0002c9030000000c full,"))
    fabric.opensm.send_signal(signal.SIGHUP)
    wait(lambda: held(fabric) == [OPEN] * 4)
    result = fabric.module(intent)
    assert [entry["kind"] for entry in result["impact"]][-1] == "fabric_open"
    assert "line 8, column 5: '0x0002c9030000000c full' is no port GUID" in result["impact"][-1]["text"]
    assert held(fabric) == PROGRAMMED


def test_a_port_whose_table_is_full_is_refused(fabric, intent):
    fabric.up()
    fabric.module(intent)
    one = fabric.guids[1]
    intent["table"] = 128       # as if somebody had declared it
    intent["partitions"] += [{**intent["partitions"][1], "name": f"t{n}", "pkey": 0x110 + n, "members": [member("cn1", one)]}
                             for n in range(63)]
    result = fabric.module(intent)
    assert result["failed"]
    assert "cn1 would get more P_Keys than the port holds (65 for the 64 of cn1)" in result["msg"]
    assert held(fabric) == PROGRAMMED
    del intent["partitions"][-1]
    assert fabric.module(intent)["verified"]
    assert len(fabric.keys(one)) == 64


def test_when_the_ports_do_not_follow_the_old_file_comes_back(fabric, intent):
    """An opensm with a copy of its own, as one in a container may have: it never sees the new file."""
    fabric.up()
    fabric.module(intent)
    text = fabric.path.read_text()
    fabric.restart_with_its_own_copy()
    del intent["partitions"][1]
    result = fabric.module(intent, state="exact")
    assert result["failed"]
    assert "the ports do not hold what the new file says: cn3 has full of 0x0102 and should have none" in result["msg"]
    assert "Put back as before" in result["msg"] and "OpenSM has read it, and the ports hold what they held" in result["msg"]
    assert result["ports"] == [{"name": "cn3", "guid": fabric.guids[3], "pkey": "0x0102", "has": "full", "should": "none"}]
    assert (result["restored_files"], result["changed"], result["verified"]) == ([str(fabric.path)], False, False)
    assert fabric.path.read_text() == text
    assert held(fabric) == PROGRAMMED


def test_an_opensm_that_hangs_is_left_alone(fabric, intent):
    fabric.up()
    fabric.opensm.send_signal(signal.SIGSTOP)
    result = fabric.module(intent)
    assert result["failed"] and "no subnet manager has become master" in result["msg"]
    assert not fabric.path.exists()


def test_a_node_that_is_unplugged_is_named_and_gets_its_keys_when_it_is_back(fabric, intent):
    fabric.up(sweep_interval="1")
    fabric.type('Unlink "host2"[1]')
    time.sleep(2.5)
    done = fabric.module(intent)
    assert (done["verified"], done["absent"]) == (True, ["cn2"])
    fabric.type('ReLink "host2"[1]')
    wait(lambda: held(fabric) == PROGRAMMED)
    assert fabric.module(intent)["absent"] == []


def test_an_opensm_that_reads_another_file_is_named(fabric, intent, tmp_path):
    fabric.up()
    result = fabric.module(intent, path=str(tmp_path / "other.conf"))
    assert (result["role"], result["verified"]) == ("none", False)
    assert "not_read" in [entry["kind"] for entry in result["impact"]]
    assert held(fabric) == [OPEN] * 4
