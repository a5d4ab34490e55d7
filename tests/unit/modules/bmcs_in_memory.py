"""BMCs that exist only in memory, for the tests of the modules that speak to them. No network, no libraries, no processes."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import driver, fleet
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Boot, Identity, Network, User
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import OK, WRONG_PASSWORD, BmcError, Outcome


class Bmc:
    """One of them. `forgets` is one that takes settings and does not keep them."""

    def __init__(self, number):
        self.is_boot = Boot()
        self.accounts = {"admin": ["1", "administrator", "secret words"]}
        self.is_network = Network(f"10.11.1.{number}", "255.255.0.0", "0.0.0.0", "static", 0, f"02:01:00:00:00:0{number}")
        self.is_identity = Identity(f"0000000{number}-0000-4000-8000-000000000000", f"SN471{number}", None, f"02:01:00:00:00:0{number}")
        self.forgets = False
        self.told = []

    def close(self):
        pass

    def boot(self):
        return self.is_boot

    def set_boot(self, boot):
        self.told.append(boot)
        self.is_boot = self.is_boot if self.forgets else boot

    def facts(self, gather):
        return {key: {"version": "1.42"} if key == "firmware" else [] for key in gather}

    def identity(self, keys):
        return Identity(**{key: getattr(self.is_identity, key) for key in keys})

    def users(self):
        return [User(number, name, level, level != "none") for name, (number, level, _password) in self.accounts.items()]

    def set_user(self, name, level, password, present):
        self.told.append((name, level, password))
        self.accounts[name] = [present.id if present else str(len(self.accounts) + 1), level, password or self.accounts[name][2]]

    def remove_user(self, user):
        self.told.append(user)
        del self.accounts[user.name]

    def proves(self, name, password):
        return self.accounts[name][2] == password

    def network(self):
        return self.is_network

    def set_network(self, wanted, _present):
        self.told.append(wanted)
        self.is_network = self.is_network if self.forgets else wanted


@pytest.fixture
def bmcs(monkeypatch):
    """Three of them by address, which is that of their network settings; what is called with another password fails."""
    three = {f"n{number}": Bmc(number) for number in (1, 2, 3)}

    def call(targets, work, _deadline, _limit):
        outcomes = {}
        for target in targets:
            try:
                if target["password"] != "secret words":
                    raise BmcError(WRONG_PASSWORD, "does not take this password")
                found = next(bmc for bmc in three.values() if bmc.is_network.address == target["address"])
                outcomes[target["name"]] = Outcome(OK, work(found, target, lambda _stage: None))
            except BmcError as error:
                outcomes[target["name"]] = Outcome(error.verdict, text=error.text)
        return outcomes

    monkeypatch.setattr(driver, "load", list)
    monkeypatch.setattr(fleet, "call", call)
    return three


@pytest.fixture
def ask(call_module, bmcs):
    """ask(module, option=...): for all three, as admin."""
    def run(module, check=False, **more):
        entries = [{"name": name, "address": bmc.is_network.address} for name, bmc in bmcs.items()]
        result = call_module(module, check=check, **{"bmcs": entries, "username": "admin", "password": "secret words", **more})
        assert "secret words" not in str(result)
        return result

    return run
