# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch platforms, by the names that the cluster file has for them. Only the one that is asked for is imported.

The imports are written out because Ansible sends along with a module what it sees imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver

# ruff: noqa: PLC0415


def _comware() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.comware import DRIVER
    return DRIVER


def _cumulus_nvue() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.cumulus_nvue import DRIVER
    return DRIVER


def _cumulus_ifupdown2() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.cumulus_ifupdown2 import DRIVER
    return DRIVER


def _cumulus_nclu() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.cumulus_nclu import DRIVER
    return DRIVER


def _onyx() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.onyx import DRIVER
    return DRIVER


def _eos() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.eos import DRIVER
    return DRIVER


def _nxos() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.nxos import DRIVER
    return DRIVER


def _os10() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.os10 import DRIVER
    return DRIVER


def _sonic() -> Driver:
    from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.sonic import DRIVER
    return DRIVER


_PLATFORMS: dict[str, Callable[[], Driver]] = {
    "comware": _comware, "cumulus_nvue": _cumulus_nvue, "cumulus_ifupdown2": _cumulus_ifupdown2, "cumulus_nclu": _cumulus_nclu,
    "onyx": _onyx, "eos": _eos, "nxos": _nxos, "os10": _os10, "sonic": _sonic,
}
PLATFORMS = tuple(_PLATFORMS)


def driver(platform: str) -> Driver:
    """The driver of a platform. KeyError for one that is not in PLATFORMS."""
    return _PLATFORMS[platform]()
