"""The least that brings a declared configuration about, on one controller, and what is done about two that are active."""

from __future__ import annotations

import time
from dataclasses import replace as altered

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files, services
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import change, changeover, difference, running
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.change import State, Store
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.policy import Needs
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import Job, Slurm

INTENT = {
    "cluster_name": "c", "controllers": [{"name": "head1", "address": "10.0.0.1"}], "dbds": [], "jwt": False, "enforce": False,
    "nodes": [{"NodeName": "cn[1-2]", "NodeAddr": "10.0.0.[21-22]"}], "partitions": [{"PartitionName": "all", "Nodes": "cn[1-2]"}],
    "config": {}, "cgroup": {}, "gres": [], "topology": [], "job_container": {}, "plugstack": [],
}
PAIR = {**INTENT, "controllers": [{"name": "head1", "address": "10.0.0.1"}, {"name": "head2", "address": "10.0.0.2"}]}
WITH_DBD = {**INTENT, "dbds": [{"name": "db1", "address": "10.0.0.3"}]}
DIRECTORY = "/etc/slurm"
ROOM = Store("/var/lib/slurm/slurmctld", True, 1 << 40, 10_000, 1 << 20, 100.0)
JOB = Job("7", "ada", "RUNNING", "all", "cn1")


def config(**keys):
    """What `scontrol show config` says, with slurm.conf read as it lies there."""
    return {"slurm.conf": {"HASH_VAL": "Match", "KillWait": "30 sec", "SLURM_VERSION": "24.11.5", **keys}, "cgroup.conf": {}}


def after_trial(texts, **keys):
    written = {key: value for key, value in running.settings(texts["slurm.conf"]).items() if change.trial.as_written(key)}
    return Slurm({"slurm.conf": {"KillWait": "30 sec", "SLURM_VERSION": "24.11.5", **written, **keys}, "cgroup.conf": {}})


def before_of(texts, **keys):
    """What runs with the files as they are."""
    spelling = {key.lower(): key for key in change.conf.DEFAULTS}
    found = after_trial(texts, **keys)
    return Slurm({"slurm.conf": {spelling.get(key, key): value for key, value in found.places["slurm.conf"].items()}, "cgroup.conf": {}})


def state(intent=INTENT, texts=None, active="active", jobs=(), seen=None, changed=None, before=None, version="24.11.5", **others):
    """A controller that runs with the files of this intent; `changed`: what the trial says of the declared ones."""
    texts = change.declared(intent, {}) if texts is None else texts
    lie = {name: files.FileState("file", "root", "root", "0644", texts[name].encode()) if name in texts else files.FileState("absent")
           for name in change.conf.NAMES}
    there = files.FilesState({f"{DIRECTORY}/{name}": found for name, found in lie.items()},
                             {("directory", DIRECTORY): True, ("owner", "root"): True, ("group", "root"): True})
    unit = services.UnitState("loaded", "enabled", active, 1000.0, 1000.0, False)
    units = services.ServicesState({change.UNIT: unit}, {}, 2000.0)
    runs = active in change.RUNS
    seen = (config() if runs else {}) if seen is None else seen
    return State(
        host="head1", version=version, texts=texts, files=there, services=units, seen=seen, jobs=jobs if runs else None,
        before=before or (before_of(texts) if changed is not None else None), after=changed, stores=(ROOM, ROOM),
        now=1_800_000_000.0, **others,
    )


def plan(intent, seen, **options):
    return change.plan(intent, seen, **options)


def differing(intent=INTENT, declared=None, was=None, **keys):
    """(the new intent, a state in which these keys differ); keys as Slurm shows them afterwards."""
    declared = declared or {**intent, "config": {**intent["config"], "KillWait": 45}}
    texts = change.declared(intent, {})
    return declared, state(intent, changed=after_trial(change.declared(declared, texts), **keys), before=before_of(texts, **(was or {})))


# --- plan

def test_nothing_to_do():
    made = plan(INTENT, state())
    assert (made.commands, made.action, made.needs, made.impact, made.slurmd_since) == ([], "", Needs.NOTHING, [], 0)


def test_a_reconfigure_and_no_more():
    declared, seen = differing(KillWait="45 sec")
    made = plan(declared, seen)
    assert made.commands == ["write /etc/slurm/slurm.conf (0644 root:root)", "scontrol reconfigure"]
    assert (made.needs, [str(item) for item in made.changes]) == (Needs.RECONFIGURE, ["KillWait in slurm.conf"])
    assert [entry["kind"] for entry in made.impact] == ["slurmctld_reconfigure"]


