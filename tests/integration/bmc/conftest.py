"""A fleet of simulated BMCs on loopback addresses, and the drivers of this collection to speak to it."""

from __future__ import annotations

import os
import socket

import pytest

pytest.importorskip("cryptography")

from ansible_collections.clusterwright.hpc.tests.simulators.bmc import Fleet

SIZE = 300
# Processes of pytest-xdist get addresses of their own, and an ordinary user another port.
NETWORK = f"127.3.{100 + 2 * int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
ADDRESSES = [f"{NETWORK}.{number}" for number in range(1, 251)] + \
            [f"127.3.{int(NETWORK.rpartition('.')[2]) + 1}.{number}" for number in range(1, SIZE - 249)]
NAMES = [f"node{number:03}" for number in range(1, SIZE + 1)]


@pytest.fixture(scope="session")
def ports():
    """(IPMI, HTTPS): the usual ones, if this user may."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((ADDRESSES[0], 623))
        except PermissionError:
            return 6230, 8443
    return 623, 443


@pytest.fixture(scope="session")
def network():
    """The first three numbers of the addresses; 251 to 254 are not the fleet's."""
    return NETWORK


@pytest.fixture(scope="session")
def whole_fleet(ports):
    """300 BMCs in one process."""
    with Fleet(port=ports[0]) as running:
        running.add_all(list(zip(NAMES, ADDRESSES)))
        yield running


@pytest.fixture
def fleet(whole_fleet):
    """The same, all well and all off."""
    def reset():
        for name in NAMES:
            bmc, machine = whole_fleet.bmcs[name], whole_fleet.machines[name]
            bmc.machine = machine
            machine.__init__(name, machine.number, clock=machine.clock)
            bmc.users.places[2].password = b"simulated"
            bmc.commands.seen.clear()
            bmc.wire.sessions.clear()

    whole_fleet.call(reset)
    yield whole_fleet
    assert whole_fleet.crashes == []


@pytest.fixture
def bmcs(fleet):
    """bmcs(3) are the first three as the modules' option has them."""
    def some(count=SIZE, start=0):
        return [{"name": name, "address": address, **({"port": fleet.port} if fleet.port != 623 else {})}
                for name, address in list(zip(NAMES, ADDRESSES))[start:start + count]]

    return some
