"""Services: one look, no habitual restart, and a stale service is seen in each run until it was restarted."""

from __future__ import annotations

import time

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import services
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session


def service(name, uses=(), enabled=True, state="started", rereads=()):
    return {"name": name, "enabled": enabled, "state": state, "uses": list(uses), "rereads": list(rereads)}


def planned(node, *declared, changed=(), awaits_packages=False):
    state = services.observe(node.run, declared, [])
    return services.plan(declared, state, changed, awaits_packages)


def commands(plan):
    return [" ".join(command.argv[1:]) for command in plan.commands]


def test_all_units_are_asked_for_at_once(node):
    for name in ("a.service", "b.service"):
        node.unit(name, "enabled", "active")
    assert commands(planned(node, service("a.service"), service("b.service"))) == []
    assert len(node.all_commands) == 1


def test_enable_start_disable_stop(node):
    node.unit("a.service")
    node.unit("b.service", "enabled", "active")
    node.unit("c.service", "static", "active")
    plan = planned(
        node, service("a.service"), service("b.service", enabled=False, state="stopped"), service("c.service")
    )
    assert commands(plan) == ["stop b.service", "start a.service", "disable b.service", "enable a.service"]
    services.apply(Session(node.run), plan)
    assert commands(planned(node, service("a.service"), service("b.service", enabled=False, state="stopped"))) == []


@pytest.mark.parametrize(("started", "since", "stale"), [(100, 50, True), (100, 150, False)])     # seconds ago
def test_stale_by_a_time_that_is_told(node, started, since, stale):
    node.unit("a.service", "enabled", "active", started=started)
    declared = {**service("a.service"), "since": int(time.time()) - since}
    assert planned(node, declared).stale == (["a.service"] if stale else [])


@pytest.mark.parametrize(
    ("started", "changed_at", "stale"),
    [
        (100, 50, True),  # changed after the start
        (100, 150, False),  # started after the change
        (100, -3600, False),  # changed in the future: the clock was stepped back
    ],
)
def test_stale_by_time(node, started, changed_at, stale):
    node.unit("a.service", "enabled", "active", started=started)
    declared = [service("a.service", ["/f"])]
    seen = services.observe(node.run, declared, [])
    state = services.ServicesState(seen.units, {"/f": time.time() - changed_at}, seen.now)
    assert services.plan(declared, state, [], False).stale == (["a.service"] if stale else [])


def test_stale_by_real_files(node):
    (node.path / "f").write_text("x")
    used = str(node.path / "f")
    node.unit("old.service", "enabled", "active", started=60)
    time.sleep(0.02)  # the kernel stamps files with a clock that ticks every few milliseconds
    node.unit("new.service", "enabled", "active")
    plan = planned(node, service("old.service", [used, "/nonexistent"]), service("new.service", [used]))
    assert plan.stale == ["old.service"]


def test_stale_by_a_change_of_this_call_but_not_when_it_starts_anyway(node):
    node.unit("runs.service", "enabled", "active")
    node.unit("starts.service", "enabled")
    plan = planned(node, service("runs.service", ["/f"]), service("starts.service", ["/f"]), changed=["/f"])
    assert plan.stale == ["runs.service"]


def test_a_reload_that_replaces_the_process_brings_it_up_to_date_but_is_no_restart(node):
    node.unit("ctl.service", "enabled", "active", started=60)
    (node.path / "f").write_text("x")
    read = str(node.path / "f")
    declared = service("ctl.service", uses=[read], rereads=[read])
    plan = planned(node, declared)
    assert (plan.stale, plan.outdated) == (["ctl.service"], ["ctl.service"])
    time.sleep(0.02)
    node.units["ctl.service"]["ExecMainStartTimestampMonotonic"] = str(int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6))
    plan = planned(node, declared)
    assert (plan.stale, plan.outdated) == (["ctl.service"], [])


def test_changed_unit_files_are_loaded_first(node):
    node.unit("a.service", "enabled")
    plan = planned(node, service("a.service"), changed=["/etc/systemd/system/a.service.d/x.conf"])
    assert commands(plan) == ["daemon-reload", "start a.service"]
    node.unit("a.service", "enabled", "active", NeedDaemonReload="yes")
    assert commands(planned(node, service("a.service"))) == ["daemon-reload"]


def test_masked_and_missing_units(node):
    node.unit("m.service", "masked", LoadState="masked")
    with pytest.raises(ClusterwrightError, match=r"m.service is masked.*systemctl unmask m.service"):
        planned(node, service("m.service"))
    with pytest.raises(ClusterwrightError, match=r"x.service: there is no such unit"):
        planned(node, service("x.service"))
    assert commands(planned(node, service("x.service"), awaits_packages=True)) == [
        "start x.service",
        "enable x.service",
    ]
    assert commands(planned(node, service("x.service", enabled=False, state="stopped"))) == []


def test_a_service_that_dies_at_once_brings_its_journal(node):
    node.unit("a.service", dies=True)
    with pytest.raises(ClusterwrightError, match=r"a.service does not come up .*key file is insecure") as error:
        services.apply(Session(node.run), planned(node, service("a.service")))
    assert "key file is insecure" in error.value.details["journal"]


def test_a_node_without_systemd_is_named(node):
    node.refuses = {"systemctl": "System has not been booted with systemd as init system"}
    with pytest.raises(ClusterwrightError, match="systemd does not answer"):
        planned(node, service("a.service"))
