# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one outlet is, as plain data."""

from __future__ import annotations

from typing import Optional, TypedDict


class OutletIntent(TypedDict, total=False):
    """One outlet. `number` counts from 1. The rest is what its driver needs; the others' keys are None."""

    name: str
    driver: str                     # tasmota, http or snmp
    address: str
    port: Optional[int]             # noqa: UP045 - Python 3.9 evaluates this
    number: int
    username: Optional[str]         # noqa: UP045
    password: Optional[str]         # noqa: UP045
    on_url: Optional[str]           # noqa: UP045 - http: what is called
    off_url: Optional[str]          # noqa: UP045
    status_url: Optional[str]       # noqa: UP045
    on_pattern: Optional[str]       # noqa: UP045 - http: what the status says when it is on
    community: Optional[str]        # noqa: UP045 - snmp
    oid: str                        # snmp: of the table's column, to which the outlet's number is added
    on_value: int
    off_value: int
