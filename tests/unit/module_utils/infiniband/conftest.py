"""One fabric: a manager and three nodes in two partitions."""

from __future__ import annotations

import copy

import pytest

HEAD, ONE, TWO, THREE = (f"0x0002c903000000{n:02x}" for n in (1, 11, 12, 13))
INTENT = {
    "fabric": "ib0", "owned": [0x100, 0x1FF], "default": "limited", "mtu": 5, "rate": 12, "table": 64, "ports": [], "without_guid": [],
    "managers": [{"name": "head1", "guid": HEAD}],
    "partitions": [
        {"name": "cfd", "pkey": 0x101, "ipoib": True, "mtu": 5, "rate": 12, "sl": 0, "members": [
            {"name": "cn1", "guid": ONE, "membership": "full"}, {"name": "cn2", "guid": TWO, "membership": "full"},
            {"name": "cn3", "guid": THREE, "membership": "limited"}]},
        {"name": "bio", "pkey": 0x102, "ipoib": False, "mtu": 5, "rate": 12, "sl": 0, "members": [
            {"name": "cn3", "guid": THREE, "membership": "full"}]},
    ],
}


@pytest.fixture
def intent():
    return copy.deepcopy(INTENT)
