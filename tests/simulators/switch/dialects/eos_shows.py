"""What Arista EOS shows, in text and in JSON. eos.py has the rest."""

from __future__ import annotations

import json
import re
from typing import Any

from ..dialect import Answer, Refused, command
from ..grammar import BadLine
from ..model import Config, Port
from ..vlans import ALL, fold, wrap
from .ioslike import Switchports, dotted

NAME = re.compile(r"(ethernet|eth|et|port-channel|po|management|ma)(\d+(?:/\d+)*)", re.IGNORECASE)
FULL = {"et": "Ethernet", "po": "Port-Channel", "ma": "Management"}
LAYER2_MTU = 9214

VLANS = """\
VLAN  Name                             Status    Ports
----- -------------------------------- --------- -------------------------------"""
STATUS = "Port       Name                   Status       Vlan     Duplex Speed  Type            Flags Encapsulation"
DESCRIPTIONS = "Interface                      Status         Protocol           Description"
LLDP = """\
Last table change time   : 0:02:10 ago
Number of table inserts  : {0}
Number of table deletes  : 0
Number of table drops    : 0
Number of table age-outs : 0

Port          Neighbor Device ID       Neighbor Port ID    TTL
---------- ------------------------ ---------------------- ---"""
LLDP_DETAIL = """\
Interface {0.port} detected 1 LLDP neighbors:

  Neighbor {1}/"{0.remote_port}", age 12 seconds
  Discovered 0:01:11 ago; Last changed 0:01:11 ago
  - Chassis ID type: MAC address (4)
    Chassis ID     : {1}
  - Port ID type: Interface name (5)
    Port ID     : "{0.remote_port}"
  - Time To Live: 120 seconds
  - System Name: "{0.system}"
  - System Description: "simulated"
"""
MACS = """\
          Mac Address Table
------------------------------------------------------------------

Vlan    Mac Address       Type        Ports      Moves   Last Move
----    -----------       ----        -----      -----   ---------"""
VERSION = """\
Arista {0.model}
Hardware version: 11.00
Serial number: {0.serial}
Hardware MAC address: {1}
System MAC address: {1}

Software image version: {0.version}
Architecture: i686
Internal build version: {0.version}-33319363.4304M

Uptime: {2} hours
Total memory: 3987084 kB
Free memory: 2488352 kB"""
SWITCHPORT = """\
Name: {name}
Switchport: Enabled
Administrative Mode: {mode}
Operational Mode: {mode}
MAC Address Learning: enabled
Dot1q ethertype/TPID: 0x8100 (active)
Dot1q VLAN Tag: Not Required
Access Mode VLAN: {access}
Trunking Native Mode VLAN: {native}
Administrative Native VLAN tagging: disabled
Trunking VLANs Enabled: {allowed}
Static Trunk Groups:
Dynamic Trunk Groups:
Source interface filtering: enabled
"""


