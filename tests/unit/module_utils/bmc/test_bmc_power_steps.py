"""Power: the steps, and whether a machine did what its BMC said."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import power
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import LIES, NOT_DONE, OK, BmcError, Outcome


class Machine:
    """Takes `seconds` of the test's time for what it is told, or forever."""

    def __init__(self, is_now, seconds=0.5):
        self.is_now, self.seconds, self.time = is_now, seconds, 0.0
        self.told, self.due, self.stages = [], None, []

    def power(self):
        if self.due and self.time >= self.due[0]:
            self.is_now, self.due = self.due[1], None
        return self.is_now

    def control(self, action):
        self.told.append(action)
        self.due = (self.time + self.seconds, {"on": "on", "off": "off", "soft": "off", "reset": "on"}[action])

    def sleep(self, seconds):
        self.time += seconds

    def switch(self, state, wait=10):
        return power.switch(state, wait, lambda: self.time, self.sleep)(self, {}, self.stages.append)


@pytest.mark.parametrize(
    ("state", "is_now", "told", "after"),
    [("on", "off", ["on"], "on"), ("on", "on", [], "on"), ("off", "on", ["off"], "off"), ("off", "off", [], "off"),
     ("soft", "on", ["soft"], "off"), ("soft", "off", [], "off"), ("cycle", "on", ["off", "on"], "on"), ("cycle", "off", ["on"], "on"),
     ("reset", "on", ["reset"], "on"), ("status", "on", [], "on")],
)
def test_what_a_bmc_is_told(state, is_now, told, after):
    machine = Machine(is_now)
    assert power.predict(state, is_now) == after == (machine.switch(state) if state != "status" else after)
    assert machine.told == told == list(power.steps(state, is_now))


def test_a_cycle_rests_without_power():
    machine = Machine("on")
    machine.switch("cycle")
    assert machine.time >= power.REST + 2 * machine.seconds and machine.stages[0] == "was told to switch off"


def test_a_machine_that_stays_as_it_is():
    with pytest.raises(BmcError, match="said that it switches on, and is still off after 10 s") as error:
        Machine("off", seconds=99).switch("on")
    assert error.value.verdict == LIES
    with pytest.raises(BmcError, match="state=off cuts its power") as error:
        Machine("on", seconds=99).switch("soft")
    assert error.value.verdict == NOT_DONE


def test_a_change_in_the_last_moment_counts():
    assert Machine("off", seconds=10).switch("on") == "on"


def test_waves_are_one_after_the_other_with_a_pause(monkeypatch):
    calls, pauses = [], []

    def call(targets, _work, deadline, limit):
        calls.append([target["name"] for target in targets])
        assert (deadline, limit) == (15 + 2 * 30 + power.REST, 64)
        return {target["name"]: Outcome(OK, "on") for target in targets}

    monkeypatch.setattr(power.fleet, "call", call)
    targets = [{"name": f"n{number}"} for number in range(7)]
    outcomes = power.apply(targets, "cycle", 3, 2.5, 15, 30, 64, pauses.append)
    assert (calls, pauses) == ([["n0", "n1", "n2"], ["n3", "n4", "n5"], ["n6"]], [2.5, 2.5])
    assert list(outcomes) == [target["name"] for target in targets]


def test_the_impact_of_a_cycle_tells_those_that_run_from_those_that_only_start():
    found = power.impact("cycle", {"a": "on", "b": "off"})
    assert [(entry["kind"], entry["nodes"]) for entry in found] == [("loses_power", ["a"]), ("starts", ["b"])]
    assert power.impact("on", {}) == []
    assert power.some([f"n{number}" for number in range(12)]).endswith("n9 and 2 more")
