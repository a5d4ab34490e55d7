"""Nodes as slurmctld sees them. Lines as scontrol of Slurm 24.11 prints them, shortened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import nodes
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.hardware import Hardware
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import nodeset

# As two versions print the same with SLURM_TIME_FORMAT=%s.
WHOLE = {
    "24.11": "NodeName=cn3 Arch=x86_64 CoresPerSocket=2  CPUAlloc=0 CPUEfctv=2 CPUTot=2 CPULoad=12.68 AvailableFeatures=(null) "
    "ActiveFeatures=(null) Gres=(null) NodeAddr=10.62.0.23 NodeHostName=cn3 Version=24.11.5 OS=Linux 6.12.57 #1 SMP PREEMPT_DYNAMIC @0  "
    "RealMemory=1024 AllocMem=0 FreeMem=18122 Sockets=1 Boards=1 State=IDLE+DRAIN ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A "
    "MCS_label=N/A Partitions=all  BootTime=1795232615 SlurmdStartTime=1795248291 LastBusyTime=1795248291 ResumeAfterTime=None "
    "CfgTRES=cpu=2,mem=1G,billing=2 AllocTRES= CurrentWatts=0 AveWatts=0  Reason=DIMM swap [root@1795248329] Comment=asset 12 State=UP",
    "22.05": "NodeName=cn3 Arch=x86_64 CoresPerSocket=2  CPUAlloc=0 CPUEfctv=2 CPUTot=2 CPULoad=5.59 AvailableFeatures=(null) "
    "ActiveFeatures=(null) Gres=(null) NodeAddr=10.62.0.23 NodeHostName=cn3 Version=22.05.8 OS=Linux 6.1.0 #1 SMP PREEMPT_DYNAMIC @0  "
    "RealMemory=1024 AllocMem=0 FreeMem=18122 Sockets=1 Boards=1 State=IDLE+DRAIN ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A "
    "MCS_label=N/A Partitions=all  BootTime=1795232615 SlurmdStartTime=1795248291 LastBusyTime=1795248291 CfgTRES=cpu=2,mem=1G,billing=2 "
    "AllocTRES= CapWatts=n/a CurrentWatts=0 AveWatts=0 ExtSensorsJoules=n/s ExtSensorsWatts=0 ExtSensorsTemp=n/s "
    "Reason=DIMM swap [root@1795248329] Comment=asset 12 State=UP Extra=e",
}

LINES = """\
NodeName=cn1 Arch=x86_64 CoresPerSocket=2 State=IDLE ThreadsPerCore=1 TmpDisk=0 Partitions=all
NodeName=cn2 Arch=x86_64 State=IDLE+DRAIN ThreadsPerCore=1 Partitions=all Reason=DIMM swap [root@2026-11-21T05:00:00]
NodeName=cn3 State=IDLE+NOT_RESPONDING ThreadsPerCore=1 Partitions=all
NodeName=cn4 State=DOWN+INVALID_REG Partitions=all Reason=Low RealMemory (reported:24105 < 100.00% of configured:65536) [slurm@2026-11-21T05:00:00]
NodeName=cn5 State=IDLE+CLOUD+POWERED_DOWN+NOT_RESPONDING Partitions=all
NodeName=cn6 State=UNKNOWN Partitions=all
"""  # noqa: E501 (as scontrol prints them)


def test_states_and_reasons_are_read():
    seen = nodes.parse(LINES)
    assert str(seen["cn1"]) == "IDLE"
    assert str(seen["cn2"]) == "DRAIN+IDLE (DIMM swap)"
    assert str(seen["cn4"]).startswith("DOWN+INVALID_REG (Low RealMemory (reported:24105")


@pytest.mark.parametrize("version", WHOLE)
def test_what_people_wrote_changes_nothing_that_slurm_wrote(version):
    node = nodes.parse(WHOLE[version])["cn3"]
    assert (node.states, node.reason, node.reason_by, node.comment) == ({"IDLE", "DRAIN"}, "DIMM swap", "root", "asset 12 State=UP")
    assert (node.slurmd_started, node.declared) == (1795248291, Hardware(1, 2, 1, 1024))
    keys = nodes.record(WHOLE[version])
    assert keys["OS"].endswith("#1 SMP PREEMPT_DYNAMIC @0") and keys["ReasonAt"] == "1795248329" and "Gres" not in keys


def test_a_reason_of_two_lines():
    keys = nodes.record("NodeName=cn1 State=DOWN Reason=bad fan [root@1795248329]         see ticket 7 Comment=x")
    assert (keys["Reason"], keys["ReasonBy"], keys["Comment"]) == ("bad fan see ticket 7", "root", "x")


LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))
WORDS = st.text(LETTERS, min_size=1, max_size=40).map(lambda text: " ".join(text.split()))


@given(reason=WORDS.filter(bool), comment=WORDS)
def test_any_reason_and_comment_come_back(reason, comment):
    """But for a text that is just Slurm's own form: it can say nothing about state or hardware either way."""
    line = f"NodeName=cn1 RealMemory=1024 State=IDLE+DRAIN ThreadsPerCore=1 Reason={reason} [ada@1795248329]"
    keys = nodes.record(line + (f" Comment={comment}" if comment else ""))
    assert (keys["State"], keys["RealMemory"], keys["NodeName"]) == ("IDLE+DRAIN", "1024", "cn1")
    if not any(f" {key}=" in f" {reason} {comment}" for key in nodes._TAIL):
        assert (keys["Reason"], keys["ReasonBy"], keys.get("Comment", "")) == (reason, "ada", comment if comment != "(null)" else "")


