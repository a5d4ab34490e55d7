# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cisco NX-OS (Nexus 3000, 5000, 9000).

Whether a port is switched is read from `show interface switchport`, because the default differs between models; its mode from the running
configuration, because a port without a link may show another one. A switched port takes two MTUs: 1500 and the system's jumbo MTU, 9216.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Driver, Learned, Neighbour, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import switchport
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import expand, full_name, mac, one, other_end

JUMBO = 9216
_KINDS = {"e": "Ethernet", "et": "Ethernet", "eth": "Ethernet", "ethernet": "Ethernet",
          "po": "port-channel", "port-channel": "port-channel", "portchannel": "port-channel"}
_PORT = re.compile(r"(Ethernet[0-9/]+|port-channel[0-9]+)")
_VLAN = re.compile(r"([0-9]+)\s+(\S.*?)\s+(active|suspended|act/\S+|sus/\S+)(\s.*)?")
_MAC = re.compile(r"[*GC+~()RO ]*\s+([0-9]+)\s+([0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})\s.*\s(\S+)")


class Nxos:
    platform = "nxos"
    device_type = "cisco_nxos"
    reads: Mapping[str, str] = {
        "vlans": "show vlan brief", "switchport": "show interface switchport", "config": "show running-config interface"}
    about_reads: Mapping[str, str] = {"version": "show version"}
    lldp_reads: Mapping[str, str] = {"lldp": "show lldp neighbors detail"}
    mac_reads: Mapping[str, str] = {"macs": "show mac address-table"}
    rejections: tuple[str, ...] = (
        r"(?m:^\s*% ?(?!Warning)\w)", r"(?mi:^\s*error\b)", r"(?m:^Syntax error)", r"(?mi:^\s*(?:command|operation) failed)",
        r"at '\^' marker", r"Atomic rollback failed", r"(?i:does not exist)")
    enter: tuple[str, ...] = ("configure terminal",)
    leave: tuple[str, ...] = ("end",)
    safety = Safety(begin=("checkpoint {name}",), confirm=("no checkpoint {name}",),
                    abandon=("rollback running-config checkpoint {name} atomic", "no checkpoint {name}"))
    save: tuple[str, ...] = ("copy running-config startup-config",)
    saved: Mapping[str, str] = {"running": "show running-config", "saved": "show startup-config"}
    name_limit = 32

    def parse(self, answers: Mapping[str, str]) -> State:
        return State(_vlans(answers["vlans"]), _ports(answers["switchport"], answers["config"]))

    def about(self, answers: Mapping[str, str]) -> About:
        text = answers["version"]
        version = re.search(r"^\s*(?:NXOS|system): +version (\S+)", text, re.M)
        model = re.search(r"^ +cisco (\S.*?) *(?:[Cc]hassis|\(|$)", text, re.M)
        serial = re.search(r"Processor Board ID (\S+)", text)
        return About(model[1] if model else "", version[1] if version else "", serial[1] if serial else "")

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        found = []
        for block in re.split(r"^Chassis id: ", answers["lldp"], flags=re.M)[1:]:
            said = {"Chassis id": block.splitlines()[0].strip()}
            said.update(re.findall(r"^([A-Z][\w ]+): (.*\S)", block, re.M))
            said = {key: "" if value == "null" else value for key, value in said.items()}
            found.append(Neighbour(self.port_name(said.get("Local Port id", "")), said.get("System Name", ""), *other_end(
                said.get("Port id", ""), said.get("Port Description", ""), said["Chassis id"])))
        return found

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        lines = (_MAC.fullmatch(line.rstrip()) for line in answers["macs"].splitlines())
        named = (Learned(mac(line[2]), int(line[1]), self.port_name(line[3])) for line in lines if line)
        return [entry for entry in named if _PORT.fullmatch(entry.port)]

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        return switchport.commands(steps)

    def mtu(self, payload: int) -> int:
        return 1500 if payload <= 1500 else JUMBO

    def port_name(self, name: str) -> str:
        return full_name(name, _KINDS)


def _vlans(text: str) -> dict[int, str]:
    found = {}
    for line in text.splitlines():
        if not line.strip() or line[0].isspace() or line.startswith(("VLAN Name", "----")):
            continue        # a line that begins with blanks goes on with the ports of the one above
        match = _VLAN.fullmatch(line)
        if match is None:
            raise ValueError(f"no VLAN in {line.strip()!r}")
        found[int(match[1])] = match[2]
    return found


def _ports(switched: str, config: str) -> dict[str, Port]:
    layer2 = {}
    for block in re.split(r"^Name: *", switched, flags=re.M)[1:]:
        layer2[block.split(None, 1)[0]] = {
            key.strip(): value for key, value in re.findall(r"^ *([^:\n]+): *(.*(?:\n\s*[0-9][0-9,\s-]*$)*)", block, re.M)}
    found = {}
    for head, body in switchport.sections(config):
        name = head[len("interface "):]
        if head.startswith("interface ") and _PORT.fullmatch(name):
            found[name] = _port(name, layer2.get(name, {}), body)
    return found


def _port(name: str, said: Mapping[str, str], body: Sequence[str]) -> Port:
    description = switchport.value(body, "description") or ""
    mtu = int(switchport.value(body, "mtu") or 1500)
    group = switchport.value(body, "channel-group")
    mode = switchport.value(body, "switchport mode") or "access"
    if group or not said.get("Switchport", "").startswith("Enabled") or mode not in ("access", "trunk"):
        lag = f"port-channel{group.split()[0]}" if group else None
        return Port(name, "other", None, mtu=mtu, description=description, lag=lag)
    if mode == "access":
        return Port(name, mode, one(said["Access Mode VLAN"]), mtu=mtu, description=description)
    native, allowed = one(said["Trunking Native Mode VLAN"]), expand(said["Trunking VLANs Allowed"])
    return Port(name, mode, native if native in allowed else None, allowed - {native}, mtu, description)


DRIVER: Driver = Nxos()
