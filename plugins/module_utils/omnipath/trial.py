# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fabric manager's own checker reads the new file before it goes live, and says whether a reload can bring it about.

Source: config_check.c of opa-fm 10.10.3, and what it was seen to print.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result, Run

MISSING = 127
CHECKER = "/usr/lib/opa-fm/bin/config_check"
_IGNORED = re.compile(r"Parse warning at line (\d+) in tag '([^']*)': (Unexpected tag ignored: .*|String too long, truncated.*)")
_REASON = re.compile(r"(?:FM Instance \d+: ERROR: |Parse error at |ERROR: )(.*)")
_REFUSED = re.compile(r"^Reconfiguration to file .* is invalid", re.MULTILINE)      # else it is the present file that it cannot read
_NOT_RUN = re.compile(r"FM Instance [1-9]\d*:")     # an instance that the file does not start is looked at as well
_KIND = re.compile(r"(?:VirtualFabric configuration|Dynamic reconfiguration):: ")


class Verdict(NamedTuple):
    """What config_check says. live: a reload can bring it about. reason: why it cannot. warnings: what else it has to say."""

    live: bool
    reason: str
    warnings: list[str]



def rehearse(run: Run, path: str, old: bytes | None, new: bytes) -> Verdict:
    """Checks the new file, and the way from the old one to it. Raises ClusterwrightError for a file that the fabric manager refuses.

    A change is as good as its present file: from one that the checker refuses, it cannot tell whether a reload suffices.
    """
    with tempfile.TemporaryDirectory(prefix="opafm-") as scratch:
        files = {}
        for name, data in (("old.xml", old), ("new.xml", new)):
            if data is not None:
                files[name] = str(Path(scratch) / name)
                Path(files[name]).write_bytes(data)
        alone = run((CHECKER, "-c", files["new.xml"], "-s"))
        if alone.rc == MISSING:
            raise ClusterwrightError(f"{CHECKER} is not there, and no file goes live that it has not read: nothing was changed. The "
                                     "package opa-fm brings it; the role opafm installs it")
        warnings = _warnings(alone)
        if alone.rc:
            raise ClusterwrightError(f"the fabric manager refuses the new {path}: {_reason(alone)}: nothing was changed", log=_lines(alone))
        ignored = [f"line {found[1]}, in {found[2]}: {found[3]}" for line in _lines(alone) if (found := _IGNORED.match(line))]
        if ignored:
            raise ClusterwrightError(
                f"the fabric manager would ignore a part of {path} ({ignored[0]}): nothing was changed. Mend what is written there",
                log=_lines(alone),
            )
        if old is None:
            return Verdict(False, "there was no file before", warnings)
        both = run((CHECKER, "-c", files["old.xml"], "-r", files["new.xml"], "-s"))
    if both.rc and not _REFUSED.search(both.out):
        return Verdict(True, "the present file is not valid, so that nobody can tell whether a reload suffices", warnings)
    return Verdict(not both.rc, _reason(both) if both.rc else "", warnings)


def _lines(result: Result) -> list[str]:
    return [line.strip() for line in f"{result.out}\n{result.err}".splitlines() if line.strip()]


def _reason(result: Result) -> str:
    found = [match[1] for line in _lines(result) if (match := _REASON.search(line)) and "Fatal error parsing file" not in line]
    return _KIND.sub("", (found or _lines(result) or [f"exit status {result.rc}"])[0]).strip().rstrip(".")


def _warnings(result: Result) -> list[str]:
    said = [line for line in _lines(result) if "warning" in line.lower() and not _NOT_RUN.match(line) and not _IGNORED.match(line)]
    return [_KIND.sub("", re.sub(r"^(?:FM Instance 0: )?(?:WARNING|Warning): ", "", line)) for line in said]
