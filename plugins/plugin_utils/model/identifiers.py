# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the inventory's groups."""

from __future__ import annotations

import re


def identifier(name: str) -> str:
    """A name as part of a group's name: what Ansible takes for an identifier, lower case kept as it is."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
