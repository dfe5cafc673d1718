"""The chart with nothing said, and a first house."""

from typing import Final

from .chart import PRESETS, helm, render

HOUSE: Final = {
    "zones": {"lighting": {}, "media": {"internet": "allow"}},
    "devices": {
        "mqtt": {"preset": "mosquitto", "zone": "lighting"},
        "drought": {
            "image": "ghcr.io/me/soil:1.2",
            "zone": "lighting",
            "connects": ["mqtt"],
            "hass": {"area": "Garden", "icon": "mdi:sprout"},
        },
        "nightly": {
            "image": "ghcr.io/me/backup:1",
            "zone": "lighting",
            "schedule": "0 4 * * *",
        },
    },
}


def test_with_nothing_said_home_assistant_comes_with_the_integration_and_no_devices() -> (
    None
):
    home = render()
    assert home.names("StatefulSet") == {"home-home-assistant"}
    assert not home.of("Deployment")
    assert not home.of("Secret")
    assert home.names("ConfigMap") == {
        "home-home-assistant-init",
        "home-home-assistant-integration-program",
        "home-home-assistant-integration-shown",
    }


def test_no_workload_says_how_many_pods_it_has() -> None:
    for workload, _ in render(HOUSE).pods():
        assert "replicas" not in workload["spec"]
        assert "suspend" not in workload["spec"]


def test_a_device_is_told_to_home_assistant_by_labels_and_annotations() -> None:
    metadata = render(HOUSE).one("Deployment", "home-drought")["metadata"]
    prefix = "home-cluster.github.io"
    assert metadata["namespace"] == "home-lighting"
    assert metadata["labels"][f"{prefix}/device"] == "true"
    assert metadata["labels"][f"{prefix}/zone"] == "lighting"
    assert metadata["annotations"][f"{prefix}/name"] == "Drought"
    assert metadata["annotations"][f"{prefix}/area"] == "Garden"
    assert metadata["annotations"][f"{prefix}/chart-image"] == "ghcr.io/me/soil:1.2"


def test_helm_lint_finds_nothing() -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in helm(
        "lint", "--strict", "charts/home-cluster"
    )


def test_there_are_presets() -> None:
    assert {"generic", "mosquitto"} <= set(PRESETS)
