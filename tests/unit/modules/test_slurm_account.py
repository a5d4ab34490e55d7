"""The module against a slurmdbd that exists only in memory and behaves as that of Slurm 24.11 was seen to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import accounts, accounts_plan
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_account

SHOWN = {"ParentName": "Parent", "MinPrioThreshold": "MinPrioThresh"}
REFUSED = Result(1, "", "sacctmgr: error: Sending PersistInit msg: Connection refused\n")


class Slurmdbd:
    """QOS, accounts and associations of the cluster `lab`; answers sacctmgr and squeue."""

    def __init__(self):
        self.up, self.registered, self.jobs, self.runaways, self.ran, self.fails = True, True, [], [], [], ""
        self.qos = {"normal": {"Description": "normal qos default"}}
        self.accounts = {"root": {"Fairshare": "1", "QOS": "normal"}}
        self.users = {("root", "root"): True}       # (user, account): whether it is the default

    def run(self, argv):
        if argv[0] in ("squeue", "sacct"):
            jobs = self.jobs if argv[0] == "squeue" else self.runaways
            return Result(0, "CLUSTER: lab\n" + "".join(f"{job}\n" for job in jobs), "")
        if not self.up:
            return REFUSED
        if "show" in argv:
            return Result(0, "".join(f"{'|'.join(row)}\n" for row in self.show(argv[argv.index("show") + 1], argv)), "")
        verb, kind, words = argv[2], argv[3], argv[4:]
        self.ran.append(" ".join(argv[2:]))
        if self.fails and self.fails in self.ran[-1]:
            return Result(1, "", " Error with request: Access/permission denied\n")
        pairs = dict(word.split("=", 1) for word in words if "=" in word)
        names = pairs.pop("name").split(",")
        pairs.pop("cluster", None)
        return getattr(self, f"{verb}_{kind}")(names, pairs)

    def show(self, kind, argv):
        columns = argv[-1].removeprefix("format=").split(",")
        if kind == "cluster":
            return [["lab"], ["other"]] if self.registered else [["other"]]
        if kind == "tres":
            return [["cpu", ""], ["mem", ""], ["gres", "gpu"]]
        if kind == "qos":
            return [[self.printed({**entry, "Name": name}, column) for column in columns] for name, entry in self.qos.items()]
        if kind == "account":
            return [[name, entry.get("Organization", name), entry.get("Description", name)] for name, entry in self.accounts.items()]
        if "onlydefaults" in argv:
            return [[user, account] for (user, account), default in self.users.items() if default]
        rows = [{**entry, "Cluster": "lab", "Account": name} for name, entry in self.accounts.items()]
        rows += [{"Cluster": "lab", "Account": account, "User": user, "Fairshare": "1"} for user, account in self.users]
        rows += [{"Cluster": "other", "Account": "root", "QOS": "normal"}, {"Cluster": "other", "Account": "x", "QOS": "+theirs"}]
        return [[self.printed(row, column) for column in columns] for row in rows]

    @staticmethod
    def printed(entry, column):
        value = entry.get(SHOWN.get(column, column), "")
        return {"GraceTime": lambda text: f"00:00:{int(text or 0):02}", "Priority": lambda text: text or "0"}.get(column, str)(value)

    @staticmethod
    def set(entry, pairs):
        before = dict(entry)
        for name, value in pairs.items():
            entry[name] = "" if value == "-1" else value.lower() if name == "Description" else value
            if "TRES" in name:
                parts = f"{before.get(name, '')},{value}".strip(",").split(",")
                amounts = dict(part.split("=") for part in parts)
                entry[name] = ",".join(f"{resource}={amount}" for resource, amount in amounts.items() if amount != "-1")

    def add_qos(self, names, pairs):
        return self.add(self.qos, names, pairs, {})

    def add_account(self, names, pairs):
        assert pairs["Parent"] in self.accounts
        return self.add(self.accounts, names, pairs, {"Fairshare": "1"})

    def add(self, entries, names, pairs, initial):
        new = [name for name in names if name not in entries]
        for name in new:
            self.set(entries.setdefault(name, {"Description": name, **initial}), pairs)
        return Result(0, "", "") if new else Result(1, " Nothing new added.\n", "")

    def add_user(self, names, pairs):
        assert pairs["account"] in self.accounts
        for name in names:
            self.users.setdefault((name, pairs["account"]), not any(user == name for user, _account in self.users))
        return Result(0, "", "")

    def modify_qos(self, names, pairs):
        assert all(name in self.qos for name in names)
        for name in names:
            self.set(self.qos[name], pairs)
        return Result(0, "", "")

    def modify_account(self, names, pairs):
        for name in names:
            above = pairs.get("Parent", "root")
            while above != "root":
                assert above != name, "moved below itself"
                above = self.accounts[above]["Parent"]
            self.set(self.accounts[name], pairs)
            usable = self.accounts[name].get("QOS", "")
            assert not usable or self.accounts[name].get("DefaultQOS", "") in ("", *usable.split(","))
        return Result(0, "", "")

    def modify_user(self, names, pairs):
        for name in names:
            assert (name, pairs["DefaultAccount"]) in self.users
            self.users.update({key: key[1] == pairs["DefaultAccount"] for key in self.users if key[0] == name})
        return Result(0, "", "")

    def delete_user(self, names, pairs):
        return self.delete([key for key in self.users if key[0] in names and pairs.get("account", key[1]) == key[1]])

    def delete_account(self, names, _pairs):
        assert not any(entry.get("Parent") in names for name, entry in self.accounts.items() if name not in names), "an orphan is left"
        result = self.delete([key for key in self.users if key[1] in names])
        if not result.rc:
            self.accounts = {name: entry for name, entry in self.accounts.items() if name not in names}
        return result

    def delete(self, keys):
        left = {key: default for key, default in self.users.items() if key not in keys}
        at_stake = [key for key in keys if self.users[key]]
        # Slurm 22.05 refuses a default account beside any other that is none, whosever it is.
        if any(user == key[0] for key in at_stake for user, _account in left) or 0 < len(at_stake) < len(keys):
            return Result(1, "", " Error with request: You can not remove the default account of a user\n")
        self.users = left
        return Result(0, "", "")

    def delete_qos(self, names, _pairs):
        self.qos = {name: entry for name, entry in self.qos.items() if name not in names}
        return Result(0, "", "")


@pytest.fixture
def slurmdbd(monkeypatch):
    fake = Slurmdbd()
    monkeypatch.setattr(slurm_account, "runner", lambda _module: fake.run)
    return fake


QOS = [{"name": "high", "description": "For those in a hurry", "priority": 100, "flags": ["DenyOnLimit"], "preempt": ["normal"],
        "limits": {"MaxTRESPU": "cpu=64", "GraceTime": 30}}]
ACCOUNTS = [
    {"name": "optics", "parent": "physics", "users": ["eve", "ada"]},
    {"name": "physics", "shares": 20, "qos": ["normal", "high"], "default_qos": "normal", "limits": {"GrpTRES": "cpu=512"},
     "users": ["ada", "bob"]},
]


def test_first_a_prediction_then_the_change_then_nothing(call_module, slurmdbd):
    wanted = {"cluster": "lab", "qos": QOS, "accounts": ACCOUNTS}
    predicted = call_module(slurm_account, check=True, **wanted)
    assert (predicted["changed"], predicted["verified"], slurmdbd.ran) == (True, False, [])
    first = call_module(slurm_account, **wanted)
    assert (first["changed"], first["verified"], first["commands"]) == (True, True, predicted["commands"])
    assert first["before"] == {"qos": {}, "accounts": {}}
    for name, entry in predicted["after"]["accounts"].items():
        assert entry.items() <= first["after"]["accounts"][name].items()
    assert first["after"]["qos"]["high"]["MaxTRESPerUser"] == "cpu=64"
    assert {entry["after_header"] for entry in first["diff"]} == {"QOS high", "account optics", "account physics"}
    again = call_module(slurm_account, **wanted)
    assert (again["changed"], again["commands"], again["diff"], again["verified"]) == (False, [], [], True)


def test_exact_removes_what_is_not_declared(call_module, slurmdbd):
    call_module(slurm_account, cluster="lab", qos=QOS, accounts=ACCOUNTS)
    slurmdbd.qos["theirs"] = {}
    result = call_module(slurm_account, cluster="lab", state="exact", accounts=[{"name": "physics", "qos": ["normal"], "users": ["ada"]}])
    assert (result["changed"], result["verified"]) == (True, True), result
    assert set(slurmdbd.qos) == {"normal", "theirs"} and set(slurmdbd.accounts) == {"root", "physics"}
    assert set(slurmdbd.users) == {("root", "root"), ("ada", "physics")}
    assert {item["kind"] for item in result["impact"]} == {"qos_removed", "account_removed", "users_removed", "qos_withdrawn"}


def test_what_has_jobs_stays_and_nothing_else_is_changed(call_module, slurmdbd):
    call_module(slurm_account, cluster="lab", qos=QOS, accounts=ACCOUNTS)
    slurmdbd.jobs, slurmdbd.runaways, slurmdbd.ran = ["12|optics|eve|high"], ["9|physics|bob|normal"], []
    for check in (True, False):
        result = call_module(slurm_account, check=check, cluster="lab", state="exact", accounts=[{"name": "new"}])
        named = "account physics has jobs 9; account optics has jobs 12; QOS high has jobs 12"
        assert result["failed"] and f"nothing was changed: {named}." in result["msg"]
    assert slurmdbd.ran == []


def test_a_slurmdbd_that_is_not_there_yet_is_predicted_as_empty_in_check_mode_alone(call_module, slurmdbd):
    slurmdbd.up = False
    predicted = call_module(slurm_account, check=True, cluster="lab", accounts=ACCOUNTS[1:], qos=QOS)
    assert predicted["changed"] and "slurmdbd does not answer" in predicted["warnings"][0]
    assert "slurmdbd does not answer" in call_module(slurm_account, cluster="lab", timeout=0)["msg"]
    slurmdbd.up, slurmdbd.registered = True, False
    assert "does not know the cluster lab" in call_module(slurm_account, cluster="lab", timeout=0)["msg"]


@pytest.mark.usefixtures("slurmdbd")
def test_a_new_user_that_the_host_does_not_know_is_a_warning(call_module):
    wanted = {"cluster": "lab", "accounts": [{"name": "a", "users": ["root", "nobody-of-that-name"]}]}
    first, second = (call_module(slurm_account, **wanted) for _ in range(2))
    assert "does not know nobody-of-that-name: slurmctld refuses" in first["warnings"][0]
    assert second["warnings"] == []


def test_a_half_done_change_says_how_to_undo_it(call_module, slurmdbd):
    slurmdbd.fails = "add user"
    result = call_module(slurm_account, cluster="lab", qos=QOS, accounts=ACCOUNTS)
    assert (result["changed"], result["verified"]) == (True, False) and "permission denied" in result["msg"]
    slurmdbd.fails = ""
    for command in result["rollback_commands"]:
        assert slurmdbd.run(command.split(" ")).rc == 0
    assert set(slurmdbd.qos) == {"normal"} and set(slurmdbd.accounts) == {"root"}


def test_what_does_not_stay_as_it_was_set_is_an_error(call_module, slurmdbd, monkeypatch):
    monkeypatch.setattr(slurmdbd, "set", lambda _entry, _pairs: None)
    result = call_module(slurm_account, cluster="lab", qos=QOS)
    assert result["failed"] and "read back slurmdbd still differs: QOS high" in result["msg"]
    assert (result["changed"], result["verified"]) == (True, False) and result["mismatch_commands"]


def test_a_bad_declaration_asks_nobody(call_module, slurmdbd):
    slurmdbd.up = False
    assert "there is no limit MaxFun" in call_module(slurm_account, cluster="lab", qos=[{"name": "high", "limits": {"MaxFun": 1}}])["msg"]


NAMES = ("a", "b", "c", "d")
PEOPLE = st.lists(st.sampled_from(["ada", "bob", "eve"]), unique=True)


@st.composite
def declarations(draw):
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    qos = draw(st.lists(st.sampled_from(["high", "low"]), unique=True))
    entries = []
    for position, name in enumerate(names):
        entry = {"name": name, "parent": draw(st.sampled_from(["root", *names[:position]])), "users": draw(PEOPLE)}
        entry["limits"] = {"GrpTRES": draw(st.sampled_from(["cpu=1", "mem=1G,cpu=2", "-1"])), "MaxJobs": draw(st.sampled_from([0, 5, -1]))}
        if draw(st.booleans()):
            entry["qos"] = draw(st.lists(st.sampled_from(["normal", *qos]), unique=True))
            entry["default_qos"] = entry["qos"][0] if entry["qos"] else "-1"
        entries.append(entry)
    qos = [{"name": name, "priority": draw(st.integers(0, 2)), "preempt": draw(st.lists(st.sampled_from(qos), max_size=1))} for name in qos]
    return {"cluster": "lab", "state": draw(st.sampled_from(["present", "exact"])), "qos": qos, "accounts": draw(st.permutations(entries))}


@settings(max_examples=200, deadline=None)
@given(st.lists(declarations(), min_size=1, max_size=3))
def test_whatever_is_declared_comes_about_in_one_pass_as_predicted(steps):
    slurmdbd = Slurmdbd()
    for step in steps:
        wanted = accounts.declared(step)
        state = accounts.observe(slurmdbd.run, "lab")
        try:
            planned = accounts_plan.plan(wanted, state)
        except accounts.ClusterwrightError as error:
            # Declarations that do not go together with what the ones before have left.
            assert any(words in str(error) for words in ("below itself", "default QOS", "would be removed, but"))
            continue
        accounts.apply(slurmdbd.run, planned.commands)
        seen = accounts.observe(slurmdbd.run, "lab")
        assert accounts_plan.plan(wanted, seen).commands == []
        assert set(seen.accounts) == set(planned.after.accounts) and set(seen.qos) == set(planned.after.qos)
        assert {name: set(users) for name, users in seen.users.items()} == {name: set(users) for name, users in planned.after.users.items()}
        assert seen.default_accounts == planned.after.default_accounts