def test_only_a_comment_changes():
    declared, seen = differing()
    assert plan(declared, seen).commands[-1] == "scontrol reconfigure"      # so that the hash is right again
    assert plan(declared, seen).needs == Needs.RECONFIGURE


def test_a_restart_of_slurmctld_and_then_all_nodes_are_told():
    declared, seen = differing(was={"SlurmctldPort": "6817"}, SlurmctldPort="6917")
    made = plan(declared, seen)
    assert made.commands[1:] == ["systemctl restart slurmctld.service", "scontrol reconfigure"]
    assert (made.needs, made.slurmd_since) == (Needs.RESTART_SLURMCTLD, 0)


def test_what_needs_slurmd_leaves_a_mark_that_later_runs_keep():
    declared, seen = differing(was={"AuthInfo": ""}, AuthInfo="ttl=60")
    made = plan(declared, seen)
    assert made.slurmd_since == 1_800_000_000
    assert "# slurmd started before 2027-01-15T08:00:00Z runs with an old AuthInfo" in made.texts["slurm.conf"]
    again = plan(declared, state(declared, texts=made.texts))
    assert (again.commands, again.slurmd_since) == ([], 1_800_000_000)


def test_what_would_end_a_job_is_refused_and_done_when_told():
    declared, seen = differing(was={"SlurmdPort": "6818"}, SlurmdPort="6918")
    seen = altered(seen, before=Slurm(seen.before.places, {"cn1": {"State": "MIXED"}}), after=Slurm(seen.after.places, {"cn1": {}}))
    with pytest.raises(ClusterwrightError, match="SlurmdPort"):
        plan(declared, altered(seen, jobs=[JOB]))
    made = plan(declared, altered(seen, jobs=[JOB]), end_jobs=True)
    assert made.impact[-1]["text"] == "job 7 of ada (RUNNING on cn1) ends, because of SlurmdPort in slurm.conf"
    assert plan(declared, seen).needs == Needs.DRAINED_NODES     # no job is there


def test_fewer_jobs_than_there_are_need_an_empty_cluster():
    declared, seen = differing(was={"MaxJobCount": "10000"}, MaxJobCount="2")
    assert plan(declared, altered(seen, jobs=[JOB])).needs == Needs.RECONFIGURE
    with pytest.raises(ClusterwrightError, match=r"MaxJobCount.*needs an empty cluster and would end job 7"):
        plan(declared, altered(seen, jobs=[JOB, JOB._replace(id="8", state="COMPLETED")]))


def test_a_slurmctld_that_does_not_run_is_started():
    made = plan(INTENT, state(active="inactive", changed=after_trial(change.declared(INTENT, {}))))
    assert made.commands == ["systemctl start slurmctld.service", "scontrol reconfigure"]
    assert (made.action, made.needs) == ("start", Needs.RESTART_SLURMCTLD)


def test_one_that_runs_and_does_not_answer_is_restarted():
    assert plan(INTENT, state(seen={}, changed=after_trial(change.declared(INTENT, {})))).action == "restart"


def test_one_that_has_not_read_its_files_reads_them():
    seen = state(seen={"slurm.conf": {"HASH_VAL": "Different", "SLURM_VERSION": "24.11.5"}, "cgroup.conf": {}})
    assert plan(INTENT, seen).commands == ["scontrol reconfigure"]


def test_a_new_controller_is_told_nothing_of_nodes():
    made = plan(INTENT, state(texts={}, active="inactive"))
    assert made.commands[-1] == "systemctl start slurmctld.service" and not made.tells_nodes


def test_a_file_that_is_no_longer_declared_goes():
    old = {**INTENT, "topology": [{"SwitchName": "s1", "Nodes": "cn[1-2]"}]}
    _declared, seen = differing(old, INTENT)
    made = plan(INTENT, seen)
    assert "rm /etc/slurm/topology.conf" in made.commands and "TopologyPlugin" not in made.texts["slurm.conf"]


def test_a_newer_slurmctld_that_starts_is_told_of():
    declared, seen = differing(KillWait="45 sec")
    told = [entry["text"] for entry in plan(declared, altered(seen, version="25.05.1")).impact]
    assert "slurmctld 24.11.5 runs, and 25.05.1, which is installed, starts now" in told


