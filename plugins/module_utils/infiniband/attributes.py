# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of a fabric's nodes and ports say: pure functions over bytes.

Sources: NodeInfo, PortInfo, SMInfo and PortCounters in the InfiniBand Architecture Specification, volume 1; Mellanox's ExtendedPortInfo
as in libibmad's fields.c.
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import BYTES

KINDS = {1: "ca", 2: "switch", 3: "router"}
STATES = {1: "down", 2: "init", 3: "armed", 4: "active"}
MANAGER_STATES = {0: "not active", 1: "discovering", 2: "standby", 3: "master"}
WIDTHS = {1: "1x", 16: "2x", 2: "4x", 4: "8x", 8: "12x"}                                        # slowest first, by bit
SPEEDS = {1: "SDR", 2: "DDR", 4: "QDR"}
FDR10 = "FDR10"
EXTENDED = {1: "FDR", 2: "EDR", 4: "HDR", 8: "NDR"}
FASTER = ("SDR", "DDR", "QDR", FDR10, "FDR", "EDR", "HDR", "NDR", "XDR")                        # slowest first
WIDER = tuple(WIDTHS.values())
EXTENDED_SPEEDS = 0x4000                # in the capabilities of a port; a switch says it for all of its ports at port 0

# Where PortCounters have them: byte and size. The counters stop at their highest value; of two that share a byte, `_NIBBLES` has them.
COUNTERS = {
    "symbol_error": (4, 2), "link_error_recovery": (6, 1), "link_downed": (7, 1), "port_rcv_errors": (8, 2),
    "port_rcv_remote_physical_errors": (10, 2), "port_rcv_switch_relay_errors": (12, 2), "port_xmit_discards": (14, 2),
    "port_xmit_constraint_errors": (16, 1), "port_rcv_constraint_errors": (17, 1), "vl15_dropped": (22, 2),
}
_NIBBLES = {"local_link_integrity_errors": 4, "excessive_buffer_overrun_errors": 0}


class NodeInfo(NamedTuple):
    """A node. `pkeys`: how many P_Keys its ports' tables hold."""

    kind: str
    ports: int
    guid: str
    pkeys: int
    device: int
    vendor: int


class PortInfo(NamedTuple):
    """A port. Speeds and widths are names; the possible one is the best that it supports, the enabled one the best that it is allowed.

    `mtu` is in bytes; `lid` and `master` (the LID of its subnet manager) are 0 where none is set.
    """

    lid: int
    master: int
    state: str
    width: str
    possible_width: str
    enabled_width: str
    speed: str
    possible_speed: str
    enabled_speed: str
    mtu: int
    manager: bool
    capabilities: int


class ManagerInfo(NamedTuple):
    """A subnet manager. `activity` grows while it lives."""

    guid: str
    priority: int
    state: str
    activity: int


def node(data: bytes) -> NodeInfo:
    """A NodeInfo."""
    data = data.ljust(40, b"\0")
    return NodeInfo(KINDS.get(data[2], "ca"), data[3], guid(data, 12), _number(data, 28, 2), _number(data, 30, 2), _number(data, 37, 3))


def description(data: bytes) -> str:
    """A NodeDescription: what a node calls itself."""
    shown = data.split(b"\0")[0].decode(errors="replace").strip()
    return "".join(letter if letter.isprintable() else "?" for letter in shown)


def port(data: bytes, mellanox: bytes = b"", capabilities: int | None = None) -> PortInfo:
    """A PortInfo. mellanox: the ExtendedPortInfo, where there is one; capabilities: those of port 0, for the other ports of a switch."""
    data, mellanox = data.ljust(64, b"\0"), mellanox.ljust(16, b"\0")
    own = _number(data, 20, 4)
    extended = (own if capabilities is None else capabilities) & EXTENDED_SPEEDS
    supported, active, enabled = data[32] >> 4, data[35] >> 4, data[35] & 15
    fast_supported, fast_active, fast_enabled = (data[62] & 15, data[62] >> 4, data[63] & 15) if extended else (0, 0, 0)
    speed = EXTENDED.get(fast_active) or (FDR10 if active == 4 and mellanox[15] & 1 else SPEEDS.get(active, ""))
    possible = _best(EXTENDED, fast_supported) or (FDR10 if mellanox[3] & 1 or speed == FDR10 else _best(SPEEDS, supported))
    return PortInfo(
        lid=_number(data, 16, 2), master=_number(data, 18, 2), state=STATES.get(data[32] & 15, "down"),
        width=WIDTHS.get(data[31], ""), possible_width=_best(WIDTHS, data[30]),
        enabled_width=_best(WIDTHS, data[29]),
        speed=speed, possible_speed=possible,
        enabled_speed=_best(EXTENDED, fast_enabled) or (FDR10 if mellanox[7] & 1 else _best(SPEEDS, enabled)),
        mtu=BYTES.get(data[36] >> 4, 0), manager=bool(own & 2), capabilities=own,
    )


def manager(data: bytes) -> ManagerInfo:
    """An SMInfo."""
    data = data.ljust(24, b"\0")
    return ManagerInfo(guid(data, 0), data[20] >> 4, MANAGER_STATES.get(data[20] & 15, "not active"), _number(data, 16, 4))


def errors(data: bytes) -> dict[str, int]:
    """The error counters of PortCounters that are not 0."""
    data = data.ljust(44, b"\0")
    found = {name: _number(data, at, size) for name, (at, size) in COUNTERS.items()}
    found.update({name: data[19] >> shift & 15 for name, shift in _NIBBLES.items()})
    return {name: count for name, count in found.items() if count}


def guid(data: bytes, at: int) -> str:
    """A GUID in the one form that we use."""
    return f"{_number(data, at, 8):#018x}"


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at:at + size], "big")


def _best(names: dict[int, str], bits: int) -> str:
    return next((name for bit, name in reversed(list(names.items())) if bits & bit), "")
