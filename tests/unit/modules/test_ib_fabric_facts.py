"""ib_fabric_facts on a recorded fabric. What it does with the real OpenSM stands in tests/integration/infiniband."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import topology
from ansible_collections.clusterwright.hpc.plugins.modules import ib_fabric_facts

RECORDED = (Path(__file__).parents[1] / "module_utils" / "infiniband" / "fabric.json").read_text()


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The fabric as it was recorded, and what it was asked for."""
    told = []

    def run(argv):
        told.append(json.loads(argv[-1]))
        return Result(0, RECORDED, "")

    monkeypatch.setattr(ib_fabric_facts, "runner", lambda _module: run)
    monkeypatch.setattr(topology, "SYSFS", tmp_path)
    return told


@pytest.mark.parametrize("check", [False, True])
def test_facts(call_module, asked, check):
    result = call_module(ib_fabric_facts, check=check, interval=1)
    assert (result["changed"], len(result["nodes"]), len(result["ports"]), result["managers"][0]["state"]) == (False, 5, 9, "master")
    assert asked == [{"keys": False, "counters": True, "interval": 1}]
    assert "adapters" not in result


def test_the_hcas_of_this_host(call_module, asked, tmp_path):
    assert asked == []
    (tmp_path / "mlx4_0").mkdir()
    (tmp_path / "mlx4_0" / "fw_ver").write_text("2.42.5000\n")
    (tmp_path / "mlx4_0" / "board_id").write_text("MT_1090120019\n")
    adapters = call_module(ib_fabric_facts)["adapters"]
    assert adapters == [{"name": "mlx4_0", "guid": "", "link": "", "firmware": "2.42.5000", "psid": "MT_1090120019", "type": ""}]
    alone = call_module(ib_fabric_facts, fabric=False)
    assert alone["adapters"] == adapters and "nodes" not in alone and len(asked) == 1


@pytest.mark.parametrize("options", [{"interval": -1}, {"interval": 5, "counters": False}])
def test_an_interval_without_counters_is_refused(call_module, asked, options):
    assert call_module(ib_fabric_facts, **options)["msg"].startswith(f"interval: {options['interval']} is no time between two readings")
    assert asked == []
