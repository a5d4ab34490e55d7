"""Makes the checkout importable as the collection clusterwright.hpc."""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
COLLECTIONS = CHECKOUT / ".build" / "collections"
NAMESPACE = COLLECTIONS / "ansible_collections" / "clusterwright"

NAMESPACE.mkdir(parents=True, exist_ok=True)
if not (NAMESPACE / "hpc").is_symlink():
    (NAMESPACE / "hpc").symlink_to("../../../..")
sys.path.insert(0, str(COLLECTIONS))
