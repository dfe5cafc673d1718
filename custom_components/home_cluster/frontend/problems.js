// @ts-check
import { devicesOf, hasProblem, isCluster, isWorkload, stateOf } from "./devices.js";
import { STYLE, element, showMore } from "./elements.js";
import { wordsIn } from "./words.js";

/** @typedef {import("./devices.js").Hass} Hass */
/** @typedef {import("./devices.js").Device} Device */

/** What is wrong with any device, in sentences; that all is well only while the cluster says so. */
export class HomeClusterProblemsCard extends HTMLElement {
  constructor() {
    super();
    this._shown = "";
    this.attachShadow({ mode: "open" });
  }

  setConfig() {
    this._shown = "";
  }

  /** @param {Hass} hass */
  set hass(hass) {
    const devices = devicesOf(hass);
    const away = devices.filter(
      (device) => isCluster(device) && stateOf(hass, device, "reachable")?.state !== "on",
    );
    const bad = devices.filter((device) => isWorkload(device) && hasProblem(hass, device));
    const shown = JSON.stringify([
      hass.language,
      away.map((device) => device.name),
      bad.map((device) => [device, stateOf(hass, device, "problem")?.attributes]),
    ]);
    if (shown === this._shown) return;
    this._shown = shown;
    this._draw(hass, away, bad);
  }

  getCardSize() {
    return 2;
  }

  getGridOptions() {
    return { columns: "full" };
  }

  /**
   * @param {Hass} hass
   * @param {Device[]} away
   * @param {Device[]} bad
   */
  _draw(hass, away, bad) {
    const words = wordsIn(hass.language);
    const list = element("ul", { "aria-live": "polite" }, [
      ...away.map((device) => row("mdi:lan-disconnect", "bad", device.name, [words.unreachable])),
      ...bad.map((device) => this._problem(hass, device)),
    ]);
    if (!list.childElementCount) {
      list.append(row("mdi:check-circle-outline", "good", words.allWell, []));
    }
    const style = element("style", {}, [STYLE]);
    this.shadowRoot?.replaceChildren(style, element("ha-card", {}, [list]));
  }

  /**
   * @param {Hass} hass
   * @param {Device} device
   */
  _problem(hass, device) {
    const { message, advice } = stateOf(hass, device, "problem")?.attributes ?? {};
    const area = device.areaId ? hass.areas[device.areaId]?.name : "";
    const name = area ? `${device.name} · ${area}` : device.name;
    const said = [message, advice].filter(Boolean).map(String);
    const made = row("mdi:alert-circle-outline", "bad", name, said);
    const title = made.querySelector(".title");
    title?.addEventListener("click", () => showMore(this, device.entities.problem));
    return made;
  }
}

/**
 * @param {string} icon
 * @param {string} tone
 * @param {string} name
 * @param {string[]} lines
 */
function row(icon, tone, name, lines) {
  return element("li", { class: "head", "data-tone": tone }, [
    element("ha-icon", { class: "icon", icon }),
    element("button", { type: "button", class: "title" }, [
      element("div", { class: "name" }, [name]),
      ...lines.map((line) => element("div", { class: "state" }, [line])),
    ]),
  ]);
}
