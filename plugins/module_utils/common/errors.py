# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error of the domains and the one way it leaves a module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class ClusterwrightError(Exception):
    """What went wrong, in one sentence that names the item and the way out, and the same as data.

    `details` become return values of the failed module, so they never carry a secret.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


def fail(module: AnsibleModule, error: ClusterwrightError) -> NoReturn:
    """Ends the module with the sentence of an error and its data."""
    module.fail_json(msg=str(error), **error.details)
    raise error  # fail_json does not return