def test_who_does_not_respond_and_why():
    bad = nodes.not_responding(["cn1", "cn2", "cn3", "cn4", "cn5", "cn6", "cn9"], nodes.parse(LINES))
    assert set(bad) == {"cn3", "cn4", "cn6", "cn9"}
    assert "Low RealMemory" in bad["cn4"] and "cluster file" in bad["cn4"]
    assert "NOT_RESPONDING" in bad["cn3"] and "journalctl" in bad["cn3"]
    assert "slurmctld does not know it" in bad["cn9"]


def test_why_slurmctld_refuses_a_node_is_said_in_words():
    keys = "Sockets=2 CoresPerSocket=8 ThreadsPerCore=2 RealMemory=65536"
    low = "Reason=Low RealMemory (reported:57344 < 100.00% of configured:65536) [slurm@1795248329]"
    refused = f"{keys} State=IDLE+DRAIN+INVALID_REG"
    seen = nodes.parse(f"NodeName=cn1 {refused} {low}\nNodeName=cn2 {refused} Reason=old [root@1]")
    bad = nodes.not_responding(["cn1", "cn2"], seen)
    assert "it declares 64 GiB, has 56 GiB: a DIMM is gone? Mend the node" in bad["cn1"]
    # Slurm leaves an older Reason in place when it refuses a node for the first time.
    assert "it has less than declared (2 sockets, 8 cores a socket, 2 threads a core, 64 GiB)" in bad["cn2"]


NAMES = st.lists(st.from_regex(r"[a-z]{1,3}-?[0-9]{0,5}(-ib)?", fullmatch=True), min_size=1, max_size=60, unique=True)


@given(NAMES)
def test_folded_names_are_the_same_names(names):
    assert sorted(nodeset.expand(nodes.fold(names))) == sorted(names)


def test_folded_names_are_short():
    assert nodes.fold([f"cn{number:03}" for number in (*range(1, 301), 305)] + ["gpu1", "login"]) == "cn[001-300,305],gpu1,login"
    assert nodes.fold(["cn9", "cn10", "cn7", "cn9"]) == "cn[7,9-10]"
    assert nodes.fold_some([f"cn{number}" for number in range(1, 1201)]) == "cn[1-1000] and 200 more"


def hostnames(argv):
    assert argv[:3] == ["scontrol", "show", "hostnames"]
    return Result(0, "".join(f"{name}\n" for name in nodeset.expand(argv[3])), "")


def test_nodesets_are_expanded_and_names_cost_nothing():
    assert nodes.expand(hostnames, ["cn[1-2],cn[2-3]", "gpu1", "cn1"]) == ["cn1", "cn2", "cn3", "gpu1"]
    assert nodes.expand(lambda _argv: pytest.fail("asked"), ["cn1", "cn2"]) == ["cn1", "cn2"]


@pytest.mark.parametrize("text", ["cn[1-", "/etc/passwd", "cn1 cn2", ""])
def test_what_is_no_nodeset_is_not_given_to_scontrol(text):
    with pytest.raises(ClusterwrightError, match="is no NodeSet"):
        nodes.expand(lambda _argv: pytest.fail("asked"), [text])


def test_a_range_that_scontrol_refuses():
    with pytest.raises(ClusterwrightError, match=r"Invalid range: `3-1'"):
        nodes.expand(lambda _argv: Result(0, "", "scontrol: error: _parse_single_range: Invalid range: `3-1'"), ["cn[3-1]"])


def waiting(*answers):
    """A slurmctld that gives these answers in turn, and a clock that the pauses move."""
    now = [0.0]
    left = list(answers)

    def run(_argv):
        return Result(0, left.pop(0) if len(left) > 1 else left[0], "")

    def pause(seconds):
        now[0] += seconds

    return run, (lambda: now[0]), pause, now


def test_waiting_ends_when_the_last_node_responds():
    states = ("UNKNOWN", "IDLE+NOT_RESPONDING", "IDLE")
    run, clock, pause, now = waiting(*(f"NodeName=cn1 State={state}\n" for state in states))
    assert nodes.wait_responding(run, ["cn1"], 60, clock, pause)[1] == {}
    assert now[0] == 2


def test_waiting_ends_at_the_deadline():
    run, clock, pause, now = waiting("NodeName=cn1 State=UNKNOWN\n")
    assert "UNKNOWN" in nodes.wait_responding(run, ["cn1"], 9, clock, pause)[1]["cn1"]
    assert now[0] == 9


def test_a_node_that_slurmctld_refuses_is_given_up_soon():
    run, clock, pause, now = waiting("NodeName=cn1 State=DOWN+INVALID_REG Reason=Low RealMemory [slurm@x]\n")
    assert "Low RealMemory" in nodes.wait_responding(run, ["cn1"], 60, clock, pause)[1]["cn1"]
    assert now[0] == nodes.GRACE


def test_a_silent_slurmctld_is_named():
    with pytest.raises(ClusterwrightError, match="slurmctld does not answer"):
        nodes.observe(lambda _argv: Result(1, "", "slurm_load_node error: Unable to contact slurm controller (connect failure)"))
