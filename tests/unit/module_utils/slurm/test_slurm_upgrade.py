"""May the cluster go to another release, and what goes when."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import upgrade

OLD, NEW = "24.11.5-4+deb13u1", "26.05.5-1"
HOSTS = {"slurmdbd": ["db1"], "slurmctld": ["head1", "head2"], "slurmd": ["cn1", "cn2", "cn3"], "others": ["login1"]}
UNIT = {"slurmdbd": "slurmdbd", "slurmctld": "slurmctld", "slurmd": "slurmd", "others": "sackd"}
TOLD = upgrade.told("SLURM_VERSION           = 24.11.5\n", "SLURMDBD_VERSION       = 24.11.5\n", "cn1 24.11.5\ncn2 24.11.5\ncn3 N/A\n")


def host(daemon, before=OLD, candidate=NEW, **other):
    """What slurm_packages returns."""
    runs = {f"{UNIT[daemon]}.service": {"active": True, "down": False, "stale": False}}
    packages = {UNIT[daemon]: before, "slurm-client": before}
    found = {"before": packages, "candidate": dict.fromkeys(packages, candidate), "daemons": runs}
    return {**found, "trouble": [], "unfinished": [], "old_steps": 0, **other}


def cluster(**changed):
    return {**{name: host(daemon) for daemon, names in HOSTS.items() for name in names}, **changed}


def without(*names):
    return {name: seen for name, seen in cluster().items() if name not in names}


def refused(seen, wanted="26.05", told=TOLD):
    return upgrade.plan(seen, wanted, HOSTS, told).refusals


def test_a_cluster_that_can_go():
    plan = upgrade.plan(cluster(), "26.05", HOSTS, TOLD)
    assert (plan.release, plan.refusals, plan.warnings) == ("26.05", [], [])
    assert plan.todo == dict.fromkeys(upgrade.ORDER, True)
    assert plan.lines[0] == (
        "slurmdbd on db1, 24.11.5-4+deb13u1 -> 26.05.5-1: stop, dump the database, replace the packages, convert in the foreground, start"
    )
    assert [line.split(",")[0] for line in plan.lines] == [
        "slurmdbd on db1", "slurmctld on head[1-2]", "slurmd on cn[1-3]", "login nodes and REST on login1",
    ]  # fmt: skip


def test_candidate_is_the_newest_that_is_offered():
    plan = upgrade.plan(cluster(cn3=host("slurmd", candidate=OLD)), "candidate", HOSTS, TOLD)
    assert plan.release == "26.05"
    assert plan.refusals == [
        "cn3: the package sources offer 24.11.5-4+deb13u1 and nothing of Slurm 26.05: configure a source that has it, and see "
        "`apt-cache policy slurmd`"
    ]


@pytest.mark.parametrize("wanted", ["", "newest"])
def test_the_release_must_be_said(wanted):
    (said,) = refused(cluster(), wanted)
    assert "-e slurm_upgrade_version=26.05 or -e slurm_upgrade_version=candidate (the package sources offer 26.05)" in said
    assert said.startswith("slurm_upgrade_version is newest" if wanted else "Say which release")


def test_nothing_is_offered():
    assert "offer nothing of Slurm" in refused(cluster(**{name: host("slurmd", candidate="") for name in cluster()}), "candidate")[0]


def test_debian_12_to_debian_13_is_refused_once_for_all_hosts():
    seen = {name: host("slurmd", before="22.05.8-4+deb12u3", candidate="24.11.5-4") for name in cluster()}
    (said,) = refused(seen, "24.11", upgrade.Told("22.05.8", "22.05.8"))
    assert said.startswith("db1,head[1-2],cn[1-3],login1: Slurm 24.11 takes over from 24.05, 23.11, 23.02, not from 22.05: go in steps")


def test_the_daemons_that_run_count_too():
    assert refused(cluster(), told=upgrade.Told(slurmctld="22.05.8"))[0].startswith("the running slurmctld: Slurm 26.05 takes over from")


def test_no_way_back():
    seen = {name: host("slurmd", before=NEW, candidate=NEW) for name in cluster()}
    assert any("does not go back to 24.11" in said for said in refused(seen, "24.11"))


@pytest.mark.parametrize("missing", ["db1", "head1", "head2"])
def test_slurmdbd_and_slurmctld_go_first_and_together(missing):
    (said,) = refused(without(missing))
    assert f"{missing} does not answer or is left out of this run" in said and "start without --limit" in said


def test_one_slurmd_alone_before_its_slurmctld_is_refused():
    (first, second) = refused({"cn1": host("slurmd")})
    assert first.startswith("slurmdbd is 24.11.5, and db1") and second.startswith("slurmctld is 24.11.5, and head[1-2]")


def test_one_slurmd_alone_after_its_slurmctld():
    plan = upgrade.plan({"cn1": host("slurmd")}, "26.05", HOSTS, upgrade.Told("26.05.5", "26.05.5", {"cn1": "24.11.5"}))
    assert plan.refusals == [] and plan.todo == {"slurmdbd": False, "slurmctld": False, "slurmd": True, "others": False}
    assert plan.warnings == ["cn[2-3],login1 does not answer or is left out of this run, and stays as it is"]


def test_a_slurmctld_that_does_not_answer_is_no_proof():
    assert refused({"cn1": host("slurmd")}, told=upgrade.Told("26.05.5"))[0].startswith("slurmctld does not answer, and head[1-2]")


def test_compute_nodes_that_are_down_do_not_keep_the_others():
    plan = upgrade.plan(without("cn2"), "26.05", HOSTS, TOLD)
    assert plan.refusals == [] and plan.warnings == ["cn2 does not answer or is left out of this run, and stays as it is"]


def test_trouble_of_many_hosts_is_told_once():
    held = "slurmd held back: type `apt-mark unhold slurmd`"
    assert refused(cluster(**{name: host("slurmd", trouble=[held]) for name in ("cn1", "cn2")})) == [f"cn[1-2]: {held}"]


def test_a_slurmd_that_the_new_slurmctld_would_not_hear():
    told = TOLD._replace(slurmd={"cn8": "23.02.7", "cn9": "23.02.7", "cn1": "24.11.5"})
    said = upgrade.plan(cluster(), "26.05", HOSTS, told).warnings
    assert said == ["cn[8-9]: slurmd 23.02.7 runs there, which a slurmctld 26.05 will not hear"]


def test_an_upgrade_that_was_interrupted_goes_on_where_it_was():
    """Packages of the database's host are new, and slurmdbd is down; head1 was in the midst of dpkg; cn1 runs from a former package."""
    down = {"slurmdbd.service": {"active": False, "down": True, "stale": False}}
    stale = {"slurmd.service": {"active": True, "down": False, "stale": True}}
    seen = cluster(
        db1=host("slurmdbd", before=NEW, daemons=down),
        head1={**host("slurmctld"), "before": {"slurmctld": NEW, "slurm-client": ""}, "unfinished": ["slurmctld"]},
        head2=host("slurmctld", before=NEW),
        cn1=host("slurmd", before=NEW, daemons=stale),
        cn2=host("slurmd", before=NEW),
        login1=host("others", before=NEW),
    )
    plan = upgrade.plan(seen, "26.05", HOSTS, upgrade.Told())
    assert plan.refusals == [] and plan.todo == {"slurmdbd": True, "slurmctld": True, "slurmd": True, "others": False}
    assert [line.split(": ")[0] for line in plan.lines] == [
        "slurmdbd on db1, 26.05.5-1, not finished yet", "slurmctld on head1, 26.05.5-1, not finished yet", "slurmctld on head2",
        "slurmd on cn1, 26.05.5-1, not finished yet", "slurmd on cn3, 24.11.5-4+deb13u1 -> 26.05.5-1", "slurmd on cn2",
        "login nodes and REST on login1",
    ]  # fmt: skip


