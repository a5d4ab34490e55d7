# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What partitions.conf consists of, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import USUAL_MTU, USUAL_RATE, USUAL_SL

FULL, LIMITED, BOTH = "full", "limited", "both"
EVERYBODY = ("ALL", "ALL_CAS", "ALL_SWITCHES", "ALL_ROUTERS", "SELF")
NAME_BYTES = 31             # of a partition's name; OpenSM cuts the rest


@dataclass(frozen=True)
class Finding:
    """Something that OpenSM does with a file and a person would not mean. `fatal`: it discards the whole file."""

    line: int
    column: int
    text: str
    fatal: bool = False

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.text}"


@dataclass(frozen=True)
class Member:
    """A port's GUID (0x and 16 digits) or one of EVERYBODY, and its membership."""

    target: str
    membership: str


@dataclass
class Definition:
    """One definition as OpenSM understands it. `pkey` is without the membership bit; `auto`: OpenSM has picked it.

    mtu and rate are InfiniBand's codes. groups: further multicast groups, as written behind `mgid=`.
    """

    name: str
    pkey: int
    ipoib: bool = False
    mtu: int = USUAL_MTU
    rate: int = USUAL_RATE
    sl: int = USUAL_SL
    indx0: bool = False
    scopes: tuple[int, ...] = ()
    q_key: int = 0
    tclass: int = 0
    flow_label: int = 0
    groups: list[str] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    auto: bool = field(default=False, compare=False)
    line: int = field(default=0, compare=False)


@dataclass
class Parsed:
    """What OpenSM makes of a file. `discarded`: nothing, so that every port is a full member of the default partition."""

    definitions: list[Definition] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    discarded: bool = False
