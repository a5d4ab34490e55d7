"""A small opafm.xml with everything that matters, and what shall be in it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import xml

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "omnipath"
INTENT = {
    "fabric": "opa0", "managers": [], "owned": [0x10, 0xFF], "default": "full", "by_description": [],
    "groups": [
        {"name": "physics", "guids": [], "descriptions": ["knl[01-16] hfi1_0"]},
        {"name": "chem", "guids": ["0x00117501a0000380"], "descriptions": []},
    ],
    "vfabrics": [
        {"name": "physics", "pkey": 0x10, "security": True, "members": ["physics"], "limited_members": ["chem"], "mtu": "8192",
         "rate": "Unlimited", "qos_group": "", "applications": ["AllOthers"]},
        {"name": "chem", "pkey": 0x11, "security": True, "members": ["chem"], "limited_members": [], "mtu": "8192", "rate": "Unlimited",
         "qos_group": "", "applications": ["AllOthers"]},
    ],
}


@pytest.fixture
def text():
    return (FIXTURES / "opafm.xml").read_text(encoding="utf-8")


@pytest.fixture
def intent():
    return copy.deepcopy(INTENT)


@pytest.fixture
def read():
    """Reads a text as opafm.xml."""
    return lambda text, instance="": xml.read(text if isinstance(text, bytes) else text.encode(), "opafm.xml", instance)
