"""Users of a simulated BMC: ten places, the first of which has no name, as BMCs have them."""

from __future__ import annotations

from dataclasses import dataclass, field

PLACES = 10
ADMINISTRATOR, NO_ACCESS = 4, 15


@dataclass
class User:
    """One place."""

    name: bytes = b""
    password: bytes = b""
    enabled: bool = False
    privilege: int = NO_ACCESS      # 2 user, 3 operator, 4 administrator, 15 none
    messaging: bool = False         # may use IPMI over the LAN


@dataclass
class Users:
    """All places; 1 is the first."""

    places: dict[int, User] = field(default_factory=lambda: {number: User() for number in range(1, PLACES + 1)})

    def add(self, name: str, password: str, privilege: int = ADMINISTRATOR) -> int:
        """A user in the first free place after the first; its number."""
        number = next(number for number, user in self.places.items() if number > 1 and not user.name)
        self.places[number] = User(name.encode(), password.encode(), True, privilege, True)
        return number

    def find(self, name: bytes, role: int) -> tuple[int, int]:
        """(place, highest privilege) for a login; 0 when there is none. Bit 4 of the role: by the name alone."""
        for number, user in self.places.items():
            if user.enabled and user.messaging and user.name == name and user.privilege != NO_ACCESS \
                    and (role & 0x10 or user.privilege == role & 15):
                return number, user.privilege
        return 0, 0

    def password(self, number: int) -> bytes:
        """As the key of an HMAC, which is padded with zeros anyway."""
        return self.places[number].password or b"\0"

    def named(self, name: str) -> User | None:
        """The user of that name."""
        return next((user for user in self.places.values() if user.name == name.encode()), None)
