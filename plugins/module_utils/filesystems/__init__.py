# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ceph: the arithmetic of its sizes, and pools, filesystems, keys, settings, flags and health by `ceph --format json`."""
