# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind the module clusterwright.hpc.switch_facts; its documentation is with the module."""

from __future__ import annotations

from ansible_collections.clusterwright.hpc.plugins.modules import switch_facts
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.switch_action import SwitchAction


class ActionModule(SwitchAction):
    """What a switch says, without a Python of its own."""

    spec = switch_facts.SPEC
    work = staticmethod(switch_facts.work)
