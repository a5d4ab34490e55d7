"""The filters slurm_diagnosis and slurm_job_loops, as the playbook uses them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.clusterwright.hpc.plugins.filter.slurm_diagnosis import FilterModule

DIAGNOSIS, LOOPS = (FilterModule().filters()[name] for name in ("slurm_diagnosis", "slurm_job_loops"))
NODE = {"states": ["NOT_RESPONDING", "IDLE"], "reason": "", "reason_by": "", "comment": "", "slurmd_started": None,
        "sockets": 1, "cores_per_socket": 2, "threads_per_core": 1, "memory": 1024}


def test_who_is_looked_at_and_then_what_is_done():
    seen = {"nodes": {"cn1": NODE, "cn2": {**NODE, "states": ["IDLE"]}}, "jobs": []}
    assert [(each["node"], each["look"]) for each in DIAGNOSIS(seen, 1795270000.0, "300")] == [("cn1", True)]
    found = DIAGNOSIS(seen, 1795270000.0, 300, checks={"cn1": None}, powers={"cn1": "off"})
    assert found == [{"node": "cn1", "state": "IDLE+NOT_RESPONDING", "why": "slurmctld does not hear from it: it has no power",
                      "steps": ["power_on", "resume"], "units": [], "look": True}]


def test_jobs_that_go_in_circles():
    job = {"id": "7", "job_id": 7, "user": "ada", "state": "PENDING", "reason": "", "nodes": "", "restarts": 5}
    assert LOOPS({"jobs": [job]})[0].startswith("job 7 of ada was requeued 5 times")


@pytest.mark.parametrize("call", [DIAGNOSIS, lambda seen, _now: LOOPS(seen)])
def test_what_is_no_answer_of_slurm_info_is_said(call):
    with pytest.raises(AnsibleFilterError, match="slurm_info"):
        call({"nodes": {}}, 0)
