# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of one BMC, as plain data: the model or the user fills it, the jobs of this domain are given it."""

from __future__ import annotations

from typing import Optional, TypedDict


class BmcIntent(TypedDict, total=False):
    """One BMC. Whoever `name`, `address` and `protocol` do not stand alone for gets more: what is None or missing is not compared.

    `uuid`, `serial` and `mac` are of the machine that has to be behind it, `bmc_mac` is the BMC's own.
    """

    name: str
    address: str
    protocol: str                   # ipmi or redfish
    port: Optional[int]             # noqa: UP045 - Python 3.9 evaluates this
    username: str
    password: str
    uuid: Optional[str]             # noqa: UP045
    serial: Optional[str]           # noqa: UP045
    mac: Optional[str]              # noqa: UP045
    bmc_mac: Optional[str]          # noqa: UP045
    verify_tls: bool                # redfish: whether its certificate has to be good
