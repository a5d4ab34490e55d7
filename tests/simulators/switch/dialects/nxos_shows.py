"""What Cisco NX-OS shows, in text and in JSON. nxos.py has the rest."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from ..dialect import Answer, Refused, command
from ..model import Config, Port
from ..vlans import ALL, fold, wrap
from .ioslike import Switchports, dotted

NAME = re.compile(r"(ethernet|ethe?|port-channel|po|mgmt)(\d+(?:/\d+)*)", re.IGNORECASE)
FULL = {"e": "Ethernet", "p": "port-channel", "m": "mgmt"}
FEATURES = ("lacp", "lldp")
NO_SUCH_PORT = "^\nInvalid interface format at '^' marker."

VLANS = """
VLAN Name                             Status    Ports
---- -------------------------------- --------- -------------------------------"""
VLAN_TYPES = """
VLAN Type         Vlan-mode
---- -----        ----------"""
SWITCHPORT = """\
Name: {0.name}
  Switchport: Enabled
  Switchport Monitor: Not enabled
  Operational Mode: {mode}
  Access Mode VLAN: {0.access} ({access})
  Trunking Native Mode VLAN: {0.native} ({native})
  Trunking VLANs Allowed: {allowed}
  Voice VLAN: none
  Extended Trust State : not trusted [COS = 0]
  Administrative private-vlan primary host-association: none
  Administrative private-vlan secondary host-association: none
  Operational private-vlan: none"""
STATUS = f"""
{'-' * 80}
Port          Name               Status    Vlan      Duplex  Speed   Type
{'-' * 80}"""
DESCRIPTIONS = f"""
{'-' * 79}
Port          Type   Speed   Description
{'-' * 79}"""
CHANNELS = f"""\
Flags:  D - Down        P - Up in port-channel (members)
        I - Individual  H - Hot-standby (LACP only)
        s - Suspended   r - Module-removed
        S - Switched    R - Routed
        U - Up (port-channel)
{'-' * 80}
Group Port-       Type     Protocol  Member Ports
      Channel
{'-' * 80}"""
VERSION = """\
Cisco Nexus Operating System (NX-OS) Software (simulated)

Software
  BIOS: version 07.69
  NXOS: version {0.version}
  NXOS image file is: bootflash:///nxos.9.3.10.bin


Hardware
  cisco {0.model} Chassis
  Intel(R) Xeon(R) CPU  @ 1.80GHz with 24632860 kB of memory.
  Processor Board ID {0.serial}

  Device name: {0.name}
  bootflash:   53298520 kB
Kernel uptime is 1 day(s), 0 hour(s), 2 minute(s), 10 second(s)

Last reset
  Reason: Unknown
  System version: {0.version}"""
INVENTORY = """\
NAME: "Chassis",  DESCR: "Nexus9000 C93180YC-EX chassis"
PID: N9K-C93180YC-EX     ,  VID: V02 ,  SN: {0.serial}"""
LLDP = """\
Capability codes:
  (R) Router, (B) Bridge, (T) Telephone, (C) DOCSIS Cable Device
  (W) WLAN Access Point, (P) Repeater, (S) Station, (O) Other
Device ID            Local Intf      Hold-time  Capability  Port ID  """
LLDP_DETAIL = """
Chassis id: {1}
Port id: {0.remote_port}
Local Port id: {2}
Port Description: {0.remote_port}
System Name: {0.system}
System Description: simulated
Time remaining: 100 seconds
System Capabilities: {3}
Enabled Capabilities: {3}
Management Address: not advertised
Vlan ID: not advertised
"""
MACS = """\
Legend:
        * - primary entry, G - Gateway MAC, (R) - Routed MAC, O - Overlay MAC
        age - seconds since last seen,+ - primary entry using vPC Peer-Link,
        (T) - True, (F) - False, C - ControlPlane MAC, ~ - vsan
   VLAN     MAC Address      Type      age     Secure NTFY Ports
