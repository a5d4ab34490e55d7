# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arista EOS.

Changes are made in a configuration session and committed with a timer. A switched port takes 9,214 bytes whatever its `mtu` says, so MTUs
are not read and not set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Driver, Learned, Neighbour, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import switchport
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import expand, full_name, mac, other_end

MTU = 9214
_KINDS = {"e": "Ethernet", "et": "Ethernet", "eth": "Ethernet", "ethernet": "Ethernet",
          "po": "Port-Channel", "port-channel": "Port-Channel", "portchannel": "Port-Channel"}
_OURS = ("Ethernet", "Port-Channel")        # not Management, Vlan, Vxlan, Cpu


class Eos:
    platform = "eos"
    device_type = "arista_eos"
    reads: Mapping[str, str] = {
        "vlans": "show vlan | json", "switchport": "show interfaces switchport | json", "status": "show interfaces status | json"}
    about_reads: Mapping[str, str] = {"version": "show version | json"}
    lldp_reads: Mapping[str, str] = {"lldp": "show lldp neighbors detail | json"}
    mac_reads: Mapping[str, str] = {"macs": "show mac address-table | json"}
    # A line that begins with ! is a remark, one that begins with % is a refusal, unless it says that it warns.
    rejections: tuple[str, ...] = (
        r"(?m:^\s*% ?(?!Warning)\S)", r"(?i:maximum number of pending sessions)", r"(?i:(?:cannot|failed to|unable to) commit)")
    enter: tuple[str, ...] = ("configure session {name}",)
    leave: tuple[str, ...] = ("end",)
    safety = Safety(
        activate=("configure session {name}", "commit timer 00:{minutes:02}:00"), confirm=("configure session {name} commit",),
        abandon=("configure session {name} abort",), timer=True)
    save: tuple[str, ...] = ("write memory",)
    saved: Mapping[str, str] = {"running": "show running-config", "saved": "show startup-config"}
    name_limit = 32

    def parse(self, answers: Mapping[str, str]) -> State:
        said, switched, ports = (_object(answers[key], command) for key, command in self.reads.items())
        vlans = {int(vlan): entry["name"] for vlan, entry in said["vlans"].items() if not entry.get("dynamic")}
        return State(vlans, {name: _port(name, entry, switched["switchports"].get(name, {}))
                             for name, entry in ports["interfaceStatuses"].items() if name.startswith(_OURS)})

    def about(self, answers: Mapping[str, str]) -> About:
        said = _object(answers["version"], self.about_reads["version"])
        return About(said.get("modelName", ""), said.get("version", ""), said.get("serialNumber", ""))

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        heard = _object(answers["lldp"], self.lldp_reads["lldp"])["lldpNeighbors"]
        return [_neighbour(name, each) for name, entry in heard.items() for each in entry["lldpNeighborInfo"] if name.startswith(_OURS)]

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        table = _object(answers["macs"], self.mac_reads["macs"])["unicastTable"]["tableEntries"]
        return [Learned(mac(entry["macAddress"]), entry["vlanId"], entry["interface"])
                for entry in table if entry["interface"].startswith(_OURS)]

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        return switchport.commands(steps)

    def mtu(self, payload: int) -> int:  # noqa: ARG002
        return MTU

    def port_name(self, name: str) -> str:
        return full_name(name, _KINDS)


def _object(text: str, command: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        raise ValueError(f"the answer to `{command}` is no JSON: {text.strip()[:80]!r}") from None
    if not isinstance(found, dict):
        raise ValueError(f"the answer to `{command}` is no JSON object: {text.strip()[:80]!r}")
    return found


def _port(name: str, status: Mapping[str, Any], switched: Mapping[str, Any]) -> Port:
    description = status.get("description", "")
    group = status.get("vlanInformation", {}).get("vlanExplanation", "")
    info = switched.get("switchportInfo", {})
    if group.startswith("in Po") or not switched.get("enabled") or info.get("mode") not in ("access", "trunk"):
        return Port(name, "other", None, description=description, lag=full_name(group[3:], _KINDS) if group.startswith("in Po") else None)
    if info["mode"] == "access":
        return Port(name, "access", info["accessVlanId"], description=description)
    native, allowed = info["trunkingNativeVlanId"], expand(info["trunkAllowedVlans"])
    return Port(name, "trunk", native if native in allowed else None, allowed - {native}, description=description)


def _neighbour(name: str, said: Mapping[str, Any]) -> Neighbour:
    port = said.get("neighborInterfaceInfo", {})
    identity = port.get("interfaceId_v2") or port.get("interfaceId", "").strip('"')
    return Neighbour(name, said.get("systemName", ""), *other_end(
        identity, port.get("interfaceDescription", ""), said.get("chassisId", "")))


DRIVER: Driver = Eos()
