# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of this collection promises, as documentation fragments."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes that all modules share: each has check mode and diff, and is idempotent."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what would change, without changing it.
    support: full
  diff_mode:
    description: Shows in C(diff_mode) what has changed, or would change in C(check_mode).
    support: full
  idempotent:
    description: Changes nothing when it is run again with the same options.
    support: full
"""

    # For modules that run on a node and not on the control machine.
    NODE = r"""
options: {}
attributes:
  platform:
    description: The operating systems that the module runs on.
    support: full
    platforms: posix
"""
