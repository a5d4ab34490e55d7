# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Omni-Path: the vFabrics of a fabric, opafm.xml as the fabric manager reads it, and what the fabric says of them."""
