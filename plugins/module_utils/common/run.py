# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands are run: one function that is handed in, so that tests hand in another."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

# A login over ssh often lacks the sbin directories, where half of what we call lives.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Result(NamedTuple):
    """Exit status and text of a command; 127 when the program does not exist."""

    rc: int
    out: str
    err: str


Run = Callable[[Sequence[str]], Result]


def runner(module: AnsibleModule) -> Run:
    """Returns a Run that calls commands without a shell, in the C locale."""
    environment = {"LC_ALL": "C", "PATH": PATH}

    def run(argv: Sequence[str]) -> Result:
        try:
            return Result(
                *module.run_command(
                    list(argv), environ_update=environment, handle_exceptions=False, expand_user_and_vars=False
                )
            )
        except OSError as error:
            return Result(127, "", f"{argv[0]}: {os.strerror(error.errno or 0)}")

    return run


def last_lines(result: Result, count: int = 3) -> str:
    """Returns the last lines of what a command had to say, on one line, for an error sentence."""
    lines = [line.strip() for line in (result.err.strip() or result.out.strip()).splitlines() if line.strip()]
    return " / ".join(lines[-count:]) or f"exit status {result.rc}"
