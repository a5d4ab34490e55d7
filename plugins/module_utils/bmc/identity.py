# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose is the machine behind a BMC? What the BMC tells is compared with what is known of the nodes, and crossed ones are named.

Pure functions. What is known comes from the cluster file's tables, or from inside the node (/sys/class/dmi/id/product_uuid).
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Identity
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import OK, UNKNOWN, WRONG_MACHINE, Outcome

KEYS = ("uuid", "serial", "mac", "bmc_mac")
WORDS = {"uuid": "UUID", "serial": "serial number", "mac": "MAC address", "bmc_mac": "BMC's MAC address"}
# What makers leave in the field for the serial number. It identifies nothing.
EMPTY = re.compile(r"|to be filled.*|not (?:specified|applicable|available|present)|default string|system serial number|none|n/?a|unknown"
                   r"|(.)\1*|0?123456789|x+|serial ?(?:no|number)?\.?", re.IGNORECASE)


def normal(key: str, value: Optional[str]) -> Optional[str]:       # noqa: UP045
    """In the form in which two of them can be compared; None for what identifies nothing.

    A UUID is one in both byte orders: SMBIOS and IPMI disagree, and BMCs with them.
    """
    text = (value or "").strip().lower()
    if key == "uuid":
        try:
            number = uuid.UUID(text)
        except ValueError:
            return None
        if not number.int or number.int == (1 << 128) - 1:
            return None
        return min(number.hex, number.bytes_le.hex())
    if key in ("mac", "bmc_mac"):
        digits = re.sub(r"[^0-9a-f]", "", text)
        return digits if len(digits) == 12 and set(digits) not in ({"0"}, {"f"}) else None
    return None if EMPTY.fullmatch(text) else text


def asked(target: BmcIntent) -> list[str]:
    """What is known of the node, and so worth asking its BMC for."""
    return [key for key, value in known(target).items() if value]


def known(target: BmcIntent) -> dict[str, Optional[str]]:      # noqa: UP045
    """What is known of the node, in comparable form."""
    return {"uuid": normal("uuid", target.get("uuid")), "serial": normal("serial", target.get("serial")),
            "mac": normal("mac", target.get("mac")), "bmc_mac": normal("bmc_mac", target.get("bmc_mac"))}


def judge(targets: Sequence[BmcIntent], seen: Mapping[str, Identity]) -> dict[str, Outcome]:
    """Whether each BMC that was `seen` belongs to the node of its name.

    UNKNOWN is one of which nothing can be compared. The text of a WRONG_MACHINE says whose it is, where that is known.
    """
    expected = {target["name"]: known(target) for target in targets}
    # A number that two nodes are said to have identifies neither.
    often = Counter((key, value) for numbers in expected.values() for key, value in numbers.items() if value)
    owners = {(key, value): name for name, numbers in expected.items() for key, value in numbers.items()
              if value and often[(key, value)] == 1}
    addresses = {target["name"]: target["address"] for target in targets}
    found = {name: _own(expected[name], identity, often) for name, identity in seen.items()}
    whose = {name: _owner(identity, owners) for name, identity in seen.items()}
    return {name: _outcome(name, found[name], seen[name], expected[name], whose, addresses) for name in seen}


def _own(expected: Mapping[str, Any], identity: Identity, often: Mapping[Any, int]) -> dict[str, bool]:
    """For each key that can be compared, whether it is the node's."""
    said = {key: normal(key, getattr(identity, key)) for key in KEYS}
    return {key: expected[key] == said[key] for key in KEYS if expected[key] and said[key] and often[(key, expected[key])] == 1}


def _owner(identity: Identity, owners: Mapping[Any, str]) -> Optional[str]:        # noqa: UP045
    names = [owners[pair] for key in KEYS if (pair := (key, normal(key, getattr(identity, key)))) in owners]
    return names[0] if names and len(set(names)) == 1 else None


def _outcome(name: str, own: Mapping[str, bool], identity: Identity, expected: Mapping[str, Any], whose: Mapping[str, Optional[str]],  # noqa: UP045
             addresses: Mapping[str, str]) -> Outcome:
    value = {key: getattr(identity, key) for key in KEYS if getattr(identity, key)}
    if not own:
        known = [WORDS[key] for key in KEYS if expected[key]]
        why = f"its BMC does not tell its {' or '.join(known)}" if known else "no UUID, serial number or MAC address is known of it"
        return Outcome(UNKNOWN, value, f"whose BMC {addresses[name]} is cannot be told: {why}")
    if all(own.values()):
        return Outcome(OK, value)
    other = whose[name]
    if other and other != name:
        if whose.get(other) == name:
            pair = " and ".join(sorted((name, other)))
            return Outcome(WRONG_MACHINE, value, f"{pair} are swapped: the BMC at {addresses[name]} belongs to {other}, that at "
                                                 f"{addresses[other]} to {name}. Exchange the two addresses or the two cables")
        return Outcome(WRONG_MACHINE, value, f"the BMC at {addresses[name]} belongs to {other}: correct its address or its cable")
    differ = " and ".join(f"{WORDS[key]} {getattr(identity, key)}" for key, same in own.items() if not same)
    right = " and ".join(WORDS[key] for key, same in own.items() if same)
    if right:
        return Outcome(WRONG_MACHINE, value, f"the BMC at {addresses[name]} has the {right} of {name}, but {differ}: if a part was "
                                             "replaced, correct what is declared")
    return Outcome(WRONG_MACHINE, value, f"the BMC at {addresses[name]} belongs to a machine with {differ}, which is none of these nodes")
