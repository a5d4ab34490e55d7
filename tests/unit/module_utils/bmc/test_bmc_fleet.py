"""Many BMCs at once: each has its deadline, and what goes wrong with one is its own affair. Here without a network."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import fleet
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import (
    BUSY,
    LIES,
    OK,
    TIMED_OUT,
    UNKNOWN,
    WRONG_PASSWORD,
    BmcError,
    sentence,
)


class Session:
    """Does what the target's address says; its power is the process that served it."""

    def __init__(self, target, report):
        self.does = target["address"]
        if self.does == "silent":
            time.sleep(60)
        if self.does == "gives up":
            raise BmcError(TIMED_OUT, "the library's words")
        if self.does.endswith(" once") and not os.path.exists(target["serial"]):   # noqa: PTH110
            os.close(os.open(target["serial"], os.O_CREAT))
            if self.does == "silent once":
                time.sleep(60)
            verdict = {"busy once": BUSY, "mistaken once": WRONG_PASSWORD}.get(self.does, TIMED_OUT)
            raise BmcError(verdict, "is busy, or the library's words")
        if self.does == "busy":
            raise BmcError(BUSY, "is busy")
        self.report = report

    def power(self):
        if self.does == "hangs":
            time.sleep(60)
        if self.does == "told":
            self.report("was told to switch on")
            time.sleep(60)
        if self.does == "lies":
            raise BmcError(LIES, "is still off")
        if self.does == "breaks":
            raise ValueError("secret words")
        if self.does == "dies":
            os._exit(1)
        return os.getpid()

    def close(self):
        pass


def connect(target, report):
    report("logs in")
    return Session(target, report)


def ask(*does, deadline=3, limit=64, **more):
    targets = [{"name": f"n{number}", "address": each, **more} for number, each in enumerate(does)]
    return fleet.call(targets, lambda driver, _target, _report: driver.power(), deadline, limit, connect=connect)


def test_each_has_its_verdict_and_none_holds_up_another():
    does = ["well", "silent", "hangs", "told", "lies", "breaks", "dies", "gives up", *["well"] * 30]
    outcomes = ask(*does)
    assert list(outcomes) == [f"n{number}" for number in range(len(does))]
    assert [outcome.verdict for outcome in outcomes.values()] == [OK, *[TIMED_OUT] * 3, LIES, UNKNOWN, UNKNOWN, TIMED_OUT, *[OK] * 30]
    assert "is silent its address" in outcomes["n1"].text and "(3 s)" in outcomes["n1"].text
    assert "answered the login and then nothing more" in outcomes["n2"].text
    assert "was told to switch on, and then nothing more was heard: its state is not known" in outcomes["n3"].text
    assert "ValueError" in outcomes["n5"].text and "secret" not in outcomes["n5"].text
    assert "the library's words" not in outcomes["n7"].text and "does not answer" in outcomes["n7"].text
    assert os.getpid() not in {outcome.value for outcome in outcomes.values()}


def test_a_process_serves_many_while_all_goes_well_and_none_after_it_went_wrong():
    assert len({outcome.value for outcome in ask(*["well"] * 50).values()}) < 50
    served = ask("well", "lies", "well", limit=1)
    assert served["n0"].value != served["n2"].value


def test_the_limit_holds_and_all_are_served():
    outcomes = ask(*["silent"] * 3, "well", deadline=2, limit=2)
    assert [outcome.verdict for outcome in outcomes.values()] == [TIMED_OUT] * 3 + [OK]


def test_a_busy_bmc_is_asked_again_until_its_time_is_over(tmp_path):
    assert ask("busy once", deadline=5, serial=str(tmp_path / "asked"))["n0"].ok
    assert ask("busy", deadline=1.2)["n0"].verdict == BUSY


@pytest.mark.parametrize("does", ["silent once", "mistaken once", "gives up once"])
def test_a_login_that_got_lost_is_begun_anew_within_the_deadline(tmp_path, does):
    began = time.monotonic()
    assert ask(does, deadline=4, serial=str(tmp_path / "asked"))["n0"].ok
    assert time.monotonic() - began < 4


def test_nothing_is_left_behind():
    ask("silent", *["well"] * 5, deadline=1)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_bmcs_is_no_work():
    assert ask() == {}


def test_what_went_wrong_in_one_sentence():
    text = sentence("did not do as asked", ask("well", *["lies"] * 7))
    assert text.startswith("7 of 8 BMCs did not do as asked. n1: is still off (lies); ") and text.endswith("; and 2 more")
