"""The dashboard that makes itself, and its card of what is wrong."""

import re
from typing import Any

from .conftest import MODULES, ROOT, Page

HOME = "const { hass, calls, set } = home();"


def dashboard(page: Page, change: str = "", config: str = "{}") -> dict[str, Any]:
    """Return the view that the strategy makes."""
    made = page.run(
        f"""{HOME}{change}
        const Strategy = customElements.get("ll-strategy-dashboard-home-cluster");
        return await Strategy.generate({config}, hass);"""
    )
    (view,) = made["views"]
    assert made["title"] == view["title"]
    return dict(view)


def headings(view: dict[str, Any]) -> list[str]:
    """Return the headings of the sections, in order."""
    return [section["cards"][0]["heading"] for section in view["sections"]]


def test_problems_first_then_rooms_nodes_and_the_cluster(page: Page) -> None:
    """With a card for each device; what is not ours is not there."""
    view = dashboard(page)
    assert headings(view) == [
        "What is wrong",
        "Kitchen",
        "Elsewhere",
        "Nodes",
        "Cluster",
    ]
    assert [section["cards"][1:] for section in view["sections"]] == [
        [{"type": "custom:home-cluster-problems-card"}],
        [{"type": "custom:home-cluster-card", "device": "fridge"}],
        [{"type": "custom:home-cluster-card", "device": "jazz"}],
        [
            {"type": "tile", "entity": "binary_sensor.attic_connected"},
            {"type": "tile", "entity": "sensor.attic_cpu"},
        ],
        [
            {"type": "tile", "entity": "binary_sensor.home_reachable"},
            {"type": "tile", "entity": "sensor.home_problems"},
        ],
    ]


def test_speaks_the_users_language(page: Page) -> None:
    """As the rest of the page does."""
    assert headings(dashboard(page, 'hass.language = "de";'))[0] == "Was nicht stimmt"
    assert dashboard(page, config='{title: "Pods"}')["title"] == "Pods"


def test_an_empty_home_has_a_dashboard_too(page: Page) -> None:
    """Before anything is connected, and after all is gone."""
    assert headings(dashboard(page, "hass.entities = {}; hass.devices = {};")) == [
        "What is wrong"
    ]


def test_what_is_wrong_is_said_in_sentences(page: Page) -> None:
    """Of each device with a problem; a click asks for more."""
    assert page.run(
        f"""{HOME}
        const card = show("home-cluster-problems-card", {{}}, hass);
        const well = text(card);
        break_(set);
        card.hass = {{...hass}};
        const broken = text(card);
        let asked = "";
        document.addEventListener("hass-more-info", (event) => (asked = event.detail.entityId));
        card.shadowRoot.querySelector(".title").click();
        set("binary_sensor.home_reachable", "off");
        set("binary_sensor.fridge_problem", "unavailable");
        card.hass = {{...hass}};
        return [well, broken, asked, text(card)];"""
    ) == [
        ["No device has a problem."],
        ["Fridge · Kitchen", "It crashes.", "Read its log."],
        "binary_sensor.fridge_problem",
        ["Home", "The cluster cannot be reached at the moment."],
    ]


def test_every_language_has_every_word(page: Page) -> None:
    """And those of the integration's translations are all there."""
    words = page.run('return (await module("words.js")).WORDS;')
    assert {"en", "de", "fr", "es", "nl", "it", "pl", "sv", "pt-BR", "zh-Hans"} == set(
        words
    )
    for language in words.values():
        assert set(language) == set(words["en"])
        assert all(text.strip() for text in language.values())


def test_no_module_writes_markup() -> None:
    """What is shown may come from anybody who can start a pod."""
    for path in (ROOT / MODULES.removeprefix("/")).glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(",
            path.read_text(),
        )
        assert path.read_text().startswith("// @ts-check\n")
