"""ib_verify on a recorded fabric. What it does with the real OpenSM stands in tests/integration/infiniband."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import ib_verify

RECORDED = (Path(__file__).parents[1] / "module_utils" / "infiniband" / "fabric.json").read_text()
GUIDS = {name: f"0x0002c903000000{n:02x}" for name, n in (("head1", 1), ("cn1", 11), ("cn2", 12), ("cn3", 13))}
PORTS = [{"name": name, "guid": guid} for name, guid in GUIDS.items()]
INTENT = {"fabric": "ib0", "speed": "", "width": "", "mtu": 2048, "managers": PORTS[:1], "ports": PORTS, "cables": [], "without_guid": []}
PARTITIONS = {
    "fabric": "ib0", "owned": [0x100, 0x1FF], "default": "limited", "mtu": 4, "rate": 3, "table": 64, "ports": [], "without_guid": [],
    "managers": PORTS[:1],
    "partitions": [{"name": "store", "pkey": 0x101, "ipoib": True, "mtu": 4, "rate": 3, "sl": 0, "members": [
        {**port, "membership": "full" if port["name"] == "cn1" else "limited"} for port in PORTS[1:]]}],
}


@pytest.fixture
def asked(monkeypatch):
    """The fabric as it was recorded, and a subnet manager that grants what the tables allow. What both were asked for."""
    told = []

    def run(argv):
        told.append(json.loads(argv[-1]))
        if told[-1].get("paths"):
            return Result(0, json.dumps({"granted": [0xFFFF, 0xFFFF, 0x8101, 0], "asked": 5, "error": ""}), "")
        return Result(0, RECORDED, "")

    monkeypatch.setattr(ib_verify, "runner", lambda _module: run)
    return told


@pytest.mark.parametrize("check", [False, True])
def test_all_is_as_declared(call_module, asked, check):
    result = call_module(ib_verify, check=check, intent=INTENT, partitions=PARTITIONS)
    assert (result["changed"], result["findings"], result["notes"], result["warnings"]) == (False, [], [], [])
    assert result["checked"] == {"ports": 4, "links": 4, "asked": 45, "pairs": 6, "paths": 4}
    assert result["pairs"][-1] == {"one": "cn2", "other": "cn3", "allowed": False, "expected": False, "path": "none", "count": 1,
                                   "reason": "both limited members of 0x0101, 0x7fff"}
    assert len(asked) == 2, "a command for the whole fabric, and one for all paths"


def test_what_is_wrong_fails_with_the_data(call_module, asked):
    result = call_module(ib_verify, intent={**INTENT, "speed": "FDR", "width": "4x"})
    assert result["failed"]
    assert result["msg"].startswith("ib0 is not as declared: leaf0 port 2 - cn1 runs at 1x FDR and not at 4x FDR: more is not enabled on")
    assert [finding["kind"] for finding in result["findings"]] == ["degraded"] * 3
    assert "pairs" not in result
    assert [told["keys"] for told in asked] == [False]


def test_notes_are_warnings(call_module, asked):
    assert asked == []
    result = call_module(ib_verify, intent={**INTENT, "without_guid": ["cn9"]})
    assert result["notes"] == result["warnings"]
    assert result["warnings"][0].startswith("the cluster file knows no GUID of cn9")


@pytest.mark.parametrize(("options", "said"), [
    ({"intent": {"fabric": "ib0"}}, "intent has no cables, managers, mtu, ports, speed, width, without_guid: give one fabric of the "
                                    "variable ib_fabrics"),
    ({"intent": INTENT, "partitions": {}}, "partitions has no default, fabric,"),
    ({"intent": INTENT, "partitions": {**PARTITIONS, "default": "none"}}, "default is full or limited, not 'none'. Correct it in"),
])
def test_what_is_no_intent_is_refused_before_anything_is_asked(call_module, asked, options, said):
    result = call_module(ib_verify, **options)
    assert result["failed"]
    assert result["msg"].startswith(said)
    assert asked == []


def test_another_firmware_is_a_finding(call_module, asked):
    hca = {"name": "mlx5_0", "guid": "", "link": "InfiniBand", "firmware": "20.30.1004", "psid": "MT_0000000223", "type": "MT4123"}
    intent = {**INTENT, "firmware": {"MT_0000000223": "20.31.1014"}}
    result = call_module(ib_verify, intent=intent, adapters={"cn2": [hca]})
    assert result["failed"] and [finding["kind"] for finding in result["findings"]] == ["firmware"]
    assert "mlx5_0 of cn2 (MT_0000000223) has firmware 20.30.1004 and not 20.31.1014" in result["msg"]
    assert not call_module(ib_verify, intent=intent, adapters={"cn2": [{**hca, "firmware": "20.31.1014"}]}).get("failed")
    assert len(asked) == 2
