"""What HPE Comware displays. comware.py has the rest."""

from __future__ import annotations

import re
from typing import ClassVar

from ..dialect import Dialect, Refused, command
from ..grammar import BadLine
from ..model import Config, Port
from ..vlans import ALL, runs, wrap

NAMES = {"Ten-GigabitEthernet": "XGE", "GigabitEthernet": "GE", "FortyGigE": "FGE", "HundredGigE": "HGE", "Twenty-FiveGigE": "WGE",
         "M-GigabitEthernet": "MGE", "Bridge-Aggregation": "BAGG"}

VERSION = """\
HPE Comware Software, Version {0.version}
Copyright (c) 2010-2018 Hewlett Packard Enterprise Development LP
{0.model} uptime is 0 weeks, 1 day, 0 hours, 2 minutes
Last reboot reason : Power on

Boot image: flash:/5900_5920-cmw710-boot-r2432p06.bin
Boot image version: 7.1.045, Release 2432P06
"""
MANUINFO = """\
Slot 1 CPU 0:
DEVICE_NAME          : {0.model}
DEVICE_SERIAL_NUMBER : {0.serial}
MAC_ADDRESS          : {1}
MANUFACTURING_DATE   : 2014-07-01
VENDOR_NAME          : HPE"""
INTERFACE = """\
{0.name}
Current state: {state}
Line protocol state: {line}
IP packet frame type: Ethernet II, hardware address: {mac}
Description: {description}
Bandwidth: 10000000 kbps
Loopback is not set
10Gbps-speed mode, full-duplex mode
Link speed type is autonegotiation, link duplex type is autonegotiation
The maximum frame length is {length}
PVID: {pvid}
"""
BRIEF = """\
Brief information on interfaces in bridge mode:
Link: ADM - administratively down; Stby - standby
Speed: (a) - auto
Duplex: (a)/A - auto; H - half; F - full
Type: A - access; T - trunk; H - hybrid
Interface            Link Speed   Duplex Type PVID Description"""
VLAN_BRIEF = """\
Brief information about all VLANs:
Supported Minimum VLAN ID: 1
Supported Maximum VLAN ID: 4094
Default VLAN ID: 1
VLAN ID   Name                             Port"""
LLDP_LIST = """\
Chassis ID : * -- -- Nearest nontpmr bridge neighbor
             # -- -- Nearest customer bridge neighbor
             Default -- -- Nearest bridge neighbor
System Name          Local Interface Chassis ID      Port ID"""
LLDP_VERBOSE = """\
LLDP neighbor-information of port {1}[{0.port}]:
LLDP agent nearest-bridge:
 LLDP neighbor index : 1
 Update time         : 0 days, 0 hours, 1 minutes, 46 seconds
 Chassis type        : MAC address
 Chassis ID          : {2}
 Port ID type        : Interface name
 Port ID             : {0.remote_port}
 Time to live        : 120
 Port description    : {0.remote_port}
 System name         : {0.system}
 System description  : simulated
 System capabilities supported : {3}
 System capabilities enabled   : {3}
"""
MACS = "MAC Address      VLAN ID    State            Port/Nickname            Aging"
AGGREGATE = """\
Aggregate Interface: {0}
Creation Mode: Manual
Aggregation Mode: Dynamic
Loadsharing Type: Shar
Management VLANs: None
System ID: 0x8000, {1}
Local:
  Port                Status   Priority Index    Oper-Key               Flag"""

MEMBERS = """\
Flags: A -- LACP_Activity, B -- LACP_Timeout, C -- Aggregation,
       D -- Synchronization, E -- Collecting, F -- Distributing,
       G -- Defaulted, H -- Expired
"""
MEMBER = """\
{0.name}:
Aggregate Interface: {0.channel}
Local:
    Port Number: {1}
    Port Priority: 32768
    Oper-Key: 1
    Flag: {{ACDEF}}
Remote:
    System ID: 0x8000, 0000-5e00-5301
    Port Number: {1}
    Port Priority: 32768
    Oper-Key: 1
    Flag: {{ACDEF}}
Received LACP Packets: 10 packet(s)
Illegal: 0 packet(s)
Sent LACP Packets: 10 packet(s)
"""


def vlan_name(number: int) -> str:
    """What a VLAN is called that nobody named."""
    return f"VLAN {number:04}"