@pytest.mark.parametrize(("store", "words"), [
    (Store("/s"), "is no directory on this host"),
    (Store("/s", True, 1 << 20, 10_000, 0), "is full (1 MiB and 10000 inodes are left)"),
    (Store("/s", True, 1 << 30, 10_000, 1 << 30), "is full"),
    (Store("/s", True, 1 << 40, 3, 0), "3 inodes are left"),
])
def test_a_state_directory_without_room(store, words):
    declared, seen = differing(KillWait="45 sec")
    with pytest.raises(ClusterwrightError) as caught:
        plan(declared, altered(seen, stores=(ROOM, store)))
    assert words in str(caught.value) and "nothing was changed" in str(caught.value)


def test_the_files_name_what_lies_beside_them():
    """So one hash tells whether slurmctld has read all of them."""
    one, two = (change.declared({**INTENT, "cgroup": cgroup}, {})["slurm.conf"] for cgroup in ({}, {"ConstrainCores": False}))
    assert one != two
    (differs,) = (line for line in one.split("\n") if line not in two)
    assert differs.startswith("# Goes with cgroup.conf ")


# --- accounting begins

def begins(runs=None, intent=INTENT, **others):
    declared = {**intent, "dbds": WITH_DBD["dbds"]}
    texts = change.declared(intent, {})
    changed = after_trial(change.declared(declared, texts))
    return declared, state(intent, changed=changed, seen=runs, **others)


@pytest.mark.parametrize("runs", [config(), config(AccountingStorageType="accounting_storage/none"), config(AccountingStorageType="")])
def test_an_id_that_slurmctld_has_made_up_goes_before_slurmdbd_gives_one(runs):
    declared, seen = begins(runs)
    made = plan(declared, seen)
    assert made.commands[0] == "runuser -u slurm -- rm -f /var/lib/slurm/slurmctld/clustername"
    assert "cluster_id" in [entry["kind"] for entry in made.impact]


def test_an_id_that_slurmdbd_has_given_stays():
    declared, seen = begins(config(AccountingStorageType="accounting_storage/slurmdbd"))
    assert plan(declared, seen).forgets == ()
    assert plan(WITH_DBD, state(WITH_DBD, active="inactive")).forgets == ()         # it may have died of two: nobody knows whose they are
    assert plan(WITH_DBD, state(WITH_DBD, texts={}, active="inactive")).forgets == ()       # a new controller
    declared, seen = differing(WITH_DBD, INTENT)
    assert plan(INTENT, seen).forgets == ()                                             # accounting ends


def test_a_slurmctld_that_is_down_has_made_one_up_too():
    declared, seen = begins(active="inactive")
    assert plan(declared, seen).forgets[-1] == "/var/lib/slurm/slurmctld/clustername"


def test_a_standby_leaves_the_id_to_the_active_controller():
    declared, seen = begins(hosts={"head2": "active", "head1": "standby"}, intent=PAIR)
    assert plan(declared, seen).forgets == ()


def test_a_slurmdbd_that_does_not_listen(monkeypatch):
    monkeypatch.setattr(running, "listens", lambda host, port: (host, port) == ("10.0.0.4", 6820))
    with pytest.raises(ClusterwrightError, match=r"slurmdbd does not listen on 10\.0\.0\.3, port 6819.*nothing was changed"):
        change._refuse_silent_dbd({"accountingstoragehost": "10.0.0.3"})
    two = {"accountingstoragehost": "10.0.0.3", "accountingstoragebackuphost": "10.0.0.4"}
    change._refuse_silent_dbd({**two, "accountingstorageport": "6820"})


# --- a pair

def test_a_standby_restarts_only_itself():
    declared = {**PAIR, "config": {"KillWait": 45}}
    seen = state(PAIR, changed=after_trial(change.declared(declared, {}), KillWait="45 sec"), hosts={"head2": "active", "head1": "standby"})
    made = plan(declared, seen)
    assert made.commands == ["write /etc/slurm/slurm.conf (0644 root:root)", "systemctl restart slurmctld.service"]
    assert made.impact[0]["text"] == "slurmctld restarts on the standby, which disturbs nothing"


@pytest.mark.parametrize(("hosts", "active", "standby", "leads"), [
    ({}, "active", False, True),
    ({"head1": "active", "head2": "standby"}, "active", False, True),
    ({"head1": "standby", "head2": "active"}, "active", True, False),
    ({"head1": "down", "head2": "active"}, "inactive", True, True),        # the primary takes over once it starts
    ({"head2": "active", "head1": "down"}, "inactive", True, False),
    ({"head1": "down", "head2": "down"}, "inactive", False, True),
])
def test_who_is_the_active_one(hosts, active, standby, leads):
    seen = state(PAIR, hosts=hosts, active=active)
    assert (seen.standby, seen.leads) == (standby, leads)


