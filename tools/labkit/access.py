"""The way into a lab: `.build/lab/<name>/` with the key, the nodes' host keys, and an ssh_config that uses both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from . import switches
from .common import LabError, run
from .nodes import Lab


def ensure_key(folder: Path) -> str:
    """The lab's public key; the pair is made at first use."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = folder / "id_ed25519"
    public = key.with_suffix(".pub")
    if not (key.exists() and public.exists()):
        key.unlink(missing_ok=True)
        done = run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {folder.name}", "-f", str(key))
        if done.returncode:
            raise LabError(f"cannot make the ssh key {key}: {done.stderr.strip()}")
    return public.read_text().strip()


def write(folder: Path, lab: Lab, host_keys: Mapping[str, str], switch_addresses: Mapping[str, str]) -> None:
    """Write known_hosts for the nodes, and ssh_config for all."""
    (folder / "known_hosts").write_text(known_hosts(lab, host_keys))
    (folder / "ssh_config").write_text(ssh_config(folder, lab, switch_addresses))


def known_hosts(lab: Lab, host_keys: Mapping[str, str]) -> str:
    """One line a node, by name and by address."""
    return "".join(f"{node},{lab.addresses[node]} {key}\n" for node, key in host_keys.items())


def ssh_config(folder: Path, lab: Lab, switch_addresses: Mapping[str, str]) -> str:
    """For `ssh -F`: each node and switch by name or address, with the lab's key and host keys, and nothing from elsewhere."""
    blocks = [
        f"# Made by tools/lab.py for the lab {lab.name}.\n",
        *(f"Host {node} {address}\n  HostName {address}\n" for node, address in lab.addresses.items()),
        *(
            f"Host {name} {address}\n  HostName {address}\n  Port {switches.PORT}\n  User {switches.USER}\n"
            for name, address in switch_addresses.items()
        ),
        "Host *\n"
        "  User root\n"
        f'  IdentityFile "{folder}/id_ed25519"\n'
        "  IdentitiesOnly yes\n"
        f'  UserKnownHostsFile "{folder}/known_hosts" "{folder}/switches/known_hosts"\n'
        "  GlobalKnownHostsFile none\n"
        "  StrictHostKeyChecking yes\n"
        "  ConnectTimeout 10\n",
    ]
    return "\n".join(blocks)
