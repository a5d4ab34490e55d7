"""The simulated machine and its wire format by themselves. The other tests here have other people's clients speak to it."""

from __future__ import annotations

import heapq
import itertools

import pytest

pytest.importorskip("cryptography")

from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.tests.simulators.bmc.bmc import Bmc
from ansible_collections.clusterwright.hpc.tests.simulators.bmc.machine import FLAG_SECONDS, Boot, Machine

pytestmark = pytest.mark.integration


class Clock:
    """Time that passes when the test says so."""

    def __init__(self):
        self.now, self.queue, self.numbers = 0.0, [], itertools.count()

    def __call__(self, seconds, function):
        heapq.heappush(self.queue, (self.now + seconds, next(self.numbers), function))

    def pass_(self, seconds):
        end = self.now + seconds
        while self.queue and self.queue[0][0] <= end:
            self.now, _number, function = heapq.heappop(self.queue)
            function()
        self.now = end


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def machine(clock):
    return Machine("node001", clock=clock, boot_seconds=10, off_seconds=1, shutdown_seconds=5)


def test_power_and_a_system_that_comes_up(machine, clock):
    machine.control("on")
    assert not machine.power
    clock.pass_(1)
    assert machine.power and not machine.up
    clock.pass_(10)
    assert machine.up
    machine.control("soft")
    clock.pass_(4)
    assert machine.power
    clock.pass_(1)
    assert not machine.power and [action for _number, action in machine.actions] == ["on", "off"]


def test_a_soft_shutdown_needs_a_system_that_is_up(machine, clock):
    machine.control("on")
    clock.pass_(2)
    machine.control("soft")
    clock.pass_(20)
    assert machine.power and machine.up


def test_flags_are_used_up_by_a_boot_unless_they_are_to_stay(machine, clock):
    machine.set_flags(bytes((0xA0, 1 << 2)))
    machine.control("on")
    clock.pass_(20)
    machine.set_flags(bytes((0xC0, 6 << 2)))
    for _time in range(2):
        machine.control("reset")
        clock.pass_(20)
    assert machine.boots == [Boot("pxe", True), Boot("bios"), Boot("bios")] and machine.flags[0] == 0xC0


@pytest.mark.parametrize("stay", [False, True])
def test_flags_are_void_after_a_minute_unless_they_were_told_to_stay(machine, clock, stay):
    machine.flags_stay = stay
    machine.set_flags(bytes((0x80, 1 << 2)))
    clock.pass_(FLAG_SECONDS + 1)
    assert bool(machine.flags[0]) is stay


def test_faults_of_the_machine(machine, clock):
    machine.faults.stuck = True
    machine.control("on")
    clock.pass_(60)
    assert not machine.power
    machine.faults.clear()
    machine.faults.never_boots = True
    machine.control("on")
    clock.pass_(60)
    assert machine.power and not machine.up


def test_a_cycle_is_off_and_on(machine, clock):
    machine.control("on")
    clock.pass_(20)
    machine.control("cycle")
    assert not machine.power
    clock.pass_(20)
    assert machine.up and [action for _number, action in machine.actions] == ["on", "off", "on"]


def test_names_make_numbers_that_differ():
    machines = [Machine(f"node{number:03}") for number in range(100)]
    for key in ("uuid", "serial", "mac", "bmc_mac"):
        assert len({getattr(machine, key) for machine in machines}) == 100


@given(st.binary(max_size=80))
@example(b"\x06\x00\xff\x07\x06\x10" + bytes(50))
@example(b"\x06\x00\xff\x07\x06\xc0" + bytes(60))
def test_no_packet_makes_it_stumble(data):
    bmc = Bmc("n", "127.0.0.1", Machine("n"), "admin", "word")
    for packet in (data, b"\x06\x00\xff\x07" + data):
        bmc.wire.receive(packet)
    assert not bmc.machine.power and bmc.wire.logins == 0