def test_all_is_there():
    seen = {name: host(daemon, before=NEW, old_steps=3) for daemon, names in HOSTS.items() for name in names}
    plan = upgrade.plan(seen, "26.05", HOSTS, upgrade.Told("26.05.5", "26.05.5"))
    assert plan.todo == dict.fromkeys(upgrade.ORDER, False) and plan.warnings == plan.refusals == []
    assert plan.lines[0] == "slurmdbd on db1: has Slurm 26.05 already"


def test_steps_that_outlived_an_upgrade_and_hosts_without_slurm_are_told():
    bare = {**host("others"), "before": {}, "candidate": {}, "daemons": {}}
    plan = upgrade.plan(cluster(cn1=host("slurmd", old_steps=2), login1=bare), "26.05", HOSTS, TOLD)
    assert plan.warnings[0].startswith("cn1: job steps run there") and plan.warnings[1] == "login1: no package of Slurm is installed there"
    assert plan.todo["others"] is False


def test_what_is_told_by_daemons_that_do_not_answer():
    assert upgrade.told("", "sacctmgr: error", "") == upgrade.Told()
    told = upgrade.told("Configuration data\nSLURM_VERSION = 26.05.5", "", "cn1 N/A\ncn2 24.11.5\ncn2 24.11.5\n")
    assert told == ("", "26.05.5", {"cn2": "24.11.5"})
