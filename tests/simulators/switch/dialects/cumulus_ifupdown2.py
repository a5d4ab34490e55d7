"""Cumulus Linux configured through /etc/network/interfaces and ifupdown2.

Sources: the manual of Cumulus Linux (VLAN-aware bridges), ifupdown2's man pages and program text; ifupdown2 3.0.0 on Debian 12 for
what it says and what it passes over.

What bites: the file is the saved configuration, so that what stands there and was not reloaded comes at the next start; a port without
`bridge-vids` carries every VLAN of the bridge, one with a list nothing else; `bridge-access` beside a list wins; a key that ifupdown2 does
not know is passed over without a word; a VLAN needs no entry in the bridge to be carried from port to port.
"""

from __future__ import annotations

from ..model import Device
from ..shell import Done, Failed
from .cumulus import FILE, Cumulus


class Ifupdown2(Cumulus):
    platform = "cumulus_ifupdown2"
    version = "5.6.0"
    greeting = "Welcome to a simulated Cumulus Linux."

    @classmethod
    def prepare(cls, device: Device) -> None:
        super().prepare(device)
        device.files[FILE] = cls.rendered(device.running)

    def run_ifreload(self, words: list[str]) -> Done:
        if "-a" not in words or set(words) - {"-a", "-s", "-v", "-d", "--syntax-check", "--all"}:
            raise Failed("usage: ifreload [-h] (-a|-c) [-v] [-d] [-w] [-n] [-e EXCLUDEPATS] [-u] [-s] [-f]", 2)
        return self.reload(check_only="-s" in words or "--syntax-check" in words)

    def run_ifquery(self, words: list[str]) -> str:
        """`ifquery -a` prints the stanzas."""
        if "-a" not in words:
            raise Failed("usage: ifquery [-h] [-a] [-v] [-d] [--allow CLASS] ...", 2)
        return self.device.files[FILE]