class ComwareShows(Dialect):
    """The display commands, which every view has."""

    negations: ClassVar[tuple[str, ...]] = ("undo",)
    parents: ClassVar[dict[str, str]] = {"if": "system", "range": "system", "vlan": "system", "system": "always", "exec": "always"}

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        return [f"Ten-GigabitEthernet1/0/{number}" for number in range(1, count + 1)]

    @classmethod
    def port_name(cls, text: str) -> str:
        found = re.fullmatch(r"([A-Za-z-]+)(\d+(?:/\d+)*)", text)
        for full, brief in NAMES.items() if found else ():
            word = found[1].lower() if found else ""
            if word == brief.lower() or (full.lower().startswith(word) and len(word) > 1):
                return full + (found[2] if found else "")
        raise ValueError(text)

    @classmethod
    def new_port(cls, name: str) -> Port:
        return Port(name, allowed=frozenset({1}))

    @classmethod
    def factory(cls, ports: list[str]) -> Config:
        return Config({1: vlan_name(1)}, {name: cls.new_port(name) for name in ports})

    def outwards(self, context: str) -> None:
        if context != "always":
            self.context = context

    def check_filter(self, line: str, text: str) -> str:
        word, _space, rest = text.partition(" ")
        if word not in ("include", "exclude", "begin") or not rest:
            raise BadLine("invalid", line.index("|") + 2)
        return text

    # Configurations.

    @command("display current-configuration", at="always")
    def _current(self) -> str:
        return self.render(self.device.running)

    @command("display saved-configuration", at="always")
    def _saved(self) -> str:
        return self.render(self.device.startup)

    @command("display current-configuration interface", "display current-configuration interface <port>", at="always")
    def _current_port(self, port: str | None = None) -> str:
        lines = [line for each in self._shown(port) for line in ["#", *self._port_lines(each)]]
        return "\n".join([*lines, "#", "return"])

    @command("display this", at="if vlan system")
    def _this(self) -> str:
        if self.context == "if":
            return "\n".join(["#", *self._port_lines(self.ports()[0]), "#", "return"])
        if self.context == "vlan":
            return f"#\nvlan {self.selected[0]}\n name {self.config.vlans[int(self.selected[0])]}\n#\nreturn"
        return f"#\n sysname {self.device.identity.name}\n#\nreturn"

    def render(self, config: Config) -> str:
        """A configuration as text."""
        lines = ["#", f" version {self.version}", "#", f" sysname {self.device.identity.name}", "#"]
        plain = [number for number, name in config.vlans.items() if name == vlan_name(number)]
        blocks = [(first, [f"vlan {first}" + (f" to {last}" if last > first else "")]) for first, last in runs(plain)]
        blocks += [(number, [f"vlan {number}", f" name {name}"]) for number, name in config.vlans.items() if number not in plain]
        for _first, block in sorted(blocks):
            lines += [*block, "#"]
        for port in sorted(config.ports.values(), key=_order):
            lines += [*self._port_lines(port), "#"]
        return "\n".join([*lines, "return"])

    @staticmethod
    def _port_lines(port: Port) -> list[str]:
        lines = [f"interface {port.name}"]
        lines += [] if port.name.startswith("Bridge") else [" port link-mode bridge"]
        lines += [f" description {port.description}"] if port.description else []
        if port.mode == "access":
            lines += [f" port access vlan {port.access}"] if port.access != 1 else []
        else:
            lines.append(f" port link-type {port.mode}")
        if port.mode == "trunk":
            lines += [] if 1 in port.allowed else [" undo port trunk permit vlan 1"]
            words = [f"{first} to {last}" if last > first else str(first) for first, last in runs(port.allowed)]
            rows = [["all"]] if port.allowed == ALL else [words[at:at + 10] for at in range(0, len(words), 10)]
            lines += [f" port trunk permit vlan {' '.join(row)}" for row in rows if port.allowed != {1}]
            lines += [f" port trunk pvid vlan {port.native}"] if port.native != 1 else []
        if port.mode == "hybrid":
            lines += [] if 1 in port.allowed else [" undo port hybrid vlan 1"]
            for word, ids in (("tagged", port.allowed - port.untagged), ("untagged", port.untagged)):
                words = [f"{first} to {last}" if last > first else str(first) for first, last in runs(ids)]
                lines += [f" port hybrid vlan {' '.join(words)} {word}"] if words else []
            lines += [f" port hybrid pvid vlan {port.native}"] if port.native != 1 else []
        lines += [f" jumboframe enable {port.mtu}"] if port.mtu else []
        lines += [f" port link-aggregation group {port.channel[18:]}"] if port.channel else []
        lines += [" shutdown"] if port.shutdown else []
        return lines

    def _shown(self, name: str | None = None) -> list[Port]:
        every = sorted(self.device.running.ports.values(), key=_order)
        if name and name not in self.device.running.ports:
            raise BadLine("wrong", 18)
        return [port for port in every if name in (None, port.name)]

    # VLANs.

    def _in(self, number: int, tagged: bool) -> list[str]:
        config = self.device.running
        names = []
        for port in self._shown():
            plain, marked = self._passing(port)
            names += [port.name] if number in (marked if tagged else plain) and (port.link or number in config.vlans) else []
        return names

    def _passing(self, port: Port) -> tuple[frozenset[int], frozenset[int]]:
        """VLANs that leave the port untagged and tagged, those that exist alone."""
        known = frozenset(self.device.running.vlans)
        if port.mode == "access":
            return frozenset({port.access}) & known, frozenset()
        plain = (port.untagged if port.mode == "hybrid" else frozenset({port.native or 0})) & port.allowed & known
        return plain, port.allowed & known - plain

    @command("display vlan all", "display vlan <vlan>", at="always")
    def _vlans(self, vlan: int | None = None) -> str:
        config = self.device.running
        if vlan is not None and vlan not in config.vlans:
            raise Refused("The VLAN does not exist.")
        blocks = []
        for number, name in sorted(config.vlans.items()):
            if vlan in (None, number):
                blocks.append("\n".join([
                    f" VLAN ID: {number}", " VLAN type: Static", " Route interface: Not configured",
                    f" Description: {config.lines.get(f'vlan {number} description') or vlan_name(number)}", f" Name: {name}",
                    *_columns(" Tagged ports:  ", self._in(number, True)), *_columns(" Untagged ports:", self._in(number, False))]))
        return "\n\n".join(blocks)

    @command("display vlan", at="always")
    def _vlan_ids(self) -> str:
        ids = sorted(self.device.running.vlans)
        words = [f"{first}-{last}" if last > first else str(first) for first, last in runs(ids)]
        return "\n".join([f" Total VLANs: {len(ids)}", " The VLANs include:", *wrap(words, 78, ", ")])

    @command("display vlan brief", at="always")
    def _vlan_brief(self) -> str:
        lines = [VLAN_BRIEF]
        for number, name in sorted(self.device.running.vlans.items()):
            ports = [short(each) for each in self._in(number, False) + self._in(number, True)]
            rows = ["  ".join(ports[at:at + 3]) for at in range(0, len(ports), 3)] or [""]
            lines += [f"{number:<9} {name:<32} {rows[0]}".rstrip(), *(f"{'':43}{row}" for row in rows[1:])]
        return "\n".join(lines)

    @command("display port trunk", "display port hybrid", at="always")
    def _port_mode(self, pattern: str) -> str:
        lines = ["Interface            PVID  VLAN Passing"]
        for port in self._shown():
            if port.mode == pattern.rpartition(" ")[2]:
                plain, marked = self._passing(port)
                words = [f"{first}-{last}" if last > first else str(first) for first, last in runs(plain | marked)]
                rows = [row.rstrip() for row in wrap(words, 52, ", ")]
                lines += [f"{short(port.name):<20} {port.native or 1:<5} {rows[0]}", *(f"{'':27}{row}" for row in rows[1:])]
        return "\n".join(lines)

    # Interfaces.

    def _link(self, port: Port) -> str:
        up = port.link or any(each.link for each in self.device.running.members(port.name))
        return "ADM" if port.shutdown else "UP" if up else "DOWN"

    @command("display interface", "display interface <port>", at="always")
    def _interfaces(self, port: str | None = None) -> str:
        return "\n".join(self._interface_text(each) for each in self._shown(port))

    def _interface_text(self, port: Port) -> str:
        link = self._link(port)
        state = {"ADM": "Administratively DOWN"}.get(link, link)
        text = INTERFACE.format(
            port, state=state, line="UP" if link == "UP" else "DOWN", mac=dashed(self.device.identity.mac), length=port.mtu or 10000,
            description=port.description or f"{port.name} Interface", pvid=port.access if port.mode == "access" else port.native)
        plain, marked = self._passing(port)
        if port.mode == "trunk":
            permitted = _listed(" VLAN permitted: ", port.allowed, port.native)
            lines = ["Port link-type: Trunk", *_listed(" VLAN Passing:   ", plain | marked, port.native), *permitted,
                     " Trunk port encapsulation: IEEE 802.1q"]
        else:
            lines = [f"Port link-type: {port.mode.capitalize()}"]
            lines += _listed(" Tagged VLANs:   ", marked) + _listed(" UnTagged VLANs: ", plain)
        return text + "\n".join([*lines, "Port priority: 0", "Last clearing of counters: Never", ""])

    @command("display interface brief", "display interface brief description", at="always")
    def _brief(self) -> str:
        lines = [BRIEF]
        for port in self._shown():
            pvid = port.access if port.mode == "access" else port.native
            start = f"{short(port.name):<20} {self._link(port):<4} 10G     F      {port.mode[0].upper()}    {pvid:<4}"
            lines.append(f"{start} {port.description[:27]}".rstrip())
        return "\n".join(lines)

    @command("display link-aggregation verbose", "display link-aggregation summary", at="always")
    def _aggregates(self) -> str:
        blocks = []
        for port in self._shown():
            if port.name.startswith("Bridge"):
                members = self.device.running.members(port.name)
                rows = [f"  {short(each.name):<19} S        32768    {at:<8} 1" for at, each in enumerate(members, 1)]
                head = AGGREGATE.format(port.name, dashed(self.device.identity.mac))
                blocks.append("\n".join([head, *(f"{row:<64} {{ACDEF}}" for row in rows)]))
        return "\n\n".join(blocks)

    @command("display link-aggregation member-port", at="always")
    def _members(self) -> str:
        members = [port for port in self._shown() if port.channel]
        return "\n".join([MEMBERS, *(MEMBER.format(port, at) for at, port in enumerate(members, 1))])

    # About the switch, and what it hears.

    @command("display version", at="always")
    def _version(self) -> str:
        return VERSION.format(self.device.identity)

    @command("display device manuinfo", at="always")
    def _manuinfo(self) -> str:
        return MANUINFO.format(self.device.identity, dashed(self.device.identity.mac).upper())

    @command("display lldp neighbor-information list", at="always")
    def _lldp(self) -> str:
        heard = self.device.neighbours
        rows = [f"{each.system:<20} {short(each.port):<15} {dashed(each.chassis):<15} {each.remote_port}" for each in heard]
        return "\n".join([LLDP_LIST, *rows])

    @command("display lldp neighbor-information verbose", "display lldp neighbor-information", at="always")
    def _lldp_verbose(self) -> str:
        return "\n".join(LLDP_VERBOSE.format(
            each, each.port.rpartition("/")[2], dashed(each.chassis), "Bridge" if each.bridge else "Station Only",
        ) for each in self.device.neighbours)

    @command("display mac-address", "display mac-address dynamic", at="always")
    def _macs(self) -> str:
        rows = [f"{dashed(each.mac)}   {each.vlan:<10} Learned          {short(each.port):<24} Y" for each in self.device.macs]
        return "\n".join([MACS, *rows])


