"""Simulated BMCs. Nothing here is a real BMC, and nothing here knows the collection's plugins. README.md says how faithful they are."""

from .bmc import Bmc
from .fleet import Fleet
from .machine import Boot, Faults, Machine

__all__ = ["Bmc", "Boot", "Faults", "Fleet", "Machine"]
