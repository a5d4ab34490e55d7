"""Real forwarding behind simulated switches: Open vSwitch's userspace datapath, with hosts in network namespaces.

    with Datapath() as wires:
        wires.host("a", leaf, "Ethernet1", "10.0.0.1/24")
        wires.host("b", leaf, "Ethernet2", "10.0.0.2/24", vlan=300)     # tags its frames
        wires.link(leaf, "Ethernet49", spine, "Ethernet1")
        assert wires.pings("a", "b")

Each ping first brings the datapath to the switches' running configurations, so that what is asked is what holds now. All of it lives in a
network and a mount namespace of its own and is gone afterwards. Needs root, and the packages openvswitch-switch, iproute2 and iputils-ping.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from .fabric import Switch
from .vlans import runs

PROGRAMS = {"ovs-vswitchd": "openvswitch-switch", "ovsdb-server": "openvswitch-switch", "ip": "iproute2", "ping": "iputils-ping",
            "unshare": "util-linux", "nsenter": "util-linux"}
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
NOTHING = "vlan_mode=trunk trunks=[4095]"


def missing() -> str:
    """Why there can be no datapath here; empty if there can."""
    absent = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if absent:
        return f"these packages are missing: {' '.join(absent)}"
    if os.geteuid():
        return "network namespaces need root"
    tried = subprocess.run(["unshare", "-nm", "true"], capture_output=True, text=True, check=False)
    return f"no network namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


class Plug(NamedTuple):
    """A port of a switch that has a wire in it."""

    switch: Switch
    port: str
    interface: str


class Datapath:
    """The wires between switches and hosts."""

    def __init__(self) -> None:
        self._plugs: list[Plug] = []
        self._bridges: dict[int, str] = {}
        self._hosts: dict[str, str] = {}
        self._set: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def __enter__(self) -> Datapath:
        self._place = Path(tempfile.mkdtemp(prefix="datapath-"))
        self._holder = subprocess.Popen(["unshare", "-nm", "sleep", "infinity"])
        self._env = {**os.environ, **{f"OVS_{key}": str(self._place) for key in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")}}
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _start(self) -> None:
        own = Path(f"/proc/{self._holder.pid}/ns/net")
        while own.readlink() == Path("/proc/self/ns/net").readlink():
            if self._holder.poll() is not None:
                raise RuntimeError("unshare ended")
        self._run("mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up")
        self._run(f"ovsdb-tool create {self._place}/conf.db {SCHEMA}")
        self._run(f"ovsdb-server {self._place}/conf.db --remote=punix:{self._place}/db.sock --detach --no-chdir "
                  f"--pidfile={self._place}/db.pid --log-file={self._place}/db.log")
        self._run("ovs-vsctl --no-wait init")
        self._run(f"ovs-vswitchd unix:{self._place}/db.sock --disable-system --detach --no-chdir "
                  f"--pidfile={self._place}/vswitchd.pid --log-file={self._place}/vswitchd.log")

    def close(self) -> None:
        """Take all down."""
        for name in ("vswitchd", "db"):
            pidfile = self._place / f"{name}.pid"
            if pidfile.exists():
                subprocess.run(["kill", pidfile.read_text().strip()], check=False)
        self._holder.kill()
        self._holder.wait()
        shutil.rmtree(self._place, ignore_errors=True)

    def _run(self, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A shell script inside the namespaces."""
        done = subprocess.run(["nsenter", "-t", str(self._holder.pid), "-n", "-m", "sh", "-c", script],
                              env=self._env, capture_output=True, text=True, check=False, timeout=30)
        if check and done.returncode:
            raise RuntimeError(f"{script}: {done.stdout}{done.stderr}")
        return done

    # Wires.

    def _bridge(self, switch: Switch) -> str:
        """The bridge that forwards for a switch."""
        if id(switch) not in self._bridges:
            self._bridges[id(switch)] = name = f"br{next(self._numbers)}"
            self._run(f"ovs-vsctl add-br {name} -- set bridge {name} datapath_type=netdev fail_mode=standalone")
        return self._bridges[id(switch)]

    def _plug(self, switch: Switch, port: str, interface: str) -> None:
        full = switch.dialect.port_name(port)
        if full not in switch.running.ports:
            raise ValueError(f"{switch.name} has no port {port}")
        self._plugs.append(Plug(switch, full, interface))

    def host(self, name: str, switch: Switch, port: str, address: str, vlan: int | None = None) -> None:
        """A host with an address (`10.0.0.1/24`) at a port; with `vlan` it sends and wants tagged frames."""
        number, bridge = self._host(name, address), self._bridge(switch)
        if vlan is None:
            self._run(f"ovs-vsctl add-port {bridge} v{number} {NOTHING}")
            self._plug(switch, port, f"v{number}")
        else:       # the kernel may know no VLANs: a bridge of the host's own puts the tag on
            self._run(f"ovs-vsctl add-br h{number} -- set bridge h{number} datapath_type=netdev fail_mode=standalone -- "
                      f"add-port h{number} v{number} tag={vlan}")
            self._plug(switch, port, self._patch(f"h{number}", bridge)[1])

    def cable(self, interface: str, **hosts: tuple[str, int | None]) -> None:
        """Hosts at the other end of an interface of this machine, which moves in here: the address of each, and the VLAN that it tags."""
        bridge = f"h{next(self._numbers)}"
        subprocess.run(["ip", "link", "set", interface, "netns", str(self._holder.pid)], check=True)
        self._run(f"ip link set {interface} up && ovs-vsctl add-br {bridge} -- set bridge {bridge} datapath_type=netdev "
                  f"fail_mode=standalone -- add-port {bridge} {interface}")
        for name, (address, vlan) in hosts.items():
            self._run(f"ovs-vsctl add-port {bridge} v{self._host(name, address)}" + (f" tag={vlan}" if vlan else ""))

    def _host(self, name: str, address: str) -> int:
        """A namespace with an address; v and this number is the other end of its wire."""
        number = next(self._numbers)
        self._run(f"ip netns add {name} && ip link add v{number} type veth peer name eth0 netns {name} && ip link set v{number} up && "
                  f"ip -n {name} link set lo up && ip -n {name} link set eth0 up && ip -n {name} address add {address} dev eth0")
        self._hosts[name] = address.partition("/")[0]
        return number

    def link(self, one: Switch, port: str, other: Switch, other_port: str) -> None:
        """A cable between two switches."""
        here, there = self._patch(self._bridge(one), self._bridge(other))
        self._plug(one, port, here)
        self._plug(other, other_port, there)

    def _patch(self, one: str, other: str) -> tuple[str, str]:
        """Join two bridges; the names of both ends. Nothing passes the second one until `sync` says so."""
        number = next(self._numbers)
        self._run(f"ovs-vsctl add-port {one} pa{number} -- set interface pa{number} type=patch options:peer=pb{number} -- "
                  f"add-port {other} pb{number} {NOTHING} -- set interface pb{number} type=patch options:peer=pa{number}")
        return f"pa{number}", f"pb{number}"

    # Following the switches.

    def sync(self) -> None:
        """Bring the datapath to what the switches' running configurations say."""
        wanted = {plug.interface: _settings(plug) for plug in self._plugs}
        changed = {name: text for name, text in wanted.items() if self._set.get(name) != text}
        if changed:
            self._run("ovs-vsctl " + " -- ".join(f"set port {name} {text}" for name, text in changed.items()))
            self._run("; ".join(f"ovs-appctl -t {self._place}/ovs-vswitchd.$(cat {self._place}/vswitchd.pid).ctl fdb/flush {name}"
                                for name in self._bridges.values()))
            self._set.update(changed)

    def pings(self, one: str, other: str) -> bool:
        """Whether an echo comes back; 0.6 seconds if none does."""
        self.sync()
        return self._run(f"ip netns exec {one} ping -c 2 -i 0.2 -W 0.4 -q {self._hosts[other]}", check=False).returncode == 0


def _settings(plug: Plug) -> str:
    """A port's VLANs as Open vSwitch has them. A member of a LAG does what its LAG does."""
    running = plug.switch.running
    port = running.ports[plug.port]
    if port.channel:
        lag = running.ports.get(port.channel)
        untagged, tagged = running.carries(lag) if lag and not port.shutdown else (None, frozenset())
    else:
        untagged, tagged = running.carries(port)
    trunks = ",".join(str(number) for first, last in runs(tagged) for number in range(first, last + 1))
    if untagged and not tagged:
        return f"vlan_mode=access tag={untagged} trunks=[]"
    if untagged:
        return f"vlan_mode=native-untagged tag={untagged} trunks=[{trunks}]"
    return f"vlan_mode=trunk tag=[] trunks=[{trunks}]" if trunks else f"{NOTHING} tag=[]"
