"""The card of one device, in a real browser."""

import pytest

from .conftest import MODULES, Page

CARD = 'const card = show("home-cluster-card", { device: "fridge" }, hass);'
BREAK = "const { hass, calls, set } = home(); break_(set);"
HOME = "const { hass, calls, set } = home();"


def test_a_device_that_is_well(page: Page) -> None:
    """Its name, its status and its version; no sentence, no update."""
    assert page.run(f"{HOME}{CARD} return text(card);") == [
        "Fridge",
        "«running» · v1.0.0",
        "Restart",
        "Log",
    ]


def test_a_problem_comes_with_its_reason_sentence_and_advice(page: Page) -> None:
    """As soon as the state says so."""
    shown = page.run(f"{HOME}{CARD} break_(set); card.hass = {{...hass}}; return text(card);")  # fmt: skip
    assert shown == [
        "Fridge",
        "«failing» · «crash_loop» · v1.0.0",
        "It crashes.",
        "Read its log.",
        "Restart",
        "Log",
    ]


def test_the_exact_words_stand_below_where_these_are_others(page: Page) -> None:
    """In English, and marked so for whoever reads aloud."""
    assert page.run(
        f"""{HOME}{CARD}
        break_(set, "Es stürzt ab.", "Lies das Protokoll.");
        set("binary_sensor.fridge_problem", "on", {{
            ...hass.states["binary_sensor.fridge_problem"].attributes, details: "It crashes.",
        }});
        card.hass = {{...hass}};
        const said = [...card.shadowRoot.querySelectorAll(".problem p")];
        return said.map((one) => [one.textContent, one.lang]);"""
    ) == [["Es stürzt ab.", ""], ["Lies das Protokoll.", ""], ["It crashes.", "en"]]


def test_what_pods_say_is_text_and_never_markup(page: Page) -> None:
    """In the sentence, in the log and in names."""
    evil = "<img src=x onerror=window.hacked=1><script>window.hacked=2</script>"
    assert page.run(
        f"""{HOME}
        const evil = {evil!r};
        break_(set, evil, evil);
        hass.devices.fridge.name = evil;
        hass.devices.fridge.sw_version = evil;
        hass.answer = () => ({{ response: {{ fridge: {{ log: evil }} }} }});
        {CARD}
        card.shadowRoot.querySelector("button.log").click();
        await settle();
        const log = card.shadowRoot.querySelector("pre").textContent;
        show("home-cluster-problems-card", {{}}, hass);
        await settle();
        return [
            log === evil,
            text(card).filter((one) => one.includes(evil)).length,
            card.shadowRoot.querySelectorAll("img, script").length,
            window.hacked ?? 0,
        ];"""
    ) == [True, 5, 0, 0]


def test_the_switch_switches(page: Page) -> None:
    """To what it is not; its role and its state are told to those who cannot see it."""
    assert page.run(
        f"""{HOME}{CARD}
        const said = () => {{
            const power = card.shadowRoot.querySelector(".power");
            return ["role", "aria-checked", "aria-label"].map((one) => power.getAttribute(one));
        }};
        const before = said();
        card.shadowRoot.querySelector(".power").click();
        await settle();
        set("switch.fridge", "off");
        card.hass = {{...hass}};
        card.shadowRoot.querySelector(".power").click();
        await settle();
        set("switch.fridge", "unavailable");
        card.hass = {{...hass}};
        return [before, said(), calls.map((one) => [one.domain, one.service, one.service_data]),
                card.shadowRoot.querySelector(".power").disabled];"""
    ) == [
        ["switch", "true", "Fridge: Power"],
        ["switch", "false", "Fridge: Power"],
        [
            ["switch", "turn_off", {"entity_id": "switch.fridge"}],
            ["switch", "turn_on", {"entity_id": "switch.fridge"}],
        ],
        True,
    ]


def test_a_restart_is_asked_for_twice(page: Page) -> None:
    """A thumb on the way to something else restarts nothing."""
    assert page.run(
        f"""{HOME}{CARD}
        const press = async () => {{
            card.shadowRoot.querySelector("button.restart").click();
            await settle();
            return [card.shadowRoot.querySelector("button.restart").textContent, calls.length];
        }};
        return [await press(), await press(), calls[0]];"""
    ) == [
        ["Restart now?", 0],
        ["Restart", 1],
        {
            "type": "call_service",
            "domain": "button",
            "service": "press",
            "service_data": {"entity_id": "button.fridge_restart"},
            "return_response": False,
        },
    ]


