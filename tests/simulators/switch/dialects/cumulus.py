"""What the three ways to configure Cumulus Linux share: the bridge, the file of ifupdown2, and what Linux itself says.

In the model a port in the bridge is access or trunk, one outside is routed. A trunk without a list of its own carries all VLANs of the
bridge (`inherits` has vids), one without an untagged VLAN of its own has the bridge's (pvid).
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from ..linux import Shell
from ..model import Config, Device, Neighbour, Port
from ..shell import Done, Failed
from ..vlans import expand, runs

FILE = "/etc/network/interfaces"
MTU = 9216      # what a port has that is told nothing
KEYS = {
    "alias", "mtu", "bridge-access", "bridge-pvid", "bridge-vids", "bridge-allow-untagged", "bond-slaves", "bond-mode", "bridge-ports",
    "bridge-vlan-aware", "bridge-stp", "address", "link-down", "vlan-id", "vlan-raw-device", "mstpctl-bpduguard", "link-speed"}
EEPROM = """\
TlvInfo Header:
   Id String:    TlvInfo
   Version:      1
   Total Length: 74
TLV Name             Code Len Value
-------------------- ---- --- -----
Product Name         0x21  {1:>2} {0.model}
Serial Number        0x23  {2:>2} {0.serial}
Base MAC Address     0x24   6 {0.mac}
Vendor Name          0x2D   9 simulated
CRC-32               0xFE   4 0x00000000
(checksum valid)
"""


class Cumulus(Shell):
    """A VLAN-aware bridge on Linux."""

    model = "MSN3700C(simulated)"
    bridge: ClassVar[str] = "bridge"

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        return [f"swp{number}" for number in range(1, count + 1)]

    @classmethod
    def port_name(cls, text: str) -> str:
        if not re.fullmatch(r"swp\d+(s\d)?|[A-Za-z][A-Za-z0-9_.-]{0,14}", text):
            raise ValueError(text)
        return text

    @classmethod
    def new_port(cls, name: str) -> Port:
        return Port(name, mode="trunk", untagged=frozenset({1}), inherits=frozenset({"vids", "pvid"}))

    @classmethod
    def factory(cls, ports: list[str]) -> Config:
        """All ports in the bridge, with what it has."""
        return Config({1: ""}, {name: cls.new_port(name) for name in ports}, loose=True)

    @classmethod
    def prepare(cls, device: Device) -> None:
        me = device.identity
        device.files["/etc/lsb-release"] = f'DISTRIB_ID="Cumulus Linux"\nDISTRIB_RELEASE={me.version}\nDISTRIB_DESCRIPTION="simulated"\n'
        device.files["/etc/hostname"] = f"{me.name}\n"
        for config in (device.running, device.startup):
            for port in config.ports.values():
                port.allowed = frozenset(config.vlans) if "vids" in port.inherits else port.allowed

    def net_devices(self) -> list[str]:
        return ["lo", "eth0", self.bridge, *self.device.running.ports]

    # What Linux says.

    def run_decode_syseeprom(self, _words: list[str]) -> str:
        self.need_root("decode-syseeprom")
        me = self.device.identity
        return EEPROM.format(me, len(me.model), len(me.serial))

    def run_lldpctl(self, words: list[str]) -> str:
        heard = self.device.neighbours
        if words != ["-f", "json"]:
            return "".join(f"Interface:    {each.port}, via: LLDP\n    SysName:      {each.system}\n"
                           f"    PortID:       ifname {each.remote_port}\n" for each in heard)
        entries = [{each.port: _lldp(each)} for each in heard]
        inside: Any = entries[0] if len(entries) == 1 else entries
        return json.dumps({"lldp": {"interface": inside} if entries else {}}, indent=2) + "\n"

    def run_ip(self, words: list[str]) -> str:
        """`ip -j link show`."""
        if words[:2] != ["-j", "link"] or words[2:] not in ([], ["show"]):
            raise Failed(f'Object "{" ".join(words)}" is unknown, try "ip help".', 255)
        sizes = {"lo": 65536, "eth0": 1500, **{port.name: port.mtu or MTU for port in self.device.running.ports.values()}}
        return json.dumps([{"ifindex": number, "ifname": name, "mtu": sizes.get(name, MTU), "operstate": "UP"}
                           for number, name in enumerate(self.net_devices(), 1)]) + "\n"

    def run_bridge(self, words: list[str]) -> str:
        """`bridge [-j] vlan|fdb show`."""
        as_json = bool(words) and words[0] in ("-j", "-json")
        what = [word for word in words if not word.startswith("-")]
        if what[:1] == ["fdb"]:
            rows = [{"mac": each.mac, "ifname": each.port, "vlan": each.vlan, "flags": [], "master": self.bridge, "state": ""}
                    for each in self.device.macs]
            rows.append({"mac": self.device.identity.mac, "ifname": self.bridge, "flags": [], "master": self.bridge, "state": "permanent"})
            lines = [f"{row['mac']} dev {row['ifname']} vlan {row.get('vlan', 0)} master {self.bridge} {row['state']}" for row in rows]
            return f"{json.dumps(rows)}\n" if as_json else "\n".join([*lines, ""])
        if what[:1] != ["vlan"]:
            raise Failed(f'Object "{" ".join(what)}" is unknown, try "bridge help".', 255)
        ports = self.device.running.ports.values()
        table: list[dict[str, Any]] = [{"ifname": port.name, "vlans": _kernel(self.device.running, port)} for port in ports]
        table = [row for row in table if row["vlans"]]
        if as_json:
            return json.dumps(table) + "\n"
        told = ["port\tvlan ids"]
        for row in table:
            for at, entry in enumerate(row["vlans"]):
                span = f"{entry['vlan']}-{entry['vlanEnd']}" if "vlanEnd" in entry else entry["vlan"]
                told.append(f"{'' if at else row['ifname']}\t {span}{' PVID Egress Untagged' if 'flags' in entry else ''}")
        return "\n".join(told) + "\n"

    # The file.

    def written(self, path: str) -> None:
        if path == FILE:
            try:
                self.device.startup.take(self.parsed())
            except Failed:
                return          # a start would fail too; what was there before stays the best guess

    def parsed(self) -> Config:
        """The configuration that the file describes; Failed names the lines that ifupdown2 would not take."""
        stanzas, errors = self._stanzas()
        config = Config(loose=True)
        main = next((lines for lines in stanzas.values() if lines.get("bridge-vlan-aware") == "yes"), {})
        own = int(main.get("bridge-pvid", "1"))
        config.vlans = dict.fromkeys(sorted(_ids(main.get("bridge-vids", ""), errors, "bridge: bridge-vids") | {own}), "")
        inside = main.get("bridge-ports", "").split()
        bonds = {name: lines["bond-slaves"].split() for name, lines in stanzas.items() if "bond-slaves" in lines}
        for name in [*(each for each in self.device.running.ports if each.startswith("swp")), *bonds]:
            config.ports[name] = self._from_lines(config, name, stanzas.get(name, {}), own, name in inside, errors)
        for name, members in bonds.items():
            for member in members:
                if member in config.ports:
                    config.ports[member].channel = name
        if errors:
            raise Failed("\n".join(errors))
        return config

    def _stanzas(self) -> tuple[dict[str, dict[str, str]], list[str]]:
        stanzas: dict[str, dict[str, str]] = {}
        errors: list[str] = []
        at: dict[str, str] | None = None
        for number, line in enumerate(self.device.files.get(FILE, "").split("\n"), 1):
            words = line.split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "iface" and len(words) == 2:
                at = stanzas.setdefault(words[1].split()[0], {})
            elif words[0] in ("auto", "allow-hotplug", "source", "source-directory") or words[0].startswith("allow-"):
                at = None
            elif at is None:
                errors.append(f"error: {FILE}: line{number}: unprocessed line '{line.strip()}'")
            elif words[0] in KEYS:      # it says nothing of a key that it does not know
                at[words[0]] = words[1].strip() if len(words) == 2 else ""
        return stanzas, errors

    @staticmethod
    def _from_lines(config: Config, name: str, lines: dict[str, str], own: int, bridged: bool, errors: list[str]) -> Port:
        port = Port(name, mode="trunk" if bridged else "routed", native=own, description=lines.get("alias", ""),
                    mtu=int(lines["mtu"]) if lines.get("mtu", "").isdigit() else None, shutdown=lines.get("link-down") == "yes")
        if "bridge-access" in lines:
            ids = _ids(lines["bridge-access"], errors, f"{name}: bridge-access")
            port.mode, port.access = ("access" if bridged else "routed"), min(ids, default=1)
            return port
        port.inherits = frozenset(word for word in ("vids", "pvid") if f"bridge-{word}" not in lines)
        port.allowed = _ids(lines["bridge-vids"], errors, f"{name}: bridge-vids") if "bridge-vids" in lines else frozenset(config.vlans)
        port.native = min(_ids(lines["bridge-pvid"], errors, f"{name}: bridge-pvid"), default=own) if "bridge-pvid" in lines else own
        port.native = None if lines.get("bridge-allow-untagged") == "no" else port.native
        port.untagged = frozenset({port.native} if port.native else ())
        return port

    @classmethod
    def rendered(cls, config: Config) -> str:
        """The file of a configuration."""
        lines = ["# This file describes the network interfaces available on your system", "",
                 "auto lo", "iface lo inet loopback", "", "auto eth0", "iface eth0 inet dhcp", ""]
        for port in config.ports.values():
            members = [each.name for each in config.members(port.name)]
            lines += [f"auto {port.name}", f"iface {port.name}"]
            lines += [f"    bond-slaves {' '.join(members)}"] if members else []
            lines += [f"    alias {port.description}"] if port.description else []
            lines += [f"    mtu {port.mtu}"] if port.mtu else []
            lines += ["    link-down yes"] if port.shutdown else []
            if port.mode == "access":
                lines.append(f"    bridge-access {port.access}")
            elif port.mode == "trunk":
                lines += [] if "vids" in port.inherits else [f"    bridge-vids {words(port.allowed)}"]
                lines += ["    bridge-allow-untagged no"] if port.native is None else []
                lines += [f"    bridge-pvid {port.native}"] if port.native and "pvid" not in port.inherits else []
            lines.append("")
        inside = [port.name for port in config.ports.values() if port.mode != "routed" and not port.channel]
        lines += [f"auto {cls.bridge}", f"iface {cls.bridge}", f"    bridge-ports {' '.join(inside) or 'none'}"]
        lines += [f"    bridge-vids {words(config.vlans.keys() - {1})}"] if config.vlans.keys() - {1} else []
        return "\n".join([*lines, "    bridge-vlan-aware yes", ""])

    def reload(self, check_only: bool = False) -> Done:
        """`ifreload -a`."""
        self.need_root("ifreload")
        config = self.parsed()
        if not check_only:
            self.device.running.take(config)
            self.device.save(self.who, "ifreload")
        return Done()


def words(ids: Any) -> str:
    """`10 20-22`, as ifupdown2 writes lists."""
    return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs(ids))


def _ids(text: str, errors: list[str], where: str) -> frozenset[int]:
    try:
        return frozenset(number for word in text.split() for number in expand(word))
    except ValueError:
        errors.append(f'warning: {where}: value of out range "{text}": valid attribute range: 1-4094')
        return frozenset()


def _kernel(config: Config, port: Port) -> list[dict[str, Any]]:
    """`bridge vlan show` of a port."""
    untagged, tagged = config.carries(port)
    rows: list[dict[str, Any]] = []
    if untagged:
        rows.append({"vlan": untagged, "flags": ["PVID", "Egress Untagged"]})
    return rows + [{"vlan": first, **({"vlanEnd": last} if last > first else {})} for first, last in runs(tagged)]


def _lldp(each: Neighbour) -> dict[str, Any]:
    return {
        "via": "LLDP", "rid": "1", "age": "0 day, 00:02:10",
        "chassis": {each.system: {"id": {"type": "mac", "value": each.chassis}, "descr": "simulated",
                                  "capability": [{"type": "Bridge", "enabled": each.bridge}]}},
        "port": {"id": {"type": "ifname", "value": each.remote_port}, "descr": each.remote_port, "ttl": "120"},
    }