---------+-----------------+--------+---------+------+----+------------------"""


class NxosShows(Switchports):
    """The show commands."""

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        return [f"Ethernet1/{number}" for number in range(1, count + 1)]

    @classmethod
    def port_name(cls, text: str) -> str:
        found = NAME.fullmatch(text)
        if not found:
            raise ValueError(text)
        return FULL[found[1][0].lower()] + found[2]

    def obey(self, line: str) -> Answer:
        answer = super().obey(line)
        if self.json and not isinstance(answer, dict):
            raise Refused("Error: This command does not support JSON output.")
        pretty = 4 if line.endswith("json-pretty") else None
        return json.dumps(answer, indent=pretty) if isinstance(answer, dict) else answer

    def check_filter(self, line: str, text: str) -> str:
        return super().check_filter(line, "json" if text == "json-pretty" else text)

    # Configurations.

    @command("show running-config", "show running-config all")
    def _show_running(self) -> str:
        return f"{self._head('running-config')}\n{self.render(self.device.running)}"

    @command("show startup-config")
    def _show_startup(self) -> str:
        return f"{self._head('startup-config')}\n{self.render(self.device.startup)}"

    @command("show running-config interface", "show running-config interface <ports>")
    def _show_running_ports(self, ports: list[str] | None = None) -> str:
        blocks = ["\n".join(self._port_lines(port)) for port in self._shown(ports)]
        return "\n\n".join([self._head("running-config interface"), *blocks])

    @command("show running-config vlan")
    def _show_running_vlan(self) -> str:
        return "\n".join([self._head("running-config vlan"), *self._vlan_lines(self.device.running)])

    def _head(self, what: str) -> str:
        return f"\n!Command: show {what}\n!Time: {time.strftime('%a %b %d %H:%M:%S %Y')}\n\nversion {self.version} Bios:version 07.69"

    def render(self, config: Config) -> str:
        """A configuration as text."""
        lines = [f"hostname {self.device.identity.name}", *(f"feature {each}" for each in FEATURES), "", *self._vlan_lines(config), ""]
        for port in sorted(config.ports.values(), key=_order):
            lines += [*self._port_lines(port), ""]
        return "\n".join(lines)

    def _vlan_lines(self, config: Config) -> list[str]:
        lines = [f"vlan {fold(config.vlans)}"]
        for number, name in sorted(config.vlans.items()):
            lines += [f"vlan {number}", f"  name {name}"] if name != self.vlan_name(number) else []
        return lines

    @staticmethod
    def _port_lines(port: Port) -> list[str]:
        lines = [f"interface {port.name}"]
        lines += [f"  description {port.description}"] if port.description else []
        lines += ["  no switchport"] if port.mode == "routed" else []
        lines += ["  switchport mode trunk"] if port.mode == "trunk" else []
        lines += [f"  switchport access vlan {port.access}"] if port.access != 1 else []
        lines += [f"  switchport trunk native vlan {port.native}"] if port.native != 1 else []
        if port.allowed != ALL:
            first, *rest = (row.rstrip(",") for row in wrap(fold(port.allowed).split(","), 200))
            lines += [f"  switchport trunk allowed vlan {first or 'none'}", *(f"  switchport trunk allowed vlan add {row}" for row in rest)]
        lines += [f"  mtu {port.mtu}"] if port.mtu else []
        lines += [f"  channel-group {port.channel[12:]} mode active"] if port.channel else []
        lines += ["  shutdown"] if port.shutdown else []
        return lines

    def _shown(self, ports: list[str] | None = None) -> list[Port]:
        every = sorted(self.device.running.ports.values(), key=_order)
        if set(ports or ()) - self.device.running.ports.keys():
            raise Refused(f"{' ' * len(self.prompt())}{NO_SUCH_PORT}")
        return [port for port in every if ports is None or port.name in ports]

    # VLANs and switch ports.

    @command("show vlan", "show vlan brief", "show vlan id <vlans>")
    def _show_vlan(self, pattern: str, vlans: frozenset[int] | None = None) -> Answer:
        config = self.device.running
        shown = {number: name for number, name in sorted(config.vlans.items()) if vlans is None or number in vlans}
        if vlans is not None and not shown:
            raise Refused(f"VLAN {fold(vlans)} not found in current VLAN database")
        on: dict[int, list[str]] = {number: [] for number in shown}
        for port in self._shown():
            untagged, tagged = config.carries(port)
            for number in (tagged | {untagged or 0}) & shown.keys():
                on[number].append(port.name)
        if self.json:
            kind = "xbrief" if pattern.endswith("brief") else "" if vlans is None else "id"
            brief = [{
                "vlanshowbr-vlanid": str(number), "vlanshowbr-vlanid-utf": str(number), "vlanshowbr-vlanname": name,
                "vlanshowbr-vlanstate": "active", "vlanshowbr-shutstate": "noshutdown",
                **({"vlanshowplist-ifidx": ",".join(on[number])} if on[number] else {}),
            } for number, name in shown.items()]
            sizes = [{"vlanshowinfo-vlanid": str(number), "vlanshowinfo-media-type": "enet", "vlanshowinfo-vlanmode": "ce-vlan"}
                     for number in shown]
            return {f"TABLE_vlanbrief{kind}": {f"ROW_vlanbrief{kind}": _rows(brief)},
                    **({} if kind == "xbrief" else {f"TABLE_mtuinfo{kind}": {f"ROW_mtuinfo{kind}": _rows(sizes)}})}
        lines = [VLANS]
        for number, name in shown.items():
            rows = [row.rstrip(",") for row in wrap([short(each) for each in on[number]], 31, ", ")]
            lines += [f"{number:<4} {name:<32} active    {rows[0]}".rstrip(), *(f"{'':48}{row}" for row in rows[1:])]
        if not pattern.endswith("brief"):
            lines += [VLAN_TYPES, *(f"{number:<4} enet         CE     " for number in shown)]
        return "\n".join(lines)

    def _called(self, number: int | None) -> str:
        return self.device.running.vlans.get(number or 0, "Vlan not created")

    def _state(self, port: Port) -> str:
        """As `show interface status` has it."""
        if port.shutdown:
            return "disabled"
        if port.name.startswith("port-channel"):
            return "connected" if any(each.link and not each.shutdown for each in self.device.running.members(port.name)) else "noOperMem"
        return "connected" if port.link else "notconnec"

    @command("show interface switchport", "show interface <ports> switchport")
    def _show_switchport(self, ports: list[str] | None = None) -> Answer:
        shown = [port for port in self._shown(ports) if not port.name.startswith("mgmt")]
        if self.json:
            return {"TABLE_interface": {"ROW_interface": _rows([self._switchport_data(port) for port in shown])}}
        return "\n".join(self._switchport_text(port) for port in shown)

    def _operational(self, port: Port) -> str:
        return port.mode if self._state(port) == "connected" else "down"

    def _switchport_data(self, port: Port) -> dict[str, str]:
        if port.mode == "routed":
            return {"interface": port.name, "switchport": "Disabled"}
        return {
            "interface": port.name, "switchport": "Enabled", "switchport_monitor": "Not enabled", "oper_mode": self._operational(port),
            "access_vlan": str(port.access), "access_vlan_name": self._called(port.access), "native_vlan": str(port.native),
            "native_vlan_name": self._called(port.native), "trunk_vlans": fold(port.allowed) or "none", "voice_vlan": "none",
        }

    def _switchport_text(self, port: Port) -> str:
        if port.mode == "routed":
            return f"Name: {port.name}\n  Switchport: Disabled"
        return SWITCHPORT.format(port, mode=self._operational(port), access=self._called(port.access), native=self._called(port.native),
                                 allowed=fold(port.allowed) or "none")

    # Interfaces.

    @command("show interface status")
    def _show_status(self) -> Answer:
        rows = [{
            "interface": port.name, "name": port.description or "--", "state": self._state(port), "duplex": "full", "speed": "10G",
            "vlan": str(port.access) if port.mode == "access" else port.mode, "type": "10Gbase-SR",
        } for port in self._shown()]
        if self.json:
            return {"TABLE_interface": {"ROW_interface": _rows(rows)}}
        lines = [f"{short(row['interface']):<13} {row['name'][:18]:<18} {row['state']:<9} {row['vlan']:<9}" for row in rows]
        return "\n".join([STATUS, *(f"{line} full    10G     10Gbase-SR" for line in lines)])

    @command("show interface description")
    def _show_description(self) -> Answer:
        rows = [{"interface": port.name, "type": "eth", "speed": "10G", "desc": port.description or "--"} for port in self._shown()]
        if self.json:
            return {"TABLE_interface": {"ROW_interface": _rows(rows)}}
        return "\n".join([DESCRIPTIONS, *(f"{short(row['interface']):<13} eth    10G     {row['desc']}" for row in rows)])

    @command("show interface", "show interface <ports>")
    def _show_interface(self, ports: list[str] | None = None) -> Answer:
        shown = self._shown(ports)
        if self.json:
            return {"TABLE_interface": {"ROW_interface": _rows([self._interface_data(port) for port in shown])}}
        return "\n\n".join(self._interface_text(port) for port in shown)

    def _interface_data(self, port: Port) -> dict[str, str]:
        data = {
            "interface": port.name, "state": "up" if self._state(port) == "connected" else "down", "eth_mode": port.mode,
            "admin_state": "down" if port.shutdown else "up", "eth_hw_addr": dotted(self.device.identity.mac), "eth_bw": "10000000",
            "eth_mtu": str(port.mtu or 1500),
        }
        more = {"desc": port.description, "eth_bundle": port.channel}
        return {**data, **{key: value for key, value in more.items() if value}}

    def _interface_text(self, port: Port) -> str:
        up = self._state(port) == "connected"
        why = "" if up else " (Administratively down)" if port.shutdown else " (Link not connected)"
        mac = dotted(self.device.identity.mac)
        lines = [f"{port.name} is {'up' if up else 'down'}{why}"]
        lines += [f"admin state is {'down' if port.shutdown else 'up'}, Dedicated Interface"]
        lines += [f"  Belongs to {port.channel.replace('port-channel', 'Po')}"] if port.channel else []
        lines.append(f"  Hardware: 1000/10000 Ethernet, address: {mac} (bia {mac})")
        lines += [f"  Description: {port.description}"] if port.description else []
        lines += [f"  MTU {port.mtu or 1500} bytes, BW 10000000 Kbit, DLY 10 usec", f"  Port mode is {port.mode}"]
        members = self.device.running.members(port.name)
        lines += [f"  Members in this channel: {', '.join(short(each.name) for each in members)}"] if members else []
        return "\n".join(lines)

    @command("show port-channel summary")
    def _show_channel(self) -> Answer:
        running = self.device.running
        lags = [(port, running.members(port.name)) for port in self._shown() if port.name.startswith("port-channel")]
        if self.json:
            return {"TABLE_channel": {"ROW_channel": _rows([{
                "group": port.name[12:], "port-channel": port.name, "layer": "S", "status": "U", "type": "Eth", "prtcl": "LACP",
                "TABLE_member": {"ROW_member": _rows([{"port": each.name, "port-status": "P"} for each in members])},
            } for port, members in lags])}}
        lines = [CHANNELS]
        for port, members in lags:
            flag = "U" if self._state(port) == "connected" else "D"
            inside = "    ".join(f"{short(each.name)}(P)" for each in members) or "--"
            lines.append(f"{port.name[12:]:<5} {f'Po{port.name[12:]}(S{flag})':<11} Eth      LACP      {inside}")
        return "\n".join(lines)

    # About the switch, and what it hears.

    @command("show version")
    def _show_version(self) -> Answer:
        me = self.device.identity
        if not self.json:
            return VERSION.format(me)
        return {
            "header_str": "Cisco Nexus Operating System (NX-OS) Software (simulated)", "nxos_ver_str": me.version, "host_name": me.name,
            "chassis_id": f"{me.model} chassis", "proc_board_id": me.serial, "kern_uptm_days": 1, "manufacturer": "Cisco Systems, Inc.",
        }

    @command("show inventory")
    def _show_inventory(self) -> Answer:
        name, words, product, version, serial = re.findall(r'"[^"]*"|(?<=: )[A-Z]\S+', text := INVENTORY.format(self.device.identity))
        row = {"name": name, "desc": words, "productid": product, "vendorid": version, "serialnum": serial}
        return {"TABLE_inv": {"ROW_inv": row}} if self.json else text

    @command("show license host-id")
    def _show_host_id(self) -> str:
        return f"License hostid: VDH={self.device.identity.serial}"

    @command("show hostname")
    def _show_hostname(self) -> Answer:
        return {"hostname": self.device.identity.name} if self.json else self.device.identity.name

    @command("show lldp neighbors")
    def _show_lldp(self) -> Answer:
        heard = self.device.neighbours
        if self.json:
            return {"TABLE_nbor": {"ROW_nbor": _rows([{
                "chassis_type": "7", "chassis_id": each.system, "l_port_id": short(each.port), "hold_time": "120",
                "capability": "B" if each.bridge else "", "port_type": "5", "port_id": each.remote_port,
            } for each in heard])}, "neigh_count": len(heard)}
        lines = [LLDP]
        for each in heard:
            row = f"{short(each.port):<15} 120        {'B' if each.bridge else 'S':<11} {each.remote_port}"
            lines += [f"{each.system:<20} {row}"] if len(each.system) <= 20 else [each.system, f"{'':20} {row}"]
        return "\n".join([*lines, f"Total entries displayed: {len(heard)}"])

    @command("show lldp neighbors detail")
    def _show_lldp_detail(self) -> Answer:
        heard = self.device.neighbours
        if self.json:
            return {"TABLE_nbor_detail": {"ROW_nbor_detail": _rows([{
                "chassis_type": "4", "chassis_id": dotted(each.chassis), "port_type": "5", "port_id": each.remote_port, "ttl": "100",
                "l_port_id": short(each.port), "sys_name": each.system, "sys_desc": "simulated",
                "system_capability": "B" if each.bridge else "",
            } for each in heard])}, "neigh_count": len(heard)}
        blocks = [LLDP_DETAIL.format(each, dotted(each.chassis), short(each.port), "B" if each.bridge else "S") for each in heard]
        return "\n".join([*blocks, f"Total entries displayed: {len(heard)}"])

    @command("show mac address-table", "show mac address-table dynamic")
    def _show_macs(self) -> Answer:
        learned = self.device.macs
        if self.json:
            return {"TABLE_mac_address": {"ROW_mac_address": _rows([{
                "disp_mac_addr": dotted(each.mac), "disp_type": "* ", "disp_vlan": str(each.vlan), "disp_is_static": "disabled",
                "disp_age": "0", "disp_is_secure": "disabled", "disp_is_ntfy": "disabled", "disp_port": each.port,
            } for each in learned])}}
        lines = [f"* {each.vlan:>4}     {dotted(each.mac)}   dynamic  0         F      F    {short(each.port)}" for each in learned]
        return "\n".join([MACS, *lines])


def short(name: str) -> str:
    """Eth1/1, Po33."""
    return name.replace("Ethernet", "Eth").replace("port-channel", "Po")


def _rows(rows: list[Any]) -> Any:
    """One row stands alone, not in a list: so the platform does."""
    return rows[0] if len(rows) == 1 else rows


def _order(port: Port) -> tuple[int, list[int]]:
    kind = 0 if port.name.startswith("port-channel") else 1 if port.name.startswith("Ethernet") else 2
    return kind, [int(each) for each in re.findall(r"\d+", port.name)]
