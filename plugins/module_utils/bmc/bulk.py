# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of many IPMI BMCs by FreeIPMI's ipmipower, where that is installed: one process in C for all of them.

Only a plain `on` or `off` is taken from it. Whoever else it says something of is asked by the driver, which has the verdicts.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run

WORTH = 16          # BMCs from which on it is quicker
PATIENCE = 1.5      # seconds for those that answer at once; the others have the driver's deadline
_PLAIN = re.compile(r"[A-Za-z0-9._@%+=:,/!-]+")      # what stands in its configuration file without quotes
_ADDRESS = re.compile(r"[0-9.]+")
_LINE = re.compile(r"^([0-9.]+): (on|off)$", re.MULTILINE)


def power(targets: Sequence[BmcIntent], run: Run) -> dict[str, str]:
    """`on` or `off` for those that answer at once; nothing where ipmipower is missing or does not fit."""
    fit = [target for target in targets if _fits(target)]
    logins = {(target["username"], target["password"]) for target in fit}
    if len(fit) < WORTH or len(logins) != 1:
        return {}
    (username, password), = logins
    # A file, for what stands on a command line can be read by everybody.
    with tempfile.TemporaryDirectory(prefix="bmc-") as folder:
        path = os.path.join(folder, "freeipmi.conf")    # noqa: PTH118 - mode 0600, which Path.write_text cannot
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"username {username}\npassword {password}\n")
        result = run(["ipmipower", f"--config-file={path}", "--driver-type=LAN_2_0", "--cipher-suite-id=17", "--privilege-level=OPERATOR",
                      f"--session-timeout={int(PATIENCE * 1000)}", "--retransmission-timeout=400", "--stat",
                      f"--hostname={','.join(target['address'] for target in fit)}"])
    found = dict(_LINE.findall(result.out))
    return {target["name"]: found[target["address"]] for target in fit if target["address"] in found}


def _fits(target: BmcIntent) -> bool:
    return bool(target["protocol"] == "ipmi" and not target.get("port") and _ADDRESS.fullmatch(target["address"])
                and _PLAIN.fullmatch(target["username"]) and _PLAIN.fullmatch(target["password"]))
