# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes in which a cluster file's containers reach this domain."""

from __future__ import annotations

from typing import Dict, List, Optional, TypedDict  # noqa: UP035 (evaluated at run time, on Python 3.9 too)


class ImageIntent(TypedDict):
    """An image of the store: the file NAME.sqsh, made from `source`.

    `source`: `docker://[USER@][HOST#]IMAGE[:TAG]`, `http://…` or `https://…` of a file, or the path of a file; files are a squashfs or a
    tar (also compressed) of a root file system. `sha256` is that of the source, and empty where none is declared: of the file, or the
    digest that a registry names an image by. `state` is present or absent.
    """

    name: str
    source: str
    sha256: str
    state: str


class PackageIntent(TypedDict):
    """A package by its name, or a file that nodes get: `source` is a URL or a path on the control machine, `name` the file's name.

    `source` and `sha256` are empty for what the nodes' repositories have.
    """

    name: str
    source: str
    sha256: str


class PyxisIntent(TypedDict):
    """Pyxis: the path of the plugin, and where it comes from, one of the two."""

    plugin: str
    source: Optional[PackageIntent]     # noqa: UP045
    package: Optional[PackageIntent]    # noqa: UP045


class EnrootIntent(TypedDict):
    """Enroot on the nodes, and what is beside it.

    `config` is enroot.conf, `user_paths` those of its keys that the prolog sees to: they are only for nodes where jobs run. `keeps`: what
    the epilog leaves of a user's directory in `storage`. `min_free` in MiB. `prolog` and `epilog`: where the programs lie that Slurm calls,
    empty where it calls none.
    """

    packages: List[PackageIntent]       # noqa: UP006
    check: Optional[PackageIntent]      # noqa: UP045
    storage: str
    keeps: List[str]                    # noqa: UP006
    min_free: int
    config: Dict[str, str]              # noqa: UP006
    user_paths: Dict[str, str]          # noqa: UP006
    environment: Dict[str, str]         # noqa: UP006
    mounts: List[str]                   # noqa: UP006
    hooks: List[str]                    # noqa: UP006
    sysctl: Dict[str, int]              # noqa: UP006
    prolog: str
    epilog: str
    pyxis: Optional[PyxisIntent]        # noqa: UP045
    image_store: str
    images: List[ImageIntent]           # noqa: UP006
