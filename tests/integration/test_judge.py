"""Judging what is not there any more."""

from custom_components.home_cluster.commands import Answers
from custom_components.home_cluster.judge import Judge
from custom_components.home_cluster.kube.schema import Kind, Ref
from custom_components.home_cluster.model.index import Index
from custom_components.home_cluster.rechecks import Rechecks
from custom_components.home_cluster.remember import RememberedCounts, store_of
from homeassistant.core import HomeAssistant
from tests.unit.model.world import LONG_AGO, NOW, deployment


async def test_what_is_gone_has_no_view(hass: HomeAssistant) -> None:
    """Its record may still be in somebody's hands."""
    judge = Judge(
        Index(lambda _: {}),
        Answers(),
        RememberedCounts(store_of(hass, "entry")),
        Rechecks(hass, lambda _: None),
        lambda _: 0,
    )
    record = deployment(created=LONG_AGO)
    assert judge.node(Ref(Kind.NODE, "", "pi-attic"), record, NOW) is None
    fridge = Ref(Kind.DEPLOYMENT, record.namespace, record.name)
    assert judge.workload(fridge, record, None, NOW) is None
