"""Reservations as a playbook asks for them."""

from __future__ import annotations

import time

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_reservation

PDU = {"name": "pdu", "nodes": "cn1", "start": "+10min", "duration": "1h", "users": ["root"], "flags": ["maint"]}


class Slurm:
    """Keeps one reservation."""

    def __init__(self):
        self.keys = {}
        self.jobs = ""
        self.ran = []

    def run(self, argv):
        if "squeue" in argv:
            return Result(0, self.jobs, "")
        if "show" in argv:
            return Result(0, "NodeName=cn1 State=IDLE\n" if "node" in argv else self.line(), "")
        self.ran.append(list(argv))
        if argv[1] == "delete":
            if self.jobs:
                return Result(1, "", "delete_reservation reservation=pdu: Requested reservation is in use\n")
            self.keys = {}
        else:
            self.keys.update(dict(word.split("=", 1) for word in argv if "=" in word and "+=" not in word))
        return Result(0, "", "")

    def line(self):
        if not self.keys:
            return "No reservations in the system\n"
        start, end = (self.keys[key].replace("uts", "") for key in ("starttime", "endtime"))
        return (f"ReservationName=pdu StartTime={start} EndTime={end} Nodes={self.keys['nodes']} NodeCnt=1 PartitionName=(null) "
                f"Flags={self.keys['flags']},SPEC_NODES Users={self.keys['users']} Accounts=(null) State=INACTIVE\n")


@pytest.fixture
def slurm(monkeypatch):
    """Slurm without a reservation."""
    fake = Slurm()
    monkeypatch.setattr(slurm_reservation, "runner", lambda _module: fake.run)
    return fake


def test_made_changed_and_deleted(call_module, slurm):
    predicted = call_module(slurm_reservation, check=True, **PDU)
    assert slurm.ran == [] and predicted["changed"] and predicted["before"] is None
    made = call_module(slurm_reservation, **PDU)
    assert (made["changed"], made["verified"], made["after"]["flags"]) == (True, True, ["MAINT", "SPEC_NODES"])
    assert abs(made["after"]["starts_at"] - time.time() - 600) < 60 and made["impact"][0]["kind"] == "nodes_reserved"
    assert call_module(slurm_reservation, **PDU)["changed"] is False
    longer = call_module(slurm_reservation, **{**PDU, "duration": "2h"})
    assert longer["after"]["ends_at"] - longer["before"]["ends_at"] == 3600 and "endtime" in longer["commands"][0]
    gone = call_module(slurm_reservation, name="pdu", state="absent")
    assert (gone["changed"], gone["after"], gone["impact"][0]["text"]) == (True, None, "cn1 is free again")
    assert call_module(slurm_reservation, name="pdu", state="absent")["changed"] is False


def test_one_in_use_names_its_jobs(call_module, slurm):
    call_module(slurm_reservation, **PDU)
    slurm.jobs = "7|ada|RUNNING|N/A|cn1\n"
    said = call_module(slurm_reservation, name="pdu", state="absent")["msg"]
    assert "is used by job 7 of ada (RUNNING) on cn1: nothing was changed" in said


def test_what_slurm_does_not_do_is_seen(call_module, slurm, monkeypatch):
    call_module(slurm_reservation, **PDU)
    monkeypatch.setattr(slurm, "run", lambda argv: Slurm.run(slurm, argv) if "update" not in argv else Result(0, "", ""))
    monkeypatch.setattr(slurm_reservation, "runner", lambda _module: slurm.run)
    assert "is not as asked after" in call_module(slurm_reservation, **{**PDU, "duration": "2h"})["msg"]
