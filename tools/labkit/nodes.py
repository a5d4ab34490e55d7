"""The nodes of a lab: which containers there should be, which there are, and the way in by ssh."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from .common import LABEL, LabError, last_line, podman, podman_json, run, say

SPEC_LABEL = f"{LABEL}.spec"  # a container or network whose spec differs from the wanted one is remade
SHARED = "/srv/shared"  # stands for the file server of a real cluster
BOOT_DEADLINE = 120  # seconds; a node boots in 2 to 5, or in 30 when many share two cores
STILL_GOOD_DEADLINE = 15
BOOTED = ("running", "degraded")

T = TypeVar("T")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class Lab:
    """What the lab of one cluster file consists of."""

    name: str
    subnet: ipaddress.IPv4Network
    gateway: str  # of the network; podman answers there
    mtu: int
    addresses: Mapping[str, str]  # node name -> management address
    network: str  # the name of its podman network
    releases: Mapping[str, str]  # node name -> Debian's name of the release that it has

    def container(self, node: str) -> str:
        """The name of the node's container."""
        return f"{self.name}-{node}"

    @property
    def volume(self) -> str:
        """The name of the volume that all nodes share."""
        return f"clusterwright-{self.name}"

    def network_command(self) -> list[str]:
        """The podman command that makes the network."""
        command = ["network", "create", f"--subnet={self.subnet}", f"--gateway={self.gateway}", f"--opt=mtu={self.mtu}"]
        return [*command, f"--label={LABEL}={self.name}", f"--label={SPEC_LABEL}={_digest(command)}", self.network]

    def run_command(self, node: str, image: str) -> list[str]:
        """The podman command that makes and starts the node's container."""
        # --no-hosts: a bind mount on /etc/hosts could not be replaced by the role that manages the file.
        # A MAC that follows from the address: a remade node answers at once, whatever ARP caches hold.
        address = ipaddress.IPv4Address(self.addresses[node])
        options = [
            f"--hostname={node}", "--systemd=always", "--privileged", "--no-hosts", "--tmpfs=/tmp", "--pull=never",
            f"--network={self.network}", f"--ip={address}", f"--mac-address=02:00:{address.packed.hex(':')}",
            f"--volume={self.volume}:{SHARED}",
        ]  # fmt: skip
        spec = _digest([*self.network_command(), *options, image])
        labels = [f"--label={LABEL}={self.name}", f"--label={SPEC_LABEL}={spec}"]
        return ["run", "-d", "--replace", f"--name={self.container(node)}", *labels, *options, image, "/sbin/init"]


def lab_of(name: str, addresses: Mapping[str, str], cluster_networks: Mapping[str, Any], releases: Mapping[str, str]) -> Lab:
    """The lab for nodes with these management addresses and releases; networks have subnet, gateway (or None) and mtu."""
    if not addresses:
        raise LabError(f"cluster {name} has no nodes, so there is no lab to make")
    parsed = [ipaddress.IPv4Address(address) for address in addresses.values()]
    for network in cluster_networks.values():
        if all(address in network.subnet for address in parsed):
            # The cluster file need not name a gateway, but podman wants an address of its own that no node has.
            gateway = network.gateway or next(address for address in network.subnet.hosts() if address not in parsed)
            return Lab(name, network.subnet, str(gateway), network.mtu or 1500, addresses, f"clusterwright-{name}", releases)
    raise LabError(f"cluster {name}: the management addresses lie in no single network; the lab has one network for all nodes")


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]