class EosShows(Switchports):
    """The show commands."""

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        return [f"Ethernet{number}" for number in range(1, count + 1)]

    @classmethod
    def port_name(cls, text: str) -> str:
        found = NAME.fullmatch(text)
        if not found:
            raise ValueError(text)
        return FULL[found[1][:2].lower()] + found[2]

    def obey(self, line: str) -> Answer:
        answer = super().obey(line)
        if self.json and not isinstance(answer, dict):
            if answer:
                raise Refused("% This is an unconverted command")
            return json.dumps({}, indent=4)
        return json.dumps(answer, indent=4) if isinstance(answer, dict) else answer

    # Configurations.

    @command("show running-config", "show running-config all")
    def _show_running(self) -> str:
        return self._headed("running-config", self.device.running)

    @command("show startup-config")
    def _show_startup(self) -> str:
        return self._headed("startup-config", self.device.startup)

    @command("show running-config interfaces <ports>")
    def _show_running_ports(self, ports: list[str]) -> str:
        return "\n".join(line for port in self._shown(ports) for line in self._port_lines(port))

    def _headed(self, what: str, config: Config) -> str:
        me = self.device.identity
        return f"! Command: show {what}\n! device: {me.name} ({me.model}, EOS-{me.version})\n!\n{self.render(config)}"

    def render(self, config: Config) -> str:
        """A configuration as text. VLANs without a name of their own share a line."""
        lines = [f"hostname {self.device.identity.name}", "!", "spanning-tree mode mstp", "!"]
        plain = [number for number, name in config.vlans.items() if number > 1 and name == self.vlan_name(number)]
        blocks = [(min(plain), [f"vlan {fold(plain)}"])] if plain else []
        for number, name in config.vlans.items():
            blocks += [(number, [f"vlan {number}", f"   name {name}"])] if number > 1 and number not in plain else []
        for _first, block in sorted(blocks):
            lines += [*block, "!"]
        for port in sorted(config.ports.values(), key=_order):
            lines += [*self._port_lines(port), "!"]
        return "\n".join([*lines, "end"])

    @staticmethod
    def _port_lines(port: Port) -> list[str]:
        lines = [f"interface {port.name}"]
        lines += [f"   description {port.description}"] if port.description else []
        lines += [f"   mtu {port.mtu}"] if port.mtu else []
        lines += ["   shutdown"] if port.shutdown else []
        lines += [f"   switchport access vlan {port.access}"] if port.access != 1 else []
        lines += [f"   switchport trunk native vlan {port.native or 'tag'}"] if port.native != 1 else []
        lines += [f"   switchport trunk allowed vlan {fold(port.allowed) or 'none'}"] if port.allowed != ALL else []
        lines += {"trunk": ["   switchport mode trunk"], "routed": ["   no switchport"]}.get(port.mode, [])
        lines += [f"   channel-group {port.channel[12:]} mode active"] if port.channel else []
        return lines

    def _shown(self, ports: list[str] | None = None) -> list[Port]:
        every = sorted(self.device.running.ports.values(), key=_order)
        if set(ports or ()) - self.device.running.ports.keys():
            raise BadLine("invalid", 0)
        return [port for port in every if ports is None or port.name in ports]

    # VLANs and switch ports.

    @command("show vlan", "show vlan brief", "show vlan <vlans>", "show vlan id <vlans>")
    def _show_vlan(self, vlans: frozenset[int] | None = None) -> Answer:
        config = self.device.running
        shown = {number: name for number, name in sorted(config.vlans.items()) if vlans is None or number in vlans}
        if vlans is not None and not shown:
            raise Refused(f"% VLAN {fold(vlans)} not found in current VLAN database")
        on: dict[int, list[str]] = {number: [] for number in shown}
        for port in self._shown():
            untagged, tagged = config.carries(port)
            for number in (tagged | {untagged or 0}) & shown.keys():
                if self._status(port)[1] == "up":
                    on[number].append(port.name)
        if self.json:
            return {"sourceDetail": "", "vlans": {str(number): {
                "dynamic": False, "name": name, "status": "active", "interfaces": {each: {"privatePromoted": False} for each in on[number]},
            } for number, name in shown.items()}}
        lines = [VLANS]
        for number, name in shown.items():
            rows = wrap([short(each) for each in on[number]], 31, ", ")
            lines += [f"{number:<5} {name:<32} active    {rows[0]}".rstrip(), *(f"{'':49}{row}" for row in rows[1:])]
        return "\n".join(lines)

    @command("show interfaces switchport", "show interfaces <ports> switchport")
    def _show_switchport(self, ports: list[str] | None = None) -> Answer:
        shown = [port for port in self._shown(ports) if not port.channel and not port.name.startswith("Management")]
        if self.json:
            return {"sourceDetail": "", "switchports": {port.name: self._switchport_data(port) for port in shown}}
        return "\n".join(self._switchport_text(port) for port in shown)

    def _called(self, number: int | None) -> str:
        return self.device.running.vlans.get(number or 0, "inactive")

    def _switchport_data(self, port: Port) -> dict[str, Any]:
        if port.mode == "routed":
            return {"enabled": False}
        return {"enabled": True, "switchportInfo": {
            "mode": port.mode, "accessVlanId": port.access, "accessVlanName": self._called(port.access),
            "trunkingNativeVlanId": port.native or 0, "trunkingNativeVlanName": self._called(port.native),
            "trunkAllowedVlans": _allowed(port), "dynamicAllowedVlans": {}, "staticTrunkGroups": [], "dynamicTrunkGroups": [],
            "macLearning": True, "tpid": "0x8100", "tpidStatus": True, "dot1qVlanTagRequired": False, "dot1qVlanTagRequiredStatus": False,
            "sourceportFilterMode": "enabled", "vlanForwardingMode": "allowedVlansOperational",
        }}

    def _switchport_text(self, port: Port) -> str:
        if port.mode == "routed":
            return f"Name: {short(port.name)}\nSwitchport: Disabled\n"
        return SWITCHPORT.format(
            name=short(port.name), mode="static access" if port.mode == "access" else port.mode, allowed=_allowed(port),
            access=f"{port.access} ({self._called(port.access)})", native=f"{port.native or 0} ({self._called(port.native)})")

    # Interfaces.

    def _status(self, port: Port) -> tuple[str, str]:
        """Link status and line protocol."""
        if port.shutdown:
            return "disabled", "down"
        up = port.link or any(member.link and not member.shutdown for member in self.device.running.members(port.name))
        return ("connected", "up") if up else ("notconnect", "down")

    @staticmethod
    def _taken(port: Port) -> int:
        """The MTU that holds."""
        return (port.mtu or 1500) if port.mode == "routed" and not port.channel else LAYER2_MTU

    @command("show interfaces", "show interfaces <ports>")
    def _show_interfaces(self, ports: list[str] | None = None) -> Answer:
        shown = self._shown(ports)
        if self.json:
            return {"interfaces": {port.name: self._interface_data(port) for port in shown}}
        return "\n".join(self._interface_text(port) for port in shown)

    def _interface_data(self, port: Port) -> dict[str, Any]:
        status, protocol = self._status(port)
        lag = port.name.startswith("Port-Channel")
        data: dict[str, Any] = {
            "name": port.name, "forwardingModel": "dataLink" if port.channel else "routed" if port.mode == "routed" else "bridged",
            "lineProtocolStatus": protocol, "interfaceStatus": status, "hardware": "portChannel" if lag else "ethernet",
            "interfaceAddress": [], "physicalAddress": self.device.identity.mac, "burnedInAddress": self.device.identity.mac,
            "description": port.description, "bandwidth": 10000000000, "mtu": self._taken(port), "l2Mru": 0,
        }
        if port.channel:
            data["interfaceMembership"] = f"Member of {port.channel}"
        if lag:
            members = self.device.running.members(port.name)
            data["memberInterfaces"] = {each.name: {"bandwidth": 10000000000, "duplex": "duplexFull"} for each in members}
        return data

    def _interface_text(self, port: Port) -> str:
        status, protocol = self._status(port)
        mac = dotted(self.device.identity.mac)
        state = "administratively down" if port.shutdown else protocol
        lines = [f"{port.name} is {state}, line protocol is {protocol} ({status})", f"  Hardware is Ethernet, address is {mac} (bia {mac})"]
        lines += [f"  Description: {port.description}"] if port.description else []
        lines += [f"  Member of {port.channel}"] if port.channel else []
        kind = "IP" if port.mode == "routed" else "Ethernet"
        return "\n".join([*lines, f"  {kind} MTU {self._taken(port)} bytes , BW 10000000 kbit"])

    @command("show interfaces status", "show interfaces <ports> status")
    def _show_status(self, ports: list[str] | None = None) -> Answer:
        shown = self._shown(ports)
        if self.json:
            return {"interfaceStatuses": {port.name: self._status_data(port) for port in shown}}
        lines = [STATUS]
        for port in shown:
            vlan = f"in {short(port.channel)}" if port.channel else str(port.access) if port.mode == "access" else port.mode
            start = f"{short(port.name):<10} {port.description[:22]:<22} {self._status(port)[0]:<12} {vlan:<8}"
            lines.append(f"{start} full   10G    10GBASE-SR")
        return "\n".join(lines)

    def _status_data(self, port: Port) -> dict[str, Any]:
        status, protocol = self._status(port)
        if port.channel:
            vlan: dict[str, Any] = {"interfaceForwardingModel": "dataLink", "vlanExplanation": f"in {short(port.channel)}"}
        elif port.mode == "access":
            vlan = {"interfaceMode": "bridged", "vlanId": port.access, "interfaceForwardingModel": "bridged"}
        else:
            vlan = {"interfaceMode": port.mode, "interfaceForwardingModel": "routed" if port.mode == "routed" else "bridged"}
        return {
            "vlanInformation": vlan, "bandwidth": 10000000000, "interfaceType": "10GBASE-SR", "description": port.description,
            "autoNegotiateActive": False, "duplex": "duplexFull", "linkStatus": status, "lineProtocolStatus": protocol,
        }

    @command("show interfaces description", "show interfaces <ports> description")
    def _show_description(self, ports: list[str] | None = None) -> Answer:
        rows = [(port, "admin down" if port.shutdown else self._status(port)[1], self._status(port)[1]) for port in self._shown(ports)]
        if self.json:
            return {"interfaceDescriptions": {port.name: {
                "description": port.description, "interfaceStatus": status.replace(" d", "D"), "lineProtocolStatus": protocol,
            } for port, status, protocol in rows}}
        lines = [f"{short(port.name):<30} {status:<14} {protocol:<18} {port.description}".rstrip() for port, status, protocol in rows]
        return "\n".join([DESCRIPTIONS, *lines])

    @command("show port-channel", "show port-channel dense", "show port-channel detailed")
    def _show_channel(self) -> Answer:
        lags = [port.name for port in self._shown() if port.name.startswith("Port-Channel")]
        active = {name: [each.name for each in self.device.running.members(name)] for name in lags}
        if self.json:
            return {"portChannels": {name: {
                "activePorts": {each: {"protocol": "lacp", "lacpMode": "active"} for each in members}, "inactivePorts": {},
            } for name, members in active.items()}}
        return "\n".join(f"Port Channel {name}:\n  Active Ports: {' '.join(members)}" for name, members in active.items())

    # About the switch, and what it hears.

    @command("show version")
    def _show_version(self) -> Answer:
        me = self.device.identity
        if self.json:
            return {
                "mfgName": "Arista", "modelName": me.model, "hardwareRevision": "11.00", "serialNumber": me.serial, "version": me.version,
                "systemMacAddress": me.mac, "hwMacAddress": me.mac, "architecture": "i686", "uptime": float(self.uptime()),
                "internalVersion": f"{me.version}-33319363.4304M", "memTotal": 3987084, "memFree": 2488352, "isIntlVersion": False,
            }
        return VERSION.format(me, dotted(me.mac), self.uptime() // 3600)

    @command("show hostname")
    def _show_hostname(self) -> Answer:
        name = self.device.identity.name
        return {"hostname": name, "fqdn": name} if self.json else f"Hostname: {name}\nFQDN:     {name}"

    @command("show lldp neighbors")
    def _show_lldp(self) -> Answer:
        heard = self.device.neighbours
        if self.json:
            rows = [{"port": each.port, "neighborDevice": each.system, "neighborPort": each.remote_port, "ttl": 120} for each in heard]
            return {"tablesLastChangeTime": self.device.started, "tablesInserts": len(heard), "lldpNeighbors": rows}
        lines = [f"{short(each.port):<13} {each.system:<24} {each.remote_port:<19} 120" for each in heard]
        return "\n".join([LLDP.format(len(heard)), *lines])

    @command("show lldp neighbors detail")
    def _show_lldp_detail(self) -> Answer:
        if not self.json:
            return "\n".join(LLDP_DETAIL.format(each, dotted(each.chassis)) for each in self.device.neighbours)
        heard: dict[str, Any] = {port.name: {"lldpNeighborInfo": []} for port in self._shown() if port.name.startswith("Ethernet")}
        for each in self.device.neighbours:
            heard[each.port]["lldpNeighborInfo"].append({
                "systemName": each.system, "systemDescription": "simulated", "chassisIdType": "macAddress", "ttl": 120,
                "chassisId": dotted(each.chassis), "systemCapabilities": {"bridge": True} if each.bridge else {"stationOnly": True},
                "neighborInterfaceInfo": {
                    "interfaceIdType": "interfaceName", "interfaceId": f'"{each.remote_port}"', "interfaceId_v2": each.remote_port,
                },
            })
        return {"lldpNeighbors": heard}

    @command("show mac address-table", "show mac address-table dynamic", "show mac-address-table")
    def _show_macs(self) -> Answer:
        learned = self.device.macs
        if self.json:
            rows = [{"macAddress": each.mac, "vlanId": each.vlan, "interface": each.port, "entryType": "dynamic"} for each in learned]
            return {"unicastTable": {"tableEntries": rows}, "multicastTable": {"tableEntries": []}, "disabledMacLearningVlans": []}
        lines = [f"{each.vlan:>4}    {dotted(each.mac)}    DYNAMIC     {short(each.port):<10} 1       0:02:10 ago" for each in learned]
        return "\n".join([MACS, *lines, f"Total Mac Addresses for this criterion: {len(learned)}"])


def short(name: str) -> str:
    """Et1, Po33."""
    return re.sub(r"^(Et|Po|Ma)[a-zA-Z-]+", r"\1", name)


def short_range(names: list[str]) -> str:
    """Et1-4."""
    numbers = [name.removeprefix("Ethernet") for name in names]
    if all(each.isdigit() for each in numbers):
        return f"Et{fold(int(each) for each in numbers)}"
    return ",".join(short(name) for name in names)


def _order(port: Port) -> tuple[int, list[int]]:
    kind = 0 if port.name.startswith("Port-Channel") else 1 if port.name.startswith("Ethernet") else 2
    return kind, [int(each) for each in re.findall(r"\d+", port.name)]


def _allowed(port: Port) -> str:
    return "ALL" if port.allowed == ALL else fold(port.allowed) or "NONE"
