# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind the module clusterwright.hpc.switch_vlans; its documentation is with the module."""

from __future__ import annotations

from ansible_collections.clusterwright.hpc.plugins.modules import switch_vlans
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.switch_action import SwitchAction


class ActionModule(SwitchAction):
    """A switch's VLANs, without a Python of their own."""

    spec = switch_vlans.SPEC
    work = staticmethod(switch_vlans.work)
