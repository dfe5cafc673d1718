"""What was set from here is watched: undone, held, forgotten."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from custom_components.home_cluster.kube.schema import Kind, Ref
from custom_components.home_cluster.model.health import health
from custom_components.home_cluster.model.situation import Undone
from custom_components.home_cluster.model.undoing import (
    Edition,
    Setting,
    Undoing,
    Value,
    settings_of,
)
from custom_components.home_cluster.model.view import workload_view
from custom_components.home_cluster.model.views import Reason, Status

from .test_autoscaling import scaler
from .world import NOW, ago, cron_job, deployment, job, pod, situation

FRIDGE = Ref(Kind.DEPLOYMENT, "kitchen", "fridge")


class Story:
    """Settings of the fridge, minute by minute."""

    def __init__(self, setting: Setting = Setting.REPLICAS) -> None:
        """Begin at noon."""
        self.undoing = Undoing()
        self.setting = setting
        self.edition = Edition("one", 1)

    @staticmethod
    def at(minutes: float) -> datetime:
        """Return a time so many minutes later."""
        return NOW + timedelta(minutes=minutes)

    def command(self, minutes: float, wanted: Value) -> None:
        """Set it from here."""
        self.undoing.commanded(FRIDGE, self.setting, wanted, self.at(minutes))

    def see(self, minutes: float, value: Value, edition: Edition | None = None) -> bool:
        """See it so, in the next edition or in this one; say whether it was undone just now."""
        uid, generation = self.edition
        self.edition = edition or Edition(uid, generation + 1)
        now_set = {self.setting: value}
        return bool(self.undoing.look(FRIDGE, self.edition, now_set, self.at(minutes)))

    def over(self, minutes: float) -> bool:
        """Say whether something is forgotten by then."""
        return bool(list(self.undoing.over(self.at(minutes))))


def test_what_is_set_back_within_minutes_is_undone() -> None:
    story = Story()
    story.command(0, 0)
    assert not story.see(0, 0)
    assert story.see(5, 2)
    assert not story.see(6, 2), "said once"


def test_what_was_never_seen_is_on_its_way() -> None:
    story = Story()
    story.command(0, 0)
    assert not story.see(0, 2)
    assert not story.see(0.1, 0)
    assert story.see(1, 2)


@pytest.mark.parametrize(("minutes", "undone"), [(14.9, True), (15.1, False)])
def test_later_somebody_changed_his_mind(minutes: float, undone: bool) -> None:
    story = Story()
    story.command(0, 0)
    story.see(0, 0)
    assert story.see(minutes, 2) is undone


def test_whoever_switches_on_is_content_with_any_count() -> None:
    story = Story()
    story.command(0, True)
    assert not story.see(0, 1)
    assert not story.see(1, 3)
    assert story.see(2, 0)


def test_a_second_command_is_what_counts() -> None:
    story = Story()
    story.command(0, 0)
    story.see(0, 0)
    story.command(1, 2)
    assert not story.see(1, 2)
    assert story.see(2, 0)


@pytest.mark.parametrize(
    ("edition", "undone"),
    [
        (Edition("one", 5), True),
        (Edition("one", 4), False),
        (Edition("one", 3), False),
        (Edition("another", 1), True),
        (Edition("one", 0), True),
    ],
)
def test_a_datastore_from_a_copy_undoes_nothing(edition: Edition, undone: bool) -> None:
    """Its editions are of before; whoever sets something back makes a new one."""
    story = Story()
    story.command(0, 0)
    story.see(0, 0, Edition("one", 4))
    assert story.see(1, 2, edition) is undone


def test_an_autoscalers_limits_have_no_part_in_the_editions() -> None:
    story = Story(Setting.MAXIMUM)
    story.command(0, 5)
    story.see(0, 5, Edition("one", 4))
    assert story.see(1, 3, Edition("one", 4))


def test_it_is_counted_how_often() -> None:
    story = Story()
    for minute in (0, 4, 8):
        story.command(minute, 0)
        story.see(minute, 0)
        assert story.see(minute + 2, 2)
    watch = story.undoing.get(FRIDGE, Setting.REPLICAS)
    assert watch is not None
    assert watch.undone == 3


def test_what_holds_for_a_quarter_of_an_hour_is_let_be() -> None:
    story = Story()
    story.command(0, 0)
    story.see(0, 0)
    story.see(1, 2)
    story.command(2, 0)
    story.see(2, 0)
    assert not story.over(16.9)
    assert story.over(17)
    assert story.undoing.get(FRIDGE, Setting.REPLICAS) is None


def test_what_was_undone_is_remembered_for_a_day() -> None:
    story = Story()
    story.command(0, 0)
    story.see(0, 0)
    story.see(1, 2)
    assert story.undoing.next_end() == story.at(1 + 24 * 60)
    assert not story.over(24 * 60)
    assert story.over(24 * 60 + 1)
    assert story.undoing.next_end() is None


def test_what_was_not_undone_is_forgotten_soon() -> None:
    story = Story()
    story.command(0, 0)
    story.see(0, 0)
    assert not story.over(14)
    assert story.over(15)


def test_a_device_that_goes_takes_its_settings_along() -> None:
    story = Story()
    story.command(0, 0)
    assert list(story.undoing.drop(FRIDGE)) == [Setting.REPLICAS]
    assert list(story.undoing.drop(FRIDGE)) == []


def test_what_nobody_set_is_nobodys_business() -> None:
    assert not Story().see(0, 2)


def test_what_can_be_set_of_each_kind() -> None:
    image = {Setting.IMAGE: "registry.home/fridge:v1"}
    for record, settings in (
        (deployment(desired=3), {Setting.REPLICAS: 3}),
        (cron_job(suspended=True), {Setting.SUSPEND: True}),
        (job(), {Setting.SUSPEND: False}),
        (deployment(kind=Kind.DAEMON_SET), {Setting.NODES: True}),
    ):
        view = workload_view(situation(record))
        assert settings_of(view) == {**settings, **image}
    scaled = workload_view(situation(deployment(), pod(), scaler()))
    assert settings_of(scaled) == {
        Setting.REPLICAS: 1,
        Setting.MINIMUM: 1,
        Setting.MAXIMUM: 3,
        **image,
    }


def test_a_device_that_was_set_back_is_degraded_for_a_while() -> None:
    undone = Undone("Flux Kustomization flux-system/apps", ago(60))
    judged = situation(deployment(), pod())
    said = health(replace(judged, undone=undone))
    assert (said.status, said.reason) == (Status.DEGRADED, Reason.UNDONE_BY_OWNER)
    assert "Flux Kustomization flux-system/apps" in said.message
    assert said.recheck == ago(60) + timedelta(minutes=15)
    said = health(replace(judged, undone=Undone("Flux", ago(15 * 60))))
    assert (said.status, said.reason) == (Status.RUNNING, Reason.NONE)
