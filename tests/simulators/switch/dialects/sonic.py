"""SONiC, of a community release (202411).

Sources: the program text of sonic-utilities (config/vlan.py, config/main.py: what is refused, in which words) and its command reference.
What `show` prints besides JSON is less sure than what `config` refuses.

What bites: VLAN 1 does not exist, 2-4094 do; a VLAN with members is not removed; a port is a member of a VLAN in one way, and has one
untagged VLAN; members of a port channel and routed ports are refused; nothing is there after a start that `config save` did not write;
`config` wants root; `config rollback` goes back to a checkpoint, also over what others changed.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from ..linux import Shell
from ..model import Config, Port
from ..shell import Done, Failed
from ..vlans import fold

VERSION = """\

SONiC Software Version: SONiC.{0.version} (simulated)
SONiC OS Version: 12
Distribution: Debian 12.6
Kernel: 6.1.0-22-2-amd64
Build commit: 0000000
Platform: x86_64-simulated-r0
HwSKU: {0.model}
ASIC: vs
ASIC Count: 1
Serial Number: {0.serial}
"""
PLATFORM = """\
Platform: x86_64-simulated-r0
HwSKU: {0.model}
ASIC: vs
ASIC Count: 1
Serial Number: {0.serial}
Model Number: N/A
Hardware Revision: N/A
"""


class Sonic(Shell):
    platform = "sonic"
    model = "simulated-32x100G"
    version = "202411.1"
    greeting = "You are on a simulated SONiC switch."
    low: ClassVar[int] = 2

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        return [f"Ethernet{4 * number}" for number in range(count)]

    @classmethod
    def port_name(cls, text: str) -> str:
        if not re.fullmatch(r"(Ethernet|PortChannel)\d+", text):
            raise ValueError(text)
        return text

    @classmethod
    def new_port(cls, name: str) -> Port:
        """No mode: that is a port that nobody gave one, as all were in older releases."""
        return Port(name, mode="", native=None, allowed=frozenset())

    @classmethod
    def factory(cls, ports: list[str]) -> Config:
        return Config({}, {name: cls.new_port(name) for name in ports})

    # config

    def run_config(self, words: list[str]) -> Done | str:
        if not self.as_root:
            raise Failed("Root privileges are required for this operation")
        group = {
            "vlan": self._vlan, "interface": self._interface, "switchport": self._switchport, "save": self._save, "reload": self._reload,
            "checkpoint": self._checkpoint, "rollback": self._rollback, "delete-checkpoint": self._delete_checkpoint,
            "list-checkpoints": self._list_checkpoints, "apply-patch": self._no_patch, "portchannel": self._portchannel}
        if not words or words[0] not in group:
            raise _usage("config", f'No such command "{words[0]}".' if words else "Missing command.")
        return group[words[0]](words[1:])

    def _number(self, text: str, where: str) -> int:
        if not text.isdigit():
            raise _usage(where, f"{text} is not integer")
        if int(text) == 1 and "add" in where:
            raise _usage(where, "Vlan1 is default VLAN")
        if not 2 <= int(text) <= 4094:
            raise _usage(where, f"Invalid VLAN ID {text} (2-4094)")
        return int(text)

    def _vlan(self, words: list[str]) -> str:
        if words[:1] == ["member"]:
            return self._member(words[1:])
        if words[:1] not in (["add"], ["del"]):
            raise _usage("config vlan", f'No such command "{words[0]}".' if words else "Missing command.")
        where = f"config vlan {words[0]}"
        plain = [word for word in words[1:] if not word.startswith("-")]
        if len(plain) != 1:
            raise _usage(where, 'Missing argument "<vid>".' if not plain else f"Got unexpected extra argument ({plain[1]})")
        for number in [self._number(text, where) for text in (_several(plain[0]) if "-m" in words else plain)]:
            if words[0] == "add":
                if number in self.config.vlans:
                    raise _usage(where, f"Vlan{number} already exists.")
                self.config.vlans[number] = f"Vlan{number}"
            else:
                if number not in self.config.vlans:
                    raise _usage(where, f"Vlan{number} does not exist")
                if any(number in port.allowed | {port.native} for port in self.config.ports.values()):
                    raise _usage(where, f"VLAN ID {number} can not be removed. First remove all members assigned to this VLAN.")
                del self.config.vlans[number]
        self.changed(f"vlan {words[0]} {plain[0]}")
        return ""

    def _member(self, words: list[str]) -> str:
        if words[:1] not in (["add"], ["del"]):
            raise _usage("config vlan member", f'No such command "{words[0]}".' if words else "Missing command.")
        where = f"config vlan member {words[0]}"
        untagged = any(word in ("-u", "--untagged") for word in words)
        plain = [word for word in words[1:] if not word.startswith("-")]
        if len(plain) != 2:
            raise _usage(where, 'Missing argument "port".' if len(plain) < 2 else f"Got unexpected extra argument ({plain[2]})")
        name = plain[1]
        for number in [self._number(text, where) for text in (_several(plain[0]) if "-m" in words else plain[:1])]:
            port = self.config.ports.get(name)
            if number not in self.config.vlans:
                raise _usage(where, f"Vlan{number} does not exist")
            inside = port is not None and number in port.allowed | {port.native}
            if words[0] == "del":
                if not inside or port is None:
                    raise _usage(where, f"{name} is not a member of Vlan{number}")
                port.allowed -= {number}
                if port.native == number:
                    port.native, port.untagged = None, frozenset()
                continue
            if inside:
                raise _usage(where, f"{name} is already a member of Vlan{number}")
            self._may_join(where, port, name, untagged)
            assert port
            if untagged:
                port.native, port.untagged = number, frozenset({number})
            else:
                port.allowed |= {number}
        self.changed(f"vlan member {words[0]} {' '.join(plain)}")
        return ""

    @staticmethod
    def _may_join(where: str, port: Port | None, name: str, untagged: bool) -> None:
        if port is None:
            raise _usage(where, f"{name} does not exist")
        if port.channel:
            raise _usage(where, f"{name} is part of portchannel!")
        if untagged and port.native:
            raise _usage(where, f"{name} is already untagged member!")
        if port.mode == "routed":
            raise _usage(where, f"{name} is in routed mode!\nUse switchport mode command to change port mode")
        if port.mode == "access" and not untagged:
            raise _usage(where, f"{name} is in access mode! Tagged Members cannot be added")

    def _switchport(self, words: list[str]) -> str:
        where = "config switchport mode"
        if len(words) != 3 or words[0] != "mode" or words[1] not in ("access", "trunk", "routed"):
            raise _usage(where, "Invalid value")
        port = self.config.ports.get(words[2])
        if port is None:
            raise _usage(where, f"{words[2]} does not exist")
        if words[1] == "access" and port.allowed:
            raise _usage(where, f"{port.name} is in trunk mode and have tagged member(s).\n"
                                f"Remove tagged member(s) from {port.name} to switch to access mode")
        if words[1] == "routed" and (port.allowed or port.native):
            raise _usage(where, f"{port.name} has untagged member(s). \n"
                                f"Remove untagged member(s) from {port.name} to switch to routed mode")
        port.mode = words[1]
        self.changed("switchport mode")
        return f"{port.name} switched to {words[1]} mode\n"

    def _interface(self, words: list[str]) -> str:
        if len(words) < 2 or words[0] not in ("mtu", "shutdown", "startup"):
            raise _usage("config interface", f'No such command "{words[0]}".' if words else "Missing command.")
        port = self.config.ports.get(words[1])
        if port is None:
            raise _usage(f"config interface {words[0]}", "Interface name is invalid. Please enter a valid interface name!!")
        if words[0] == "mtu":
            if len(words) != 3 or not words[2].isdigit() or not 68 <= int(words[2]) <= 9216:
                wrong = f'Invalid value for "<interface_mtu>": {words[-1]} is not in the valid range of 68 to 9216.'
                raise _usage("config interface mtu", wrong)
            if port.channel:
                raise _usage("config interface mtu", f"'interface_name' is in portchannel {port.channel}!")
            port.mtu = int(words[2])
        else:
            port.shutdown = words[0] == "shutdown"
        self.changed(" ".join(words))
        return ""

    def _portchannel(self, words: list[str]) -> str:
        raise _usage("config portchannel", f"{' '.join(words)} is not simulated")

    def _save(self, words: list[str]) -> str:
        if "-y" not in words:
            raise Failed("Existing files will be overwritten, continue? [y/N]: Aborted!")
        self.device.save(self.who, "config save")
        return "Running command: /usr/local/bin/sonic-cfggen -d --print-data > /etc/sonic/config_db.json\n"

    def _reload(self, words: list[str]) -> str:
        if "-y" not in words:
            raise Failed("Clear current config and reload config in config_db from the default config file(s) ? [y/N]: Aborted!")
        self.device.running.take(self.device.startup)
        self.device.note(self.who, "config reload")
        return "Stopping SONiC target ...\nRestarting SONiC target ...\n"

    def _point(self, words: list[str], where: str, there: bool = True) -> str:
        name = next((word for word in words if not word.startswith("-")), "")
        if not name:
            raise _usage(where, 'Missing argument "checkpoint-name".')
        if there and name not in self.device.checkpoints:
            raise Failed(f"Failed to {where.split()[1]}: Checkpoint {name} does not exist")
        return name

    def _checkpoint(self, words: list[str]) -> str:
        name = self._point(words, "config checkpoint", there=False)
        self.device.checkpoints[name] = self.device.running.copy()
        return "Checkpoint created successfully.\n"

    def _rollback(self, words: list[str]) -> str:
        name = self._point(words, "config rollback")
        self.device.running.take(self.device.checkpoints[name])
        self.device.note(self.who, f"rollback to {name}")
        return "Config rolled back successfully.\n"

    def _delete_checkpoint(self, words: list[str]) -> str:
        del self.device.checkpoints[self._point(words, "config delete-checkpoint")]
        return "Checkpoint deleted successfully.\n"

    def _list_checkpoints(self, _words: list[str]) -> str:
        return json.dumps(list(self.device.checkpoints), indent=4) + "\n"

    def _no_patch(self, _words: list[str]) -> str:
        raise Failed("Failed to apply patch: patches are not simulated")

    def run_sonic_db_cli(self, words: list[str]) -> str:
        """`hset` and `hdel` of a description or an MTU; no check at all, as in the real one."""
        if not self.as_root:
            raise Failed("Permission denied")
        if len(words) < 4 or words[0] != "CONFIG_DB" or words[1].lower() not in ("hset", "hdel"):
            raise Failed(f"sonic-db-cli: {' '.join(words)} is not simulated")
        _table, _bar, name = words[2].partition("|")
        port = self.config.ports.get(name)
        for key, value in zip(words[3::2], words[4::2]) if words[1].lower() == "hset" else ((key, "") for key in words[3:]):
            if port and key == "description":
                port.description = value
            elif port and key == "mtu":
                port.mtu = int(value) if value else None
        self.changed("CONFIG_DB")
        return "0\n"

    # show

    def run_show(self, words: list[str]) -> str:
        shows: dict[str, Any] = {
            "runningconfiguration all": lambda: json.dumps(self._tables(self.device.running), indent=4) + "\n",
            "vlan config": self._show_vlans, "vlan brief": self._show_brief, "mac": self._show_macs,
            "interfaces switchport config": self._show_switchport,
            "version": lambda: VERSION.format(self.device.identity), "platform summary": lambda: PLATFORM.format(self.device.identity),
            "lldp table": self._show_lldp, "interfaces status": self._show_status, "lldp neighbors": self._show_lldp}
        text = " ".join(words)
        if text not in shows:
            raise _usage("show", f'No such command "{text}".')
        return str(shows[text]())

    def _tables(self, config: Config) -> dict[str, Any]:
        me = self.device.identity
        tables: dict[str, Any] = {
            "DEVICE_METADATA": {"localhost": {"hostname": me.name, "hwsku": me.model, "mac": me.mac, "type": "LeafRouter"}},
            "PORT": {}, "PORTCHANNEL": {}, "PORTCHANNEL_MEMBER": {}, "VLAN": {}, "VLAN_MEMBER": {}}
        for port in config.ports.values():
            entry = {"admin_status": "down" if port.shutdown else "up", "mtu": str(port.mtu or 9100)}
            entry.update({"description": port.description} if port.description else {}, **({"mode": port.mode} if port.mode else {}))
            if port.name.startswith("Ethernet"):
                entry.update(alias=f"etp{int(port.name[8:]) // 4 + 1}", speed="100000", lanes=port.name[8:])
            tables["PORTCHANNEL" if port.name.startswith("PortChannel") else "PORT"][port.name] = entry
            if port.channel:
                tables["PORTCHANNEL_MEMBER"][f"{port.channel}|{port.name}"] = {}
        for number in sorted(config.vlans):
            tables["VLAN"][f"Vlan{number}"] = {"vlanid": str(number)}
            for name, how in self._members(config, number):
                tables["VLAN_MEMBER"][f"Vlan{number}|{name}"] = {"tagging_mode": how}
        return {name: table for name, table in tables.items() if table}

    @staticmethod
    def _members(config: Config, number: int) -> list[tuple[str, str]]:
        return [(port.name, "untagged" if number == port.native else "tagged")
                for port in config.ports.values() if number in port.allowed | {port.native}]

    def _show_vlans(self) -> str:
        config, lines = self.device.running, ["Name        VID  Member        Mode", "--------  -----  ------------  --------"]
        for number in sorted(config.vlans):
            members = self._members(config, number) or [("", "")]
            lines += [f"Vlan{number:<6} {number:>4}  {name:<12}  {how}".rstrip() for name, how in members]
        return "\n".join(lines) + "\n"

    def _show_brief(self) -> str:
        config = self.device.running
        rule = "+-----------+--------------+--------------+----------------+-------------+"
        lines = [rule, "|   VLAN ID | IP Address   | Ports        | Port Tagging   | Proxy ARP   |", rule.replace("-", "=")]
        for number in sorted(config.vlans):
            rows = self._members(config, number) or [("", "")]
            lines += [f"| {number if not at else '':>9} |              | {name:<12} | {how:<14} | {'disabled' if not at else '':<11} |"
                      for at, (name, how) in enumerate(rows)] + [rule]
        return "\n".join(lines) + "\n"

    def _show_switchport(self) -> str:
        lines = ["Interface    Mode    Untagged    Tagged", "-----------  ------  ----------  ----------"]
        for port in self.device.running.ports.values():
            mode = port.mode or ("trunk" if port.allowed else "access" if port.native else "routed")
            lines.append(f"{port.name:<12} {mode:<7} {port.native or '':<11} {fold(port.allowed)}".rstrip())
        return "\n".join(lines) + "\n"

    def _show_status(self) -> str:
        lines = ["  Interface    Lanes    Speed    MTU    FEC    Alias    Vlan    Oper    Admin",
                 "-----------  -------  -------  -----  -----  -------  ------  ------  -------"]
        for port in self.device.running.ports.values():
            vlan = "trunk" if port.allowed or port.native else port.channel or "routed"
            state, admin = "up" if port.link and not port.shutdown else "down", "down" if port.shutdown else "up"
            start = f"{port.name:>11}  {'0':>7}  {'100G':>7}  {port.mtu or 9100:>5}  {'N/A':>5}"
            lines.append(f"{start}  {'':>7}  {vlan:>6}  {state:>6}  {admin:>7}")
        return "\n".join(lines) + "\n"

    def _show_lldp(self) -> str:
        heard = self.device.neighbours
        lines = ["Capability codes: (R) Router, (B) Bridge, (O) Other",
                 "LocalPort    RemoteDevice    RemotePortID       Capability    RemotePortDescr",
                 "-----------  --------------  -----------------  ------------  -----------------"]
        lines += [f"{each.port:<12} {each.system:<15} {each.remote_port:<18} {'B' if each.bridge else 'O':<13} {each.remote_port}"
                  for each in heard]
        return "\n".join([*lines, "--------------------------------------------------", f"Total entries displayed:  {len(heard)}"]) + "\n"

    def _show_macs(self) -> str:
        lines = ["  No.    Vlan  MacAddress         Port        Type", "-----  ------  -----------------  ----------  -------"]
        lines += [f"{at:>5}  {each.vlan:>6}  {each.mac.upper()}  {each.port:<10}  Dynamic" for at, each in enumerate(self.device.macs, 1)]
        return "\n".join([*lines, f"Total number of entries {len(self.device.macs)}"]) + "\n"


def _usage(where: str, error: str) -> Failed:
    return Failed(f'Usage: {where} [OPTIONS]\nTry "{where} -h" for help.\n\nError: {error}', 2)


def _several(text: str) -> list[str]:
    """`10,20-22` as single numbers."""
    found: list[str] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        found += [str(each) for each in range(int(first), int(last) + 1)] if dash and first.isdigit() and last.isdigit() else [part]
    return found