def spec_of(command: Iterable[str]) -> str:
    """The spec label that a command of ours sets."""
    return next(word.split("=", 2)[2] for word in command if word.startswith(f"--label={SPEC_LABEL}="))


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to do to get from the containers that exist to the wanted ones, as node names; `remove` has container names."""

    create: tuple[str, ...] = ()
    remake: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def plan(lab: Lab, image_of: Mapping[str, str], existing: Iterable[Mapping[str, Any]]) -> Plan:
    """Compare the wanted containers with podman's list (its JSON: Names, State, Labels)."""
    there = {item["Names"][0]: item for item in existing}
    create, remake, keep = [], [], []
    for node in lab.addresses:
        found = there.pop(lab.container(node), None)
        if found is None:
            create.append(node)
        elif found["State"] == "running" and found["Labels"].get(SPEC_LABEL) == spec_of(lab.run_command(node, image_of[node])):
            keep.append(node)
        else:
            remake.append(node)
    return Plan(tuple(create), tuple(remake), tuple(keep), tuple(sorted(there)))


def existing(name: str) -> list[dict[str, Any]]:
    """The containers of the lab, whatever their state."""
    listed: list[dict[str, Any]] = podman_json("ps", "-a", "--filter", f"label={LABEL}={name}")
    return listed


def remove(containers: Iterable[str]) -> None:
    """Remove containers at once: what runs in them is the lab's own and needs no goodbye."""
    names = list(containers)
    if names:
        podman("rm", "-f", "-v", "-t", "0", *names)


def networks(name: str) -> list[dict[str, Any]]:
    """The podman networks of the lab."""
    listed: list[dict[str, Any]] = podman_json("network", "ls", "--filter", f"label={LABEL}={name}")
    return listed


def remove_all(name: str) -> tuple[int, int]:
    """Remove the lab's containers and networks; return how many there were of each."""
    containers = [item["Names"][0] for item in existing(name)]
    remove(containers)
    there = [item["name"] for item in networks(name)]
    if there:
        podman("network", "rm", "-f", *there)
    return len(containers), len(there)


def ensure_network(lab: Lab) -> Lab:
    """Make the lab's network, or remake it where the cluster file changed; return the lab with the network's real name."""
    command = lab.network_command()
    there = networks(lab.name)
    if [item.get("labels", {}).get(SPEC_LABEL) for item in there] == [spec_of(command)]:
        return dataclasses.replace(lab, network=there[0]["name"])
    remove_all(lab.name)
    remove_orphan_bridges(lab)
    done = run("podman", *command)
    if done.returncode:
        raise LabError(
            f"network {lab.subnet}: podman cannot make it: {last_line(done.stderr)}; is the subnet in use on this machine? "
            "Change it in the cluster file, or end what uses it (`podman network ls`, `ip route`)"
        )
    say(f"network {lab.network}: {lab.subnet}")
    return lab


def ensure_volume(lab: Lab) -> None:
    """Make the volume that all nodes share, unless it is there."""
    if not podman("volume", "ls", "-q", "--filter", f"label={LABEL}={lab.name}").split():
        podman("volume", "create", f"--label={LABEL}={lab.name}", lab.volume)


def remove_orphan_bridges(lab: Lab) -> None:
    """Remove the bridge that a podman killed half-way left behind: with our gateway's address, and in no podman network."""
    owned = {item.get("network_interface") for item in podman_json("network", "ls")}
    wanted = f"{lab.gateway}/{lab.subnet.prefixlen}"
    for line in run("ip", "-o", "-4", "address").stdout.splitlines():
        _, interface, _, address = line.split()[:4]
        if address == wanted and re.fullmatch(r"podman\d+", interface) and interface not in owned:
            run("ip", "link", "delete", interface)
            say(f"removed the bridge {interface}, left behind by an interrupted podman")


class AddressHeld(LabError):
    """Podman was killed and still holds a node's address for a container that is gone.

    It keeps that by the network's name until the machine boots, so a network under another name is the way out.
    """


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results in order; the first error ends it, and work that has not begun is dropped."""
    pool = ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 2))
    try:
        return list(pool.map(work, items))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except LabError:
        pool.shutdown(cancel_futures=True)
        raise


def start(lab: Lab, node: str, image: str, key: str) -> str:
    """Make the node's container and wait for it; return its ssh host key."""
    begun = time.monotonic()
    # A daemon that hangs must not make the lab hang.
    done = run("podman", *lab.run_command(node, image), timeout=BOOT_DEADLINE)
    if done.returncode:
        kind = AddressHeld if "already allocated" in done.stderr else LabError
        raise kind(f"node {node}: podman cannot start its container: {last_line(done.stderr)}")
    host_key = introduce(lab, node, key, BOOT_DEADLINE)
    say(f"{node}: up at {lab.addresses[node]} in {time.monotonic() - begun:.1f} s")
    return host_key


