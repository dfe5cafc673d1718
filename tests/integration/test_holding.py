"""What is promised to be forbidden is tried, without effect; what passes becomes a repair."""

import pytest

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from tests.integration.cluster_home import (
    EVERYTHING,
    READ_ONLY,
    UPDATE,
    entry_for,
    set_up,
)
from tests.integration.live_server import LiveServer
from tests.integration.test_rights import look_again, repairs, review

POLICIES = {"patch", "run", "run-as-written"}


@pytest.fixture
def held(home: LiveServer) -> LiveServer:
    """A home of which the chart says that policies hold the account, and they do."""
    home.accounts["person"] = (*EVERYTHING, UPDATE)
    home.workload("deployments", "kitchen", "fridge", hints={"held": "true"})
    home.workload("cronjobs", "garden", "backup", hints={"held": "true"})
    home.policies = {*POLICIES}
    return home


def unheld(hass: HomeAssistant) -> str | None:
    """Return what the repair names; None if there is none."""
    for issue in repairs(hass):
        if issue.translation_key == "unheld":
            assert issue.severity is ir.IssueSeverity.ERROR
            return (issue.translation_placeholders or {})["unheld"]
    return None


async def test_policies_that_hold_are_no_news(
    hass: HomeAssistant, held: LiveServer
) -> None:
    """However often they are tried; and trying does nothing."""
    await set_up(hass, entry_for(held))
    await look_again(hass, 4)
    assert unheld(hass) is None
    assert held.made == []
    annotations = held.live["deployments", "kitchen", "fridge"]["metadata"][
        "annotations"
    ]
    assert annotations == {"home-cluster.github.io/held": "true"}


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ({"patch"}, "`patch deployments`, `patch cronjobs`"),
        ({"run"}, "`create jobs`"),
        ({"run-as-written"}, "`create jobs`"),
        (POLICIES, "`create jobs`, `patch deployments`, `patch cronjobs`"),
    ],
    ids=["patch", "run", "run-as-written", "all"],
)
async def test_a_policy_that_is_gone_becomes_a_repair_until_it_is_back(
    hass: HomeAssistant, held: LiveServer, gone: set[str], named: str
) -> None:
    """Sure after three tries, for an API server that starts lets more pass."""
    await set_up(hass, entry_for(held))
    await look_again(hass)
    held.policies -= gone
    await review(hass)
    await look_again(hass)
    assert unheld(hass) is None
    await look_again(hass)
    assert unheld(hass) == named
    held.policies |= gone
    await review(hass)
    assert unheld(hass) is None


async def test_an_autoscaler_is_tried_with_its_device(
    hass: HomeAssistant, held: LiveServer
) -> None:
    """Its limits are all that may be set of it."""
    held.live.pop(("cronjobs", "garden", "backup"))
    held.autoscaler("kitchen", "fridge", currentReplicas=1, desiredReplicas=1)
    held.policies.clear()
    await set_up(hass, entry_for(held))
    await look_again(hass, 3)
    assert unheld(hass) == "`patch deployments`, `patch horizontalpodautoscalers`"


async def test_no_answer_proves_nothing(hass: HomeAssistant, held: LiveServer) -> None:
    """Neither that something is open, nor that it is shut again."""
    held.policies.clear()
    held.refuse["dry"] = (500, "InternalError", "etcd")
    await set_up(hass, entry_for(held))
    await look_again(hass, 4)
    assert unheld(hass) is None
    held.refuse.clear()
    await review(hass)
    await look_again(hass, 3)
    assert unheld(hass)
    held.refuse["dry"] = (500, "InternalError", "etcd")
    await review(hass)
    assert unheld(hass)


async def test_without_a_promise_or_a_right_there_is_nothing_to_try(
    hass: HomeAssistant, home: LiveServer
) -> None:
    """Large rights that somebody gave on purpose are no fault."""
    home.accounts["person"] = (*EVERYTHING, UPDATE)
    await set_up(hass, entry_for(home))
    await look_again(hass, 4)
    assert unheld(hass) is None
    home.workload("deployments", "kitchen", "fridge", hints={"held": "true"})
    home.accounts["person"] = READ_ONLY
    await review(hass)
    await look_again(hass, 4)
    assert unheld(hass) is None


async def test_the_repair_goes_with_the_entry(
    hass: HomeAssistant, held: LiveServer
) -> None:
    """Nothing is left of what is removed."""
    held.policies.clear()
    entry = entry_for(held)
    await set_up(hass, entry)
    await look_again(hass, 3)
    assert unheld(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert unheld(hass) is None
