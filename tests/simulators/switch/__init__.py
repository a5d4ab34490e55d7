"""Simulated Ethernet switches. Nothing here is a real switch, and nothing here knows the collection's plugins.

README.md one directory up says how faithful they are.
"""

from .fabric import Fabric, Switch
from .model import Config, Device, Learned, Neighbour, Port

__all__ = ["Config", "Device", "Fabric", "Learned", "Neighbour", "Port", "Switch"]