def short(name: str) -> str:
    """XGE1/0/1."""
    return next((brief + name[len(full):] for full, brief in NAMES.items() if name.startswith(full)), name)


def dashed(mac: str) -> str:
    """0012-3456-789a."""
    digits = mac.replace(":", "")
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def _listed(label: str, ids: frozenset[int], default: int | None = None) -> list[str]:
    """A list of VLANs over as many lines as it needs."""
    if not ids:
        return [f"{label}None"]
    words = []
    for first, last in runs(ids - {default or 0}) + ([(default, default)] if default in ids else []):
        word = f"{first}-{last}" if last > first else str(first)
        words.append((first, f"{first}(default vlan)" if first == default else word))
    rows = wrap([word for _first, word in sorted(words)], 60, ", ")
    return [label + rows[0], *(f"{'':17}{row}" for row in rows[1:])]


def _columns(label: str, names: list[str]) -> list[str]:
    if not names:
        return [f"{label} None"]
    return [label, *("    " + "".join(f"{name:<30}" for name in names[at:at + 2]) for at in range(0, len(names), 2))]


def _order(port: Port) -> tuple[bool, str, list[int]]:
    return not port.name.startswith("Bridge"), re.sub(r"[\d/]+", "", port.name), [int(each) for each in re.findall(r"\d+", port.name)]