def test_a_standby_has_loaded_its_files_when_it_is_younger_than_they():
    seen = state(PAIR, hosts={"head1": "standby", "head2": "active"}, seen={})
    assert seen.loaded
    newer = services.ServicesState(seen.services.units, {"/etc/slurm/slurm.conf": 1500.0}, 2000.0)
    assert not altered(seen, services=newer).loaded


def test_two_active_controllers(monkeypatch, tmp_path):
    monkeypatch.setattr(running, "controllers", lambda *_words: {"head1": "active", "head2": "active"})
    with pytest.raises(ClusterwrightError) as caught:
        change._controllers(lambda _argv: Result(0, "", ""), ["text"], tmp_path, True)
    assert "head1 and head2 both run as the active controller, and each starts jobs by itself: nothing was changed" in str(caught.value)
    assert "`systemctl stop slurmctld` on head2" in str(caught.value)
    assert caught.value.details == {"controllers": {"head1": "active", "head2": "active"}}


def test_a_takeover_is_waited_for(monkeypatch, tmp_path):
    said = iter([{"head1": "down", "head2": "standby"}, {"head1": "down", "head2": "standby"}, {"head1": "down", "head2": "active"}])
    monkeypatch.setattr(running, "controllers", lambda *_words: next(said))
    monkeypatch.setattr(change, "PAUSE", 0)
    assert change._controllers(lambda _argv: Result(0, "", ""), ["text"], tmp_path, True)["head2"] == "active"


def test_where_none_runs_nobody_is_waited_for(monkeypatch, tmp_path):
    monkeypatch.setattr(running, "controllers", lambda *_words: {"head1": "down", "head2": "down"})
    began = time.monotonic()
    assert change._controllers(lambda _argv: Result(0, "", ""), ["text"], tmp_path, False) == {"head1": "down", "head2": "down"}
    assert time.monotonic() - began < 5


def follows(monkeypatch, tmp_path, *said):
    """A standby that is to take KillWait=45, and an active controller that says these one after the other."""
    monkeypatch.setattr(changeover.trial, "SCRATCH", str(tmp_path))
    monkeypatch.setattr(changeover, "PAUSE", 0)
    monkeypatch.setattr(change, "ANSWERS_WITHIN", 0.2 if len(said) == 1 else 30)
    answers = list(said)

    def run(argv):
        if "show" in argv and "config" in argv:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        return Result(0, "", "")

    declared = {**PAIR, "config": {"KillWait": 45}}
    texts = change.declared(PAIR, {})
    seen = state(PAIR, changed=after_trial(change.declared(declared, texts), KillWait="45 sec"), before=before_of(texts),
                 hosts={"head2": "active", "head1": "standby"})
    changeover._follow(run, seen, plan(declared, seen))
    return answers


def answer(kill_wait):
    keys = {**running.settings(change.declared(PAIR, {})["slurm.conf"]), "KillWait": f"{kill_wait} sec", "SLURM_VERSION": "24.11.5"}
    return Result(0, "".join(f"{key} = {value}\n" for key, value in keys.items()), "")


def test_a_standby_changes_after_the_active_one(monkeypatch, tmp_path):
    silent = Result(1, "", "slurm_load_ctl_conf error: Unable to contact slurm controller (connect failure)\n")
    assert follows(monkeypatch, tmp_path, answer(30), silent, answer(45)) == [answer(45)]


def test_what_the_active_one_refuses_the_standby_does_not_take(monkeypatch, tmp_path):
    with pytest.raises(ClusterwrightError) as caught:
        follows(monkeypatch, tmp_path, answer(30))
    assert "head2 is the active controller and has not taken this change (KillWait in slurm.conf)" in str(caught.value)
    assert "nothing was changed here, on the standby" in str(caught.value)


# --- carried out

def carried_out(monkeypatch, tmp_path, answers, declared=None, seen=None):
    """The commands that ran, and the error, where each command gets the answer of the first words that it has."""
    ran = []

    def run(argv):
        line = " ".join(argv)
        ran.append(line)
        return next((result for words, result in answers.items() if words in line), Result(0, "", ""))

    monkeypatch.setattr(changeover.trial, "SCRATCH", str(tmp_path))
    monkeypatch.setattr(changeover, "PAUSE", 0)
    monkeypatch.setattr(change, "ANSWERS_WITHIN", 0)
    if declared is None:
        declared, seen = differing(KillWait="45 sec")
    made = altered(plan(declared, seen), files=[])      # how files are replaced is tested where that is done
    with pytest.raises(ClusterwrightError) as caught:
        changeover.apply(run, seen, made)
    return ran, caught.value


