"""What the module says without a switch, and of a switch that is only read; tests/integration/ethernet changes some."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import lock, terminal
from ansible_collections.clusterwright.hpc.plugins.modules import switch_vlans

PORT: dict = {"name": "Et1", "mode": "trunk", "untagged": 10, "tagged": [301], "description": "cn1 eth0"}
INTENT: dict = {"name": "leaf1", "platform": "eos", "vlans": [{"id": 10, "name": "admin"}, {"id": 301, "name": "bio"}], "ports": [PORT],
          "owned": [[10, 10], [300, 399]]}
INFO = {"mode": "access", "accessVlanId": 1, "trunkingNativeVlanId": 1, "trunkAllowedVlans": "ALL"}
ANSWERS = {
    "vlans": json.dumps({"vlans": {"1": {"name": "default"}}}),
    "switchport": json.dumps({"switchports": {"Ethernet1": {"enabled": True, "switchportInfo": INFO}}}),
    "status": json.dumps({"interfaceStatuses": {
        "Ethernet1": {"description": "spare", "vlanInformation": {}},
        "Ethernet2": {"description": "", "vlanInformation": {"vlanExplanation": "in Po3"}}, "Management1": {}}}),
}


class Eos:
    """Answers show commands, and refuses the rest."""

    def __init__(self):
        self.typed = []
        self.closed = False

    def send(self, command):
        self.typed.append(command)
        keys = {f"show {words} | json": key for key, words in (
            ("vlans", "vlan"), ("switchport", "interfaces switchport"), ("status", "interfaces status"))}
        return ANSWERS[keys[command]] if command in keys else "% Invalid input"

    def close(self):
        self.closed = True


@pytest.fixture
def eos(monkeypatch, tmp_path):
    switch = Eos()
    monkeypatch.setattr(terminal, "connect", lambda _access, _driver: switch)
    monkeypatch.setattr(lock, "directory", lambda: tmp_path)
    return switch


ACCESS = {"host": "10.0.0.1", "user": "admin", "password": "hidden"}


def test_check_mode_reads_and_predicts(call_module, eos):
    result = call_module(switch_vlans, check=True, intent=INTENT, **ACCESS)
    assert (result["changed"], result["verified"]) == (True, False) and eos.closed and all(line.startswith("show") for line in eos.typed)
    assert result["before"] == {"vlans": [], "ports": [
        {"name": "Ethernet1", "mode": "access", "untagged": 1, "tagged": "", "mtu": None, "description": "spare", "lag": None}]}
    assert result["after"]["ports"][0]["tagged"] == "301" and result["commands"][0] == "configure session clusterwright"
    assert result["diff"][0]["after"] == 'VLAN 10 admin\nVLAN 301 bio\nEthernet1: trunk, untagged 10, tagged 301, "cn1 eth0"\n'
    assert "leaf1, impact:\n  Ethernet1 (spare) loses VLAN 1;" in result["diff"][1]["prepared"]
    assert "\n  switchport mode trunk\n" in result["diff"][1]["prepared"]


@pytest.mark.usefixtures("eos")
def test_a_refused_command_is_told_with_the_plan(call_module):
    result = call_module(switch_vlans, intent=INTENT, **ACCESS)
    assert result["failed"] and "leaf1: `configure session cw" in result["msg"]
    assert "(% Invalid input); nothing was changed" in result["msg"]
    assert result["verified"] is False and result["diff"] and result["impact"] and "hidden" not in str(result)


@pytest.mark.usefixtures("eos")
def test_what_must_not_be_is_refused_with_the_plan(call_module):
    result = call_module(switch_vlans, intent={**INTENT, "ports": [{**PORT, "protected": True, "tagged": [], "mode": "access"}]}, **ACCESS)
    assert result["failed"] and result["refused"] == [
        "Ethernet1 is protected (an uplink, or a switch at its other end): its untagged VLAN would change from 1 to 10; "
        "name it in allow_protected if that is meant"]
    protected = {**INTENT, "ports": [{**PORT, "protected": True}]}
    named = call_module(switch_vlans, check=True, intent=protected, allow_protected=["Et1"], **ACCESS)
    assert named["changed"] and "failed" not in named


@pytest.mark.usefixtures("eos")
def test_gathered_parsed_rendered(call_module):
    gathered = call_module(switch_vlans, state="gathered", platform="eos", **ACCESS)
    assert gathered["gathered"]["vlans"] == [{"id": 1, "name": "default"}]
    assert [port["lag"] for port in gathered["gathered"]["ports"]] == [None, "Port-Channel3"]
    assert call_module(switch_vlans, state="parsed", platform="eos", answers=ANSWERS)["parsed"] == gathered["gathered"]
    plain = call_module(switch_vlans, state="rendered", intent=INTENT)["rendered"]
    assert plain[:4] == ["configure session clusterwright", "vlan 10", "name admin", "exit"] and plain[-1] == "write memory"
    done = {**ANSWERS, "vlans": json.dumps({"vlans": {"10": {"name": "admin"}, "301": {"name": "bio"}}})}
    assert "vlan 10" not in call_module(switch_vlans, state="rendered", intent=INTENT, answers=done)["rendered"]


@pytest.mark.parametrize(("options", "said"), [
    ({}, "missing"),
    ({"intent": INTENT}, "host, user"),
    ({"state": "rendered"}, "needs a platform"),
    ({"state": "rendered", "platform": "eos"}, "state rendered needs an intent"),
    ({"state": "parsed", "platform": "eos", "answers": {"vlans": "{}"}}, "answers lack switchport (`show interfaces switchport | json`)"),
    ({"state": "parsed", "platform": "eos", "answers": dict.fromkeys(ANSWERS, "% Bad")},
     "not understood: the answer to `show vlan | json`"),
    ({"state": "rendered", "intent": {**INTENT, "vlans": [{"id": 5000}]}}, "leaf1: 5000 is no VLAN id"),
    ({"state": "rendered", "intent": {**INTENT, "vlans": [{"id": 5}, {"id": 5}]}}, "leaf1: VLAN 5 is declared twice"),
    ({"state": "rendered", "intent": {**INTENT, "ports": [PORT, PORT]}}, "leaf1: port Et1 is declared twice"),
    ({"state": "rendered", "intent": {**INTENT, "owned": [[5]]}}, "owned has"),
    ({"state": "rendered", "intent": {**INTENT, "ports": [{**PORT, "mode": "access"}]}}, "that is one untagged VLAN"),
])
def test_bad_options_are_one_clear_error(call_module, options, said):
    result = call_module(switch_vlans, **options)
    assert result["failed"] and said in result["msg"]
