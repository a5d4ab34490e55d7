# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and notes of modules that log in to a switch, as a documentation fragment."""

from __future__ import annotations


class ModuleDocFragment:
    """How a switch is reached. The modules run on the control machine."""

    DOCUMENTATION = r"""
options:
  host:
    description: Where the switch is reached, C(ansible_host) as a rule.
    type: str
  port:
    description: The port of its SSH daemon.
    type: int
    default: 22
  user:
    description: The user to log in as.
    type: str
  password:
    description: The user's password, from Ansible Vault or a lookup. Without one, keys of the user who runs Ansible are tried.
    type: str
  enable_password:
    description: The password of enable mode, where the platform has one and the user is not in it after logging in.
    type: str
  known_hosts:
    description: The file that has the switch's host key. C(~/.ssh/known_hosts) where it is not set. A host that is not in it is refused.
    type: path
  timeout:
    description: How long logging in may take, and each answer, in seconds.
    type: int
    default: 60
requirements:
  - netmiko on the control machine
notes:
  - Runs on the control machine (C(connection) V(local), or C(delegate_to) V(localhost)), in one session a switch.
  - Passwords are in no output and in no error.
"""
