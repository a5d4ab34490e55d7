"""What holds for all drivers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import (
    comware,
    cumulus_ifupdown2,
    cumulus_nclu,
    cumulus_nvue,
    eos,
    nxos,
    onyx,
    os10,
    sonic,
)
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, SetPort, State
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

MODULES = (eos, nxos, comware, onyx, os10, sonic, cumulus_nvue, cumulus_ifupdown2, cumulus_nclu)
DRIVERS = pytest.mark.parametrize("driver", [module.DRIVER for module in MODULES], ids=lambda driver: driver.platform)
SWITCHPORTS = pytest.mark.parametrize("driver", [module.DRIVER for module in MODULES[:5]], ids=lambda driver: driver.platform)
NAMES = {"eos": "Ethernet1", "nxos": "Ethernet1/1", "comware": "Ten-GigabitEthernet1/0/1", "onyx": "Eth1/1", "os10": "ethernet1/1/1"}
REMOVES = re.compile(r"(?:no|undo) |.* (?:none|remove) ")
ADDS = re.compile(r"(?!no |undo ).*(?:allowed vlan|allowed-vlan add|permit vlan) (?!remove|none)")
VLANS = st.frozensets(st.integers(2, 3900), max_size=300)


@DRIVERS
def test_it_is_in_the_file_that_is_named_after_it(driver):
    assert type(driver).__module__.rpartition(".")[2] == driver.platform


@DRIVERS
def test_its_refusals_can_be_put_into_one_pattern(driver):
    one = re.compile("|".join(driver.rejections))
    assert not one.search("") and not one.search("\r\n")


@DRIVERS
@pytest.mark.parametrize("answer", [
    "Enter configuration commands, one per line. End with CNTL/Z.", "System View: return to User View with Ctrl+Z.", "Please wait... Done.",
    "Copy complete.", "% Warning: this may take a while", "Saving configuration file on all managers", "created", "applied",
    "The current configuration is saved to the active main board successfully."])
def test_an_ordinary_answer_is_no_refusal(driver, answer):
    assert not [pattern for pattern in driver.rejections if re.search(pattern, answer)]


@DRIVERS
def test_its_safety_takes_a_name_and_minutes(driver):
    safety = driver.safety
    for line in (*safety.begin, *safety.activate, *safety.confirm, *safety.abandon):
        assert "{" not in line.format(name="clusterwright-1", minutes=5)
    assert safety.begin or safety.activate or driver.platform == "onyx"


@SWITCHPORTS
@given(before=VLANS, after=VLANS, natives=st.tuples(st.integers(3901, 3905), st.integers(3901, 3905)))
def test_a_trunk_gains_before_it_loses_and_no_line_is_too_long(driver, before, after, natives):
    name = NAMES[driver.platform]
    step = SetPort(Port(name, "trunk", natives[0], before), Port(name, "trunk", natives[1], after))
    lines = driver.commands([step], State(), {})
    adds = [at for at, line in enumerate(lines) if ADDS.match(line)]
    removes = [at for at, line in enumerate(lines) if REMOVES.match(line)]
    assert not adds or not removes or max(adds) < min(removes)
    assert all(len(line) <= 255 for line in lines)
    assert (lines == []) == (before == after and natives[0] == natives[1])


ANSWERS = {
    "eos": {"vlans": "show_vlan.json", "switchport": "show_interfaces_switchport.json", "status": "show_interfaces_status.json"},
    "nxos": {"vlans": "show_vlan_brief.txt", "switchport": "show_interface_switchport.txt", "config": "show_running-config_interface.txt"},
    "comware": {"vlans": "display_vlan_all.txt", "interfaces": "display_interface.txt", "lags": "display_link-aggregation_verbose.txt"},
    "onyx": {"vlans": "show_vlan.json", "switchport": "show_interfaces_switchport.json", "config": "show_running-config_interface.txt"},
    "os10": {"config": "show_running-configuration_interface.txt"},
    "sonic": {"config": "show_runningconfiguration_all.json"},
    "cumulus_nvue": {"config": "nv_config_show.json", "names": "names.txt"},
    "cumulus_ifupdown2": {"config": "interfaces", "links": "ip_link_show.json", "running": "bridge_vlan_show.json"},
    "cumulus_nclu": {"config": "interfaces", "names": "names.txt"},
}


@DRIVERS
@given(data=st.data())
def test_an_answer_that_is_cut_or_damaged_is_a_state_or_an_error(driver, data):
    read = recordings.of("cumulus" if driver.platform.startswith("cumulus") else driver.platform)
    answers = {key: read(name) for key, name in ANSWERS[driver.platform].items()}
    key = data.draw(st.sampled_from(sorted(answers)))
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(answers[key]))] * 2)))
    damage = data.draw(st.sampled_from(["", "\n", "\n% Invalid command\n", "9999", "\x00"]))
    answers[key] = answers[key][:first] + damage + answers[key][last:]
    try:
        state = driver.parse(answers)
    except (ValueError, KeyError, AttributeError, TypeError):
        return
    assert all(1 <= vlan <= 4094 for port in state.ports.values() for vlan in port.vlans)


@DRIVERS
def test_a_name_that_it_does_not_know_stays_what_it_is(driver):
    assert driver.port_name("uplink to Rome") == "uplink to Rome"
