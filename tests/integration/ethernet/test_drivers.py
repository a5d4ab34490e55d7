"""Each driver against the simulated switch of its platform, through netmiko: what it sends brings about what it reads back.

The simulation is another hand's understanding of the platforms and shares no code with the drivers.
"""

from __future__ import annotations

import importlib
import random
import re
from dataclasses import replace

import pytest

pytest.importorskip("asyncssh")

from netmiko import ConnectHandler

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.terminal import NetmikoTerminal
from ansible_collections.clusterwright.hpc.tests.simulators.switch import Fabric, Neighbour
from ansible_collections.clusterwright.hpc.tests.simulators.switch.dialects import DIALECTS

DRIVERS = "ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers"
PLATFORMS = ("eos", "nxos", "comware", "onyx", "os10", "sonic", "cumulus_nvue", "cumulus_ifupdown2", "cumulus_nclu")
LAGS = {"eos": "Port-Channel10", "nxos": "port-channel10", "comware": "Bridge-Aggregation10", "onyx": "Po10",
        "os10": "port-channel10", "sonic": "PortChannel10",
        "cumulus_nvue": "bond10", "cumulus_ifupdown2": "bond10", "cumulus_nclu": "bond10"}
CARRY_WHAT_IS_NOT_THERE = ("nxos", "comware", "cumulus")
NO_VLAN = {"sonic": 1}      # what stands for "no untagged VLAN" where that is not None


class Session:
    """What the tests need of a session: a line and its answer."""

    def __init__(self, switch, driver):
        self.driver = driver
        self.changes = 0
        connection = ConnectHandler(**switch.netmiko())
        if driver.device_type not in ("linux", "hp_comware"):
            connection.enable()
        connection.find_prompt()        # what its preparation left on the way is read now
        self.say = NetmikoTerminal(connection, 30).send

    def read(self, reads=None):
        answers = {key: self.say(line) for key, line in (reads or self.driver.reads).items()}
        assert not [answer for answer in answers.values() if rejected(self.driver, answer)]
        return answers

    def do(self, lines):
        """Send lines in configuration mode, as a change that is confirmed and saved."""
        safety = self.driver.safety
        self.changes += 1
        words = {"name": f"clusterwright-test{self.changes}", "minutes": "5"}
        for line in [*safety.begin, *self.driver.enter, *lines, *self.driver.leave, *safety.activate, *safety.confirm, *self.driver.save]:
            sent = line if line in lines else line.format(**words)
            answer = self.say(sent)
            assert not rejected(self.driver, answer), f"{sent!r} was answered {answer!r}"


def rejected(driver, answer):
    return any(re.search(pattern, answer) for pattern in driver.rejections)


def driver_of(platform):
    return importlib.import_module(f"{DRIVERS}.{platform}").DRIVER


@pytest.fixture(scope="module")
def fabric():
    with Fabric() as running:
        yield running


@pytest.fixture(params=PLATFORMS)
def platform(request):
    if request.param not in DIALECTS:
        pytest.skip(f"there is no simulated {request.param} yet")
    return request.param


@pytest.fixture
def switch(fabric, platform, request):
    names = DIALECTS[platform].port_names(8)
    return fabric.switch(f"{platform}-{request.node.originalname}", platform, ports=8, lags={LAGS[platform]: names[5:7]})


def aims(dice, driver, state):
    """A state that this one can become, and the steps to it."""
    nothing = NO_VLAN.get(driver.platform)
    kept = {vlan for vlan in state.vlans if vlan == 1 or dice.random() < 0.7}
    ids = dice.sample(range(2, 3900), dice.choice((0, 1, 3, 40)))
    names = {vlan: f"tenant-{vlan}"[:driver.name_limit] for vlan in ids}
    vlans = {**{vlan: state.vlans[vlan] for vlan in kept}, **{vlan: name for vlan, name in names.items() if vlan not in kept}}
    usable = sorted(vlans.keys() - {1}) or [nothing]
    ports = {}
    for name, port in state.ports.items():
        if port.mode == "other":
            ports[name] = port
            continue
        untagged, tagged = dice.choice(usable), frozenset()
        mode = dice.choice(("access", "trunk")) if len(usable) > 1 else "access"
        if mode == "trunk":
            tagged = frozenset(dice.sample(usable, dice.randint(1, len(usable))))
            untagged = dice.choice((nothing, untagged))
            tagged = (tagged - {untagged}) or frozenset(usable) - {untagged}
            if untagged is not None and dice.random() < 0.2 and driver.platform.startswith(CARRY_WHAT_IS_NOT_THERE):
                tagged = ALL_VLANS - {untagged}
        untagged = 1 if mode == "access" and untagged is None else untagged
        mtu = port.mtu if port.mtu is None else dice.choice((port.mtu, driver.mtu(1500), driver.mtu(9000)))
        ports[name] = replace(port, mode=mode, untagged=untagged, tagged=tagged, mtu=mtu, description=dice.choice((
            port.description, "", "cn001 eth0", f"leaf2 {name}")))
    steps = [MakeVlan(vlan, vlans[vlan], state.vlans.get(vlan)) for vlan in sorted(vlans) if vlans[vlan] != state.vlans.get(vlan)]
    steps += [SetPort(state.ports[name], port) for name, port in ports.items() if port != state.ports[name]]
    steps += [RemoveVlan(vlan, state.vlans[vlan]) for vlan in sorted(state.vlans.keys() - vlans.keys())]
    return State(vlans, ports), steps


