"""Hints are untrusted text."""

import pytest

from custom_components.home_cluster.kube.schema import HINT_PREFIX
from custom_components.home_cluster.model.hints import labelled, parse
from custom_components.home_cluster.model.views import Control, Hints


def hints(labels: dict[str, str] | None = None, **annotations: str) -> Hints:
    """Parse hints whose keys are given without the prefix, "_" for "-"."""
    return parse(
        {HINT_PREFIX + key: value for key, value in (labels or {}).items()},
        {
            HINT_PREFIX + key.replace("_", "-"): value
            for key, value in annotations.items()
        },
    )


def test_all_that_a_chart_may_say() -> None:
    said = hints(
        {"device": "true", "zone": "kitchen"},
        name=" Fridge ",
        area="Kitchen",
        icon="mdi:fridge-outline",
        url="https://fridge.home:8443/status?x=1",
        model="Cold 3000",
        manufacturer="Frost",
        controls="power, restart",
        serves="sensor.fridge_temperature, integration:mqtt",
        update="minor",
        protected="true",
        held="true",
        release_notes="https://example.org/notes",
    )
    assert said == Hints(
        device=True,
        zone="kitchen",
        name="Fridge",
        area="Kitchen",
        icon="mdi:fridge-outline",
        url="https://fridge.home:8443/status?x=1",
        model="Cold 3000",
        manufacturer="Frost",
        controls=frozenset({Control.POWER, Control.RESTART}),
        serves=("sensor.fridge_temperature", "integration:mqtt"),
        update="minor",
        protected=True,
        held=True,
        release_notes="https://example.org/notes",
    )


def test_without_hints_nothing_is_said() -> None:
    assert hints() == Hints()
    assert parse({"app": "fridge"}, {"meta.helm.sh/release-name": "home"}) == Hints()


@pytest.mark.parametrize(
    "url",
    [
        "weather.local:8080",
        "ftp://fridge.home/",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "https://user:secret@fridge.home/",
        "http://fridge.home:99999/",
        "http://fridge .home/",
        "http://fridge.home/\n",
        "http://[::1",
        "http://fridge\\home/",
        "http://xn--/",
        "",
        "https://fridge.home/" + "a" * 2000,
    ],
)
def test_a_bad_address_is_dropped_and_named(url: str) -> None:
    bad = url if url.strip() == url else f"x{url}"
    said = hints(url=bad, release_notes=bad)
    assert (said.url, said.release_notes) == ("", "")
    assert set(said.dropped) == {"url", "release-notes"}


@pytest.mark.parametrize(
    "icon", ["fridge", "mdi:", "mdi:Fridge", "mdi:fridge--x", "hass:fridge", "mdi:a b"]
)
def test_a_bad_icon_is_dropped_and_named(icon: str) -> None:
    said = hints(icon=icon)
    assert (said.icon, said.dropped) == ("", ("icon",))


@pytest.mark.parametrize(
    "text", ["", "   ", "a" * 101, "Fri\x00dge", "Fridge\nKitchen"]
)
def test_a_bad_text_is_dropped_and_named(text: str) -> None:
    said = hints(name=text, model=text)
    assert (said.name, said.model, said.dropped) == ("", "", ("name", "model"))


def test_an_area_counts_only_on_a_workload_chosen_by_its_label() -> None:
    assert hints(area="Kitchen").area == ""
    assert hints({"device": "false"}, area="Kitchen").area == ""
    assert hints({"device": "true"}, area="Kitchen").area == "Kitchen"
    assert hints(area="Kitchen").dropped == ()


def test_an_unknown_control_is_named_and_gives_nothing() -> None:
    said = hints(controls="power,explode, ")
    assert said.controls == frozenset({Control.POWER})
    assert said.dropped == ("controls: explode",)


def test_controls_that_are_all_unknown_allow_nothing() -> None:
    assert hints(controls="powr").controls == frozenset()
    assert hints(controls="").controls == frozenset()
    assert hints().controls is None


@pytest.mark.parametrize(
    "policy", ["off", "digest", "patch", "minor", "major", r"^v?2\.\d+$"]
)
def test_a_policy_of_updates_is_a_word_or_a_pattern(policy: str) -> None:
    assert hints(update=policy).update == policy


@pytest.mark.parametrize("policy", ["", "(", "a" * 201])
def test_a_bad_policy_is_dropped_and_named(policy: str) -> None:
    said = hints(update=policy)
    assert (said.update, said.dropped) == ("", ("update",))


@pytest.mark.parametrize("served", ["fridge", "integration:", "sensor.a; drop"])
def test_what_serves_nothing_known_is_dropped_and_named(served: str) -> None:
    said = hints(serves=served)
    assert (said.serves, said.dropped) == ((), ("serves",))


@pytest.mark.parametrize(
    ("raw", "wish"), [("true", True), ("TRUE", True), ("false", False), ("yes", None)]
)
def test_the_label_device_says_true_or_false(raw: str, wish: bool | None) -> None:
    assert labelled({f"{HINT_PREFIX}device": raw}) is wish
    said = hints({"device": raw})
    assert said.device is wish
    assert said.dropped == (("device",) if wish is None else ())


def test_protected_is_false_unless_it_says_true() -> None:
    assert hints(protected="true").protected is True
    assert hints(protected="false").protected is False
    said = hints(protected="maybe")
    assert (said.protected, said.dropped) == (False, ("protected",))


def test_without_a_label_nothing_is_wished() -> None:
    assert labelled({}) is None
