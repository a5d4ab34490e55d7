"""What a user of bmc_power gets. The BMCs live in memory here; tests/integration/bmc has them on the network."""

from __future__ import annotations

import multiprocessing

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import driver, ipmi, power
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Identity
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import TIMED_OUT, WRONG_PASSWORD, BmcError
from ansible_collections.clusterwright.hpc.plugins.modules import bmc_power

STUCK = {"n4"}


class Session:
    """Power in memory that the processes of the fleet share: one byte a machine."""

    powers = None

    def __init__(self, target, report):
        report("logs in")
        self.target, self.place = target, int(target["name"][1:])
        if target["password"] != "secret words":
            raise BmcError(WRONG_PASSWORD, "does not take this password")
        if target["address"] == "silent":
            raise BmcError(TIMED_OUT, "")

    def power(self):
        return "on" if self.powers[self.place] else "off"

    def control(self, action):
        if self.target["name"] not in STUCK:
            self.powers[self.place] = action in ("on", "reset")

    def identity(self, _keys):
        return Identity(serial=f"SN-{self.target['address']}")

    def close(self):
        pass


@pytest.fixture
def bmcs(monkeypatch):
    """n1 to n4, off; BMCs that tell a serial number made of their address."""
    monkeypatch.setattr(Session, "powers", multiprocessing.get_context("fork").Array("b", 10, lock=False))
    monkeypatch.setattr(driver, "load", list)
    monkeypatch.setattr(driver, "connect", Session)
    monkeypatch.setattr(power, "REST", 0.01)
    return [{"name": f"n{number}", "address": f"a{number}"} for number in range(1, 5)]


@pytest.fixture
def ask(call_module, bmcs):
    def run(state, check=False, **more):
        return call_module(bmc_power, check=check, **{"bmcs": bmcs[:3], "state": state, "username": "admin", "password": "secret words",
                                                      "pause": 0, "wait": 0.3, **more})

    return run


def test_on_and_again(ask):
    predicted = ask("on", check=True)
    assert ask("status")["power"] == {"n1": "off", "n2": "off", "n3": "off"}
    done = ask("on")
    assert (done["changed"], done["verified"], done["failed_bmcs"]) == (True, True, {})
    assert done["after"] == predicted["after"] == done["power"] == {"n1": "on", "n2": "on", "n3": "on"}
    assert done["commands"] == predicted["commands"] == [f"n{number} (ipmi a{number}): power on" for number in (1, 2, 3)]
    assert done["impact"] == predicted["impact"] and done["impact"][0]["kind"] == "starts" and predicted["verified"] is False
    assert done["diff"]["after"] == "n1: on\nn2: on\nn3: on\n"
    again = ask("on")
    assert (again["changed"], again["commands"], again["verified"], again["before"]) == (False, [], True, {})


def test_a_cycle_is_done_each_time(ask):
    ask("on")
    for _time in (1, 2):
        done = ask("cycle")
        assert (done["changed"], done["verified"], len(done["commands"])) == (True, True, 6)


def test_one_that_does_not_answer_and_one_that_lies_do_not_hold_up_the_others(ask, bmcs):
    bmcs[1]["address"] = "silent"
    done = ask("on", bmcs=bmcs)
    assert done["failed"] and done["msg"].startswith("2 of 4 BMCs did not do as asked (on). n2: does not answer")
    assert {name: bad["verdict"] for name, bad in done["failed_bmcs"].items()} == {"n2": "timed out", "n4": "lies"}
    assert done["after"] == {"n1": "on", "n3": "on", "n4": "unknown"} and done["verified"] is False


def test_swapped_ones_are_named_and_left_alone(ask, bmcs):
    for entry, serial in zip(bmcs, ("SN-a1", "SN-a3", "SN-a2")):
        entry["serial"] = serial
    done = ask("on")
    assert done["failed"] and "n2 and n3 are swapped" in done["msg"] and done["power"] == {"n1": "on", "n2": "off", "n3": "off"}
    assert ask("on", check_identity=False)["verified"]
    assert ask("status")["verified"]        # reading needs no proof


def test_a_password_is_in_no_answer(ask):
    done = ask("on", password="not the secret")
    assert done["failed"] and "does not take this password" in done["msg"] and "not the secret" not in str(done)


def test_reset_of_a_machine_that_is_off(ask):
    assert "is off, so there is nothing to reset" in ask("reset")["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"bmcs": [{"name": "a", "address": "x"}, {"name": "a", "address": "y"}]}, "bmcs names a twice"),
     ({"bmcs": [{"name": "a", "address": "x"}, {"name": "b", "address": "x"}]}, "b and a have the same BMC, x: one of the addresses"),
     ({"username": None}, "n1: no username for its BMC"),
     ({"password": "p" * 21}, "IPMI has room for 20 bytes of password"),
     ({"at_once": 0}, "at_once has to be at least 1"),
     ({"timeout": 0}, "timeout has to be more than 0")],
)
def test_what_makes_no_sense_is_said_before_any_bmc_is_spoken_to(ask, options, said):
    done = ask("on", **options)
    assert done["failed"] and said in done["msg"] and "p" * 21 not in str(done)
    assert not any(Session.powers)


def test_a_missing_library_is_named_with_the_way_out(call_module, monkeypatch):
    monkeypatch.setattr(ipmi, "MISSING", ImportError("No module named 'pyghmi'"))
    done = call_module(bmc_power, bmcs=[{"name": "a", "address": "x"}], username="admin", password="secret words")
    assert done["failed"] and "library pyghmi, for BMCs that are spoken to by ipmi, is not installed here (No module" in done["msg"]
    assert "-m pip install pyghmi" in done["msg"]