def test_what_is_sent_brings_about_what_is_read_back(platform, switch):
    driver = driver_of(platform)
    session = Session(switch, driver)
    dice = random.Random(4)
    seen = driver.parse(answers := session.read())
    assert [port.lag for port in seen.ports.values() if port.mode == "other"] == [LAGS[platform]] * 2
    for number in range(6):
        target, steps = aims(dice, driver, seen)
        commands = driver.commands(steps, seen, answers)
        session.do(commands)
        seen = driver.parse(answers := session.read())
        assert seen.vlans == target.vlans, (number, commands)
        assert seen.ports == target.ports, (number, commands)
    assert switch.sessions == 1
    assert switch.startup.vlans.keys() == switch.running.vlans.keys()


def test_nothing_to_do_sends_nothing(platform, switch):
    driver = driver_of(platform)
    session = Session(switch, driver)
    state = driver.parse(answers := session.read())
    steps = [SetPort(port, port) for port in state.ports.values()]
    assert driver.commands(steps, state, answers) == []


def test_a_trunk_of_a_list_without_end(platform, switch):
    driver = driver_of(platform)
    session = Session(switch, driver)
    state = driver.parse(answers := session.read())
    port = next(port for port in state.ports.values() if port.mode != "other")
    every = range(2, 802, 2)        # many lines, many pieces
    after = Port(port.name, "trunk", NO_VLAN.get(platform), frozenset(every), port.mtu, port.description)
    commands = driver.commands([*(MakeVlan(vlan, "") for vlan in every), SetPort(port, after)], state, answers)
    session.do(commands)
    assert driver.parse(session.read()).ports[port.name] == after


BAD = {
    "eos": ("vlan 5000", "interface Ethernet99", "switchport acess vlan 5", "vlann 5"),
    "nxos": ("vlan 5000", "vlan 4000", "interface Ethernet9/9", "switchport acess vlan 5", "vlan", "no checkpoint nobody"),
    "comware": ("vlan 5000", "interface Ten-GigabitEthernet9/9/9", "undo vlan 1", "undo vlan", "switchport"),
    "onyx": ("vlan 5000", "interface ethernet 9/9", "no vlan 1", "vlann 5"),
    "os10": ("interface vlan 5000", "interface ethernet9/9/9", "switchport", "vlann 5"),
    "sonic": ("sudo -n config vlan add 1", "sudo -n config vlan add 5000", "sudo -n config vlan del 77", "config vlan add 7",
              "sudo -n config vlan member add 77 Ethernet0", "sudo -n config vlan member add -u 77 Ethernet999",
              "sudo -n config vlann add 7"),
    "cumulus_nvue": ("nv set bridge domain br_default vlan 5000", "nv set interface swp1 link mtuu 9000", "nvv"),
    "cumulus_ifupdown2": ("ifreloadd", "cat /etc/network/nowhere"),
    "cumulus_nclu": ("net add bridge bridge vids 5000", "net add interface swp99 bridge access 10", "net ad bridge"),
}


def test_a_refusal_is_seen_as_one(platform, switch):
    driver = driver_of(platform)
    session = Session(switch, driver)
    for line in driver.enter:
        session.say(line)
    for line in BAD[platform]:
        answer = session.say(line)
        assert rejected(driver, answer), f"{line!r} was answered {answer!r}"


def test_facts(platform, switch):
    driver = driver_of(platform)
    names = DIALECTS[platform].port_names(8)
    switch.device.hear([Neighbour(names[0], "cn001", "eth0", "00:00:5e:00:53:01"), Neighbour(names[7], "leaf2", names[7], bridge=True)])
    switch.device.learn([("00:00:5e:00:53:01", 1, names[0])])
    session = Session(switch, driver)
    about = driver.about(session.read(driver.about_reads))
    assert (about.serial, bool(about.model), bool(about.version)) == (switch.device.identity.serial, True, True)
    assert [(each.port, each.system, each.remote_port) for each in driver.lldp(session.read(driver.lldp_reads))] == [
        (names[0], "cn001", "eth0"), (names[7], "leaf2", names[7])]
    assert [tuple(each) for each in driver.macs(session.read(driver.mac_reads))] == [("00:00:5e:00:53:01", 1, names[0])]
