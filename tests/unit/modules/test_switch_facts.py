"""One form for all platforms: here what an EOS says."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import terminal
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import eos
from ansible_collections.clusterwright.hpc.plugins.modules import switch_facts

INFO = {"mode": "trunk", "accessVlanId": 1, "trunkingNativeVlanId": 10, "trunkAllowedVlans": "10,301"}
HEARD = {"systemName": "cn1", "chassisId": "0000.5e00.5301", "neighborInterfaceInfo": {"interfaceId": '"eth0"'}}
SAYS = {
    "show version | json": {"modelName": "DCS-7050", "version": "4.30.4M", "serialNumber": "SSJ1"},
    "show vlan | json": {"vlans": {"10": {"name": "admin"}, "4094": {"name": "mlag", "dynamic": True}}},
    "show interfaces switchport | json": {"switchports": {"Ethernet1": {"enabled": True, "switchportInfo": INFO}}},
    "show interfaces status | json": {"interfaceStatuses": {"Ethernet1": {"description": "cn1 eth0"}}},
    "show lldp neighbors detail | json": {"lldpNeighbors": {"Ethernet1": {"lldpNeighborInfo": [HEARD]}, "Management1": {
        "lldpNeighborInfo": [HEARD]}}},
    "show mac address-table | json": {"unicastTable": {"tableEntries": [
        {"macAddress": "02:00:00:00:00:01", "vlanId": 10, "interface": "Ethernet1"},
        {"macAddress": "02:00:00:00:00:02", "vlanId": 10, "interface": "Cpu"}]}},
}
OPTIONS = {"platform": "eos", "host": "10.0.0.1", "user": "admin", "password": "hidden"}


class Switch:
    def __init__(self, says):
        self.says = says
        self.asked = []

    def send(self, command):
        self.asked.append(command)
        return json.dumps(self.says[command]) if command in self.says else "% Invalid input"

    def close(self):
        """Nothing to end."""


@pytest.fixture
def switch(monkeypatch):
    def says(answers):
        made = Switch(answers)
        monkeypatch.setattr(terminal, "connect", lambda _access, _driver: made)
        return made
    return says


def test_all_of_it(call_module, switch):
    switch(SAYS)
    result = call_module(switch_facts, **OPTIONS)
    assert result["about"] == {"model": "DCS-7050", "version": "4.30.4M", "serial": "SSJ1"}
    assert result["vlans"] == [{"id": 10, "name": "admin"}]
    assert result["ports"] == [{"name": "Ethernet1", "mode": "trunk", "untagged": 10, "tagged": "301", "mtu": None,
                                "description": "cn1 eth0", "lag": None}]
    assert result["neighbours"] == [{"port": "Ethernet1", "system": "cn1", "remote_port": "eth0", "remote_id": "00:00:5e:00:53:01"}]
    assert result["macs"] == [{"mac": "02:00:00:00:00:01", "vlan": 10, "port": "Ethernet1"}]
    assert result["changed"] is False


def test_only_what_is_asked_for(call_module, switch):
    made = switch(SAYS)
    result = call_module(switch_facts, gather=["about"], **OPTIONS)
    assert made.asked == ["show version | json"] and "ports" not in result


@pytest.mark.parametrize(("missing", "said"), [
    ("show version | json", "10.0.0.1: what it says is not understood (the answer to `show version | json` is no JSON: '% Invalid input')"),
    ("show mac address-table | json", "is its platform really eos?"),
])
def test_an_answer_that_is_no_answer(call_module, switch, missing, said):
    switch({command: answer for command, answer in SAYS.items() if command != missing})
    result = call_module(switch_facts, **OPTIONS)
    assert result["failed"] and said in result["msg"] and "hidden" not in str(result)


def test_a_trunk_with_no_native_vlan_in_its_list_drops_untagged_frames():
    said = {**INFO, "trunkAllowedVlans": "301-303"}
    port = eos.DRIVER.parse({
        "vlans": '{"vlans": {}}', "status": '{"interfaceStatuses": {"Ethernet1": {}}}',
        "switchport": json.dumps({"switchports": {"Ethernet1": {"enabled": True, "switchportInfo": said}}})}).ports["Ethernet1"]
    assert (port.untagged, port.tagged) == (None, {301, 302, 303})