def check(lab: Lab, node: str, key: str) -> str | None:
    """The ssh host key of a node that is kept, or None where the node turns out broken."""
    try:
        return introduce(lab, node, key, STILL_GOOD_DEADLINE)
    except LabError:
        return None


def introduce(lab: Lab, node: str, key: str, deadline: float) -> str:
    """Wait until the node has booted, let the lab's key in, and return the node's ssh host key.

    What an installer does: the administrator's key, and a hosts file. The lines that this machine's own file has beyond
    itself go along, because the addresses of package sources may be known from nowhere else.
    """
    container = lab.container(node)
    end = time.monotonic() + deadline
    state = ""
    while state not in BOOTED:
        if time.monotonic() > end:
            raise LabError(f"node {node} has not booted after {deadline:.0f} s (systemd says {state or 'nothing'!r}){_log_of(container)}")
        done = run("podman", "exec", container, "systemctl", "is-system-running", "--wait", timeout=max(1, end - time.monotonic()))
        state = done.stdout.strip()
        if state not in BOOTED:
            time.sleep(0.2)
    script = (
        # The hosts file only on a new node: later it is a role's.
        "umask 077; IFS= read -r key; keys=/root/.ssh/authorized_keys;"
        " [ -e $keys ] || { mkdir -p /root/.ssh; cat > /etc/hosts; chmod 644 /etc/hosts; };"
        ' grep -qxF "$key" $keys 2>/dev/null || printf "%s\\n" "$key" >> $keys;'
        " cat /etc/ssh/ssh_host_ed25519_key.pub"
    )
    done = run("podman", "exec", "-i", container, "sh", "-c", script, stdin=f"{key}\n{hosts_file(lab, node)}", timeout=30)
    words = done.stdout.split()
    if done.returncode or len(words) < 2:
        raise LabError(f"node {node} runs no ssh server: {done.stderr.strip() or 'it has no host key'}{_log_of(container)}")
    wait_for_ssh(f"node {node}", lab.addresses[node], end)
    return " ".join(words[:2])


def wait_for_ssh(what: str, address: str, end: float, port: int = 22) -> None:
    """Wait until an ssh server greets at the address; `end` is a time of time.monotonic()."""
    while True:
        try:
            with socket.create_connection((address, port), timeout=2) as connection:
                if connection.recv(4) == b"SSH-":
                    return
                reason = "something else than ssh answers"
        except OSError as error:
            reason = str(error)
        if time.monotonic() > end:
            raise LabError(f"{what} does not answer by ssh at {address}: {reason}")
        time.sleep(0.2)


def hosts_file(lab: Lab, node: str, own: str | None = None) -> str:
    """The node's first /etc/hosts; `own` is the text of this machine's."""
    text = Path("/etc/hosts").read_text() if own is None else own
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", f"{lab.addresses[node]} {node}"]
    for line in text.splitlines():
        words = line.split("#")[0].split()
        try:
            if len(words) > 1 and not ipaddress.ip_address(words[0]).is_loopback and words[0] not in lab.addresses.values():
                lines.append(" ".join(words))
        except ValueError:
            continue
    return "\n".join(lines) + "\n"


def _log_of(container: str) -> str:
    journal = run("podman", "exec", container, "journalctl", "-q", "--no-pager", "-n", "12", "-p", "warning", timeout=10).stdout
    log = (journal or run("podman", "logs", "--tail", "12", container, timeout=10).stdout).rstrip()
    return f"; the last lines of its log:\n{log}" if log else "; it left no log"
