# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a call to a BMC, in one word for programs and one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

TIMED_OUT = "timed out"
WRONG_PASSWORD = "wrong password"
WRONG_USER = "wrong user"
NO_PRIVILEGE = "no privilege"
BUSY = "busy"
REFUSED = "refused"
LIES = "lies"
WRONG_MACHINE = "wrong machine"
UNKNOWN = "unknown"
NOT_DONE = "not done"
OK = "ok"

LOGIN_REFUSED = {
    WRONG_PASSWORD: "does not take this password",
    WRONG_USER: "has no such user, or the user may not log in over the network",
}
MOST = 5        # BMCs that a sentence names


class BmcError(Exception):
    """Why a BMC did not do what it was asked for. `text` completes "its BMC ..."."""

    def __init__(self, verdict: str, text: str) -> None:
        super().__init__(text)
        self.verdict = verdict
        self.text = text


class Outcome(NamedTuple):
    """What came of one call: `value` where the verdict is OK, else `text` says what is wrong and the way out."""

    verdict: str
    value: Any = None
    text: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.verdict == OK

    def as_data(self) -> dict[str, str]:
        """For a module's return values."""
        return {"verdict": self.verdict, "text": self.text}


def bad(outcomes: Mapping[str, Outcome]) -> dict[str, dict[str, str]]:
    """The BMCs that did not do it, as return values."""
    return {name: outcome.as_data() for name, outcome in outcomes.items() if not outcome.ok}


def sentence(what: str, outcomes: Mapping[str, Outcome]) -> str:
    """One sentence for all that went wrong: how many of how many, and the first of them."""
    wrong = {name: outcome for name, outcome in outcomes.items() if not outcome.ok}
    some = "; ".join(f"{name}: {outcome.text} ({outcome.verdict})" for name, outcome in list(wrong.items())[:MOST])
    more = f"; and {len(wrong) - MOST} more" if len(wrong) > MOST else ""
    return f"{len(wrong)} of {len(outcomes)} BMCs {what}. {some}{more}"