def test_a_reconfigure_that_slurmctld_does_not_take(monkeypatch, tmp_path):
    refuses = Result(1, "", "slurm_reconfigure error: Invalid argument\n")
    said = Result(0, "HASH_VAL = Match\n", "")
    ran, error = carried_out(monkeypatch, tmp_path, {"scontrol reconfigure": refuses, "scontrol show config": said})
    assert str(error) == ("slurmctld does not take the new files: slurm_reconfigure error: Invalid argument. "
                          "Slurmctld runs with the old files.")
    assert (error.details["changed"], error.details["verified"]) == (False, False)
    assert ran.count("scontrol reconfigure") == 1


def test_values_that_the_trial_did_not_say(monkeypatch, tmp_path):
    said = Result(0, "HASH_VAL = Match\nKillWait = 30 sec\nSLURM_VERSION = 24.11.5\n", "")
    _ran, error = carried_out(monkeypatch, tmp_path, {"scontrol show config": said})
    assert "slurmctld has read the new files, and still says KillWait=30 sec and not 45 sec" in str(error)


def test_a_slurmctld_that_ends_and_does_not_come_back(monkeypatch, tmp_path):
    answers = {"scontrol show config": Result(1, "", "connect failure\n"), "systemctl show": Result(0, "ActiveState=failed\n", ""),
               "systemctl restart": Result(1, "", "Job for slurmctld.service failed\n")}
    ran, error = carried_out(monkeypatch, tmp_path, answers)
    assert "slurmctld has ended with the new files: nobody knows why" in str(error)
    assert "slurmctld does not run with the old files either (Job for slurmctld.service failed): see `journalctl" in str(error)
    assert error.details["changed"] and ran[-1] == "systemctl restart slurmctld.service"
    assert "systemctl reset-failed slurmctld.service" in ran


def test_the_id_goes_before_slurmctld_reads_the_new_files(monkeypatch, tmp_path):
    declared, seen = begins(config())
    refuses = {"scontrol reconfigure": Result(1, "", "no\n"), "scontrol show config": Result(0, "HASH_VAL = Match\n", "")}
    ran, _error = carried_out(monkeypatch, tmp_path, refuses, declared, seen)
    assert ran[:2] == ["runuser -u slurm -- rm -f /var/lib/slurm/slurmctld/clustername", "scontrol reconfigure"]


def test_a_standby_does_nothing_before_the_active_one_has(monkeypatch, tmp_path):
    declared = {**PAIR, "config": {"KillWait": 45}}
    texts = change.declared(PAIR, {})
    seen = state(PAIR, changed=after_trial(change.declared(declared, texts), KillWait="45 sec"), before=before_of(texts),
                 hosts={"head2": "active", "head1": "standby"})
    ran, error = carried_out(monkeypatch, tmp_path, {"show config": answer(30)}, declared, seen)
    assert "has not taken this change" in str(error)
    assert not [line for line in ran if "restart" in line or "reconfigure" in line]


# --- slurmctld's last words

def test_the_last_words_are_of_this_change(tmp_path):
    log = tmp_path / "slurmctld.log"
    log.write_text("[then] fatal: of yesterday\n")
    made = plan(*differing({**INTENT, "config": {"SlurmctldLogFile": str(log)}}))
    made.texts["slurm.conf"] += f"SlurmctldLogFile={log}\n" if str(log) not in made.texts["slurm.conf"] else ""
    words = changeover._Log(made)
    assert words.last_words() == ""
    with log.open("a") as stream:
        stream.write("[now] error: Configured MailProg is invalid\n[now] error: no such thing\n[now] info\n")
    assert words.last_words() == "no such thing"
    with log.open("a") as stream:
        stream.write("[now] fatal: CLUSTER ID MISMATCH.\nslurmctld has been started with \"ClusterID=2265\"\n[now] error: later\n")
    assert "`mv /var/lib/slurm/slurmctld/clustername /var/lib/slurm/slurmctld/clustername.old`, and run again" in words.last_words()
    log.write_text("[now] fatal: new\n")
    assert words.last_words() == "new"     # the log was rotated
    log.unlink()
    assert words.last_words() == ""


def test_differences_between_the_two_states_of_these_tests_are_none():
    texts = change.declared(INTENT, {})
    assert difference.changes(before_of(texts), after_trial(texts), texts, texts, (24, 11)) == []