def test_a_refusal_is_shown(page: Page) -> None:
    """In the words that Home Assistant has for it; the next call clears it."""
    assert page.run(
        f"""{HOME}{CARD}
        hass.answer = () => {{ throw new Error("Not allowed."); }};
        card.shadowRoot.querySelector(".power").click();
        await settle();
        const error = card.shadowRoot.querySelector("[role=alert]").textContent;
        hass.answer = () => {{ throw {{}}; }};
        card.shadowRoot.querySelector("button.log").click();
        await settle();
        const other = card.shadowRoot.querySelector("[role=alert]").textContent;
        hass.answer = () => ({{}});
        card.shadowRoot.querySelector(".power").click();
        await settle();
        return [error, other, card.shadowRoot.querySelector("[role=alert]")];"""
    ) == ["Not allowed.", "[object Object]", None]


def test_the_log_comes_on_demand_and_goes(page: Page) -> None:
    """From the action, with its answer for this device."""
    assert page.run(
        f"""{HOME}
        hass.answer = () => ({{ response: {{ fridge: {{ log: "one\\ntwo" }} }} }});
        {CARD}
        const log = () => card.shadowRoot.querySelector("pre")?.textContent ?? null;
        const press = async () => {{
            card.shadowRoot.querySelector("button.log").click();
            await settle();
            return [log(), card.shadowRoot.querySelector("button.log").textContent];
        }};
        const seen = [log(), await press(), await press()];
        hass.answer = () => ({{ response: {{ fridge: {{ log: "" }} }} }});
        return [...seen, await press(), calls[0].service, calls[0].service_data, calls.length];"""
    ) == [
        None,
        ["one\ntwo", "Hide log"],
        [None, "Log"],
        ["It has not written anything.", "Hide log"],
        "get_logs",
        {"device_id": "fridge", "tail": 100},
        2,
    ]


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ('delete hass.entities["button.fridge_restart"];', ["Log"]),
        ('set("button.fridge_restart", "unavailable");', ["Log"]),
        ("hass.services = {};", ["Restart"]),
        (
            'hass.entities.u = {entity_id: "update.u", platform: "home_cluster", '
            'translation_key: "update", device_id: "fridge"};'
            'set("update.u", "on", {latest_version: "v2"});',
            ["Restart", "Log", "Update to v2"],
        ),
        ('hass.language = "de";', ["Neu starten", "Protokoll"]),
        ('hass.language = "pt-BR";', ["Reiniciar", "Registro"]),
        ('hass.language = "de-CH";', ["Neu starten", "Protokoll"]),
        ('hass.language = "xx";', ["Restart", "Log"]),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_not_offered(
    page: Page, change: str, shown: list[str]
) -> None:
    """Neither what the account may not do, nor what is not installed; in the user's language."""
    assert (
        page.run(
            f"""{HOME}{change}{CARD}
            return [...card.shadowRoot.querySelectorAll(".actions button")].map((one) => one.textContent);"""
        )
        == shown
    )


def test_nothing_is_drawn_when_nothing_changed(page: Page) -> None:
    """Home Assistant hands over a new object at each change of anything in the house."""
    assert page.run(
        f"""{HOME}{CARD}
        const before = card.shadowRoot.querySelector("ha-card");
        set("light.lamp", "off");
        card.hass = {{...hass}};
        return card.shadowRoot.querySelector("ha-card") === before;"""
    )


def test_a_device_that_is_gone_is_said_to_be(page: Page) -> None:
    """And a card without a device is refused."""
    assert page.run(
        f"""{HOME}
        const card = show("home-cluster-card", {{ device: "gone" }}, hass);
        let refused = "";
        try {{ card.setConfig({{}}); }} catch (error) {{ refused = error.message; }}
        return [text(card), refused];"""
    ) == [["This device does not exist any more."], "Choose a device"]


def test_a_click_on_the_name_asks_for_more(page: Page) -> None:
    """Home Assistant's own dialog of the status."""
    assert (
        page.run(
            f"""{HOME}{CARD}
            let asked = "";
            document.addEventListener("hass-more-info", (event) => (asked = event.detail.entityId));
            card.shadowRoot.querySelector(".title").click();
            return asked;"""
        )
        == "sensor.fridge_status"
    )


def test_offers_itself_to_the_pickers(page: Page) -> None:
    """With the worst device as the example; once, however often it is loaded."""
    assert page.run(
        f"""{BREAK}
        await import("{MODULES}/home-cluster.js?again");
        const Card = customElements.get("home-cluster-card");
        const suggest = window.customCards[0].getEntitySuggestion;
        return [
            window.customCards.map((one) => one.type),
            window.customStrategies.map((one) => [one.type, one.strategyType]),
            Card.getStubConfig(hass),
            Card.getConfigForm().schema[0].name,
            suggest(hass, "switch.fridge"),
            suggest(hass, "light.lamp"),
        ];"""
    ) == [
        ["home-cluster-card", "home-cluster-problems-card"],
        [["home-cluster", "dashboard"]],
        {"device": "fridge"},
        "device",
        {"config": {"type": "custom:home-cluster-card", "device": "fridge"}},
        None,
    ]
