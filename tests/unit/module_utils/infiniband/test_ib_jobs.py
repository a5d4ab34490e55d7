"""Jobs on nodes that lose a partition."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import jobs

LOST = {"kind": "partition_lost", "name": "cfd", "pkey": "0x0101", "nodes": ["cn1", "cn2"], "text": ""}
REDUCED = {**LOST, "kind": "membership_reduced", "nodes": ["cn3"]}


def job(number, nodes):
    return {"id": str(number), "user": "ada", "state": "RUNNING", "nodes": nodes}


def test_a_job_is_named_with_the_nodes_that_lose_something():
    running = [job(1, "cn[2-3]"), job(2, "cn[8-9]"), job(3, ""), job(4, None)]
    found = jobs.hit([LOST, REDUCED, {"kind": "no_guid", "nodes": ["cn9"]}], running)
    assert [(entry["id"], entry["nodes"], entry["text"]) for entry in found] == [
        ("1", ["cn2"], "job 1 of ada runs on cn2, which loses cfd (0x0101)"),
        ("1", ["cn3"], "job 1 of ada runs on cn3, which becomes a limited member of cfd (0x0101)")]


def test_it_is_refused_and_the_sentence_stays_short():
    impact = [LOST, *jobs.hit([LOST], [job(number, "cn1") for number in range(5)])]
    with pytest.raises(ClusterwrightError, match=r"Nothing was changed: job 0 .* and 2 more, in impact\. Drain the nodes") as caught:
        jobs.refuse(impact)
    assert caught.value.details["impact"] == impact


def test_an_open_fabric_is_closed_all_the_same():
    jobs.refuse([{"kind": "fabric_open"}, *jobs.hit([LOST], [job(1, "cn1")])])


def test_what_is_no_job_is_refused():
    with pytest.raises(ClusterwrightError, match="give what slurm_info returns"):
        jobs.hit([LOST], [{"node": "cn1"}])
