#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/slurm-changes.md: the introduction, and the table of what each change of Slurm's configuration needs.

    tools/slurm_changes_docs.py            write it
    tools/slurm_changes_docs.py --check    exit status 1 if it is out of date
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
POLICY = CHECKOUT / "plugins" / "module_utils" / "slurm" / "policy.py"
INTRODUCTION = CHECKOUT / "docs" / "slurm-changes.intro.md"
PAGE = CHECKOUT / "docs" / "slurm-changes.md"
NOTE = "<!-- Made by tools/slurm_changes_docs.py from docs/slurm-changes.intro.md and module_utils/slurm/policy.py: change those. -->\n"


def page() -> str:
    """The whole page."""
    spec = importlib.util.spec_from_file_location("policy", POLICY)
    assert spec and spec.loader
    policy = importlib.util.module_from_spec(spec)      # it needs nothing but Python
    spec.loader.exec_module(policy)
    return NOTE + INTRODUCTION.read_text(encoding="utf-8") + policy.table()


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Write docs/slurm-changes.md from the table of changes.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if the page is out of date")
    wanted = page()
    if parser.parse_args().check:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted:
            return 0
        print(f"{PAGE.relative_to(CHECKOUT)} is out of date: run tools/slurm_changes_docs.py", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
