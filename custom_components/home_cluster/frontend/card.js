// @ts-check
import { DOMAIN, deviceOf, devicesOf, hasProblem, isWorkload, stateOf } from "./devices.js";
import { STYLE, button, element, showMore, wordsOf } from "./elements.js";
import { wordsIn } from "./words.js";

/** @typedef {import("./devices.js").Hass} Hass */
/** @typedef {import("./devices.js").Device} Device */

const LINES = 100;
// A restart is asked for twice within this time.
const SURE_FOR = 5000;
const GOOD = ["running", "idle", "completed"];
const BUSY = ["starting", "stopping", "updating"];

/**
 * Return the colour of a device's icon.
 * @param {Hass} hass
 * @param {Device} device
 */
export function toneOf(hass, device) {
  if (hasProblem(hass, device)) return "bad";
  const status = stateOf(hass, device, "status")?.state ?? "";
  if (GOOD.includes(status)) return "good";
  return BUSY.includes(status) ? "busy" : "quiet";
}

/** One device: how it is, why, and what can be done; its log when somebody asks for it. */
export class HomeClusterCard extends HTMLElement {
  constructor() {
    super();
    /** @type {Hass|undefined} */
    this._hass = undefined;
    this._deviceId = "";
    this._shown = "";
    this._error = "";
    /** @type {string|null} */
    this._log = null;
    this._sure = 0;
    this.attachShadow({ mode: "open" });
  }

  /** @param {{device?: string}} config */
  setConfig(config) {
    if (typeof config.device !== "string") throw new Error("Choose a device");
    this._deviceId = config.device;
    this._log = null;
    this._shown = "";
    this._update();
  }

  /** @param {Hass} hass */
  set hass(hass) {
    this._hass = hass;
    this._update();
  }

  getCardSize() {
    return 2;
  }

  getGridOptions() {
    return { columns: 12, min_columns: 6 };
  }

  static getConfigForm() {
    const selector = { device: { integration: DOMAIN, entity: { domain: "sensor" } } };
    return { schema: [{ name: "device", required: true, selector }] };
  }

  /** @param {Hass} hass */
  static getStubConfig(hass) {
    const workloads = devicesOf(hass).filter(isWorkload);
    const worst = workloads.find((device) => hasProblem(hass, device)) ?? workloads[0];
    return { device: worst?.id ?? "" };
  }

  /** Draw anew if anything that is shown is different. */
  _update() {
    const hass = this._hass;
    if (!hass || !this._deviceId) return;
    const device = deviceOf(hass, this._deviceId);
    const states = device
      ? Object.keys(device.entities).map((key) => stateOf(hass, device, key))
      : [];
    const shown = JSON.stringify([
      hass.language,
      device,
      states.map((state) => state && [state.state, state.attributes]),
      this._log,
      this._error,
      this._sure,
    ]);
    if (shown === this._shown) return;
    this._shown = shown;
    this._draw(hass, device);
  }

  /**
   * @param {Hass} hass
   * @param {Device|null} device
   */
  _draw(hass, device) {
    const words = wordsIn(hass.language);
    const style = element("style", {}, [STYLE]);
    const content = device
      ? [
          this._head(hass, device, words.power),
          this._problem(hass, device),
          this._actions(hass, device),
          ...this._written(words.noLog),
        ]
      : [element("div", { class: "error" }, [words.unknownDevice])];
    const card = element("ha-card", device ? { "data-tone": toneOf(hass, device) } : {}, content);
    this.shadowRoot?.replaceChildren(style, card);
  }

  /**
   * @param {Hass} hass
   * @param {Device} device
   * @param {string} label
   */
  _head(hass, device, label) {
    const status = stateOf(hass, device, "status");
    const icon = element("ha-state-icon", { class: "icon" });
    Object.assign(icon, { hass, stateObj: status });
    const reason = stateOf(hass, device, "reason");
    const said = [status && hass.formatEntityState(status)];
    if (hasProblem(hass, device) && reason) said.push(hass.formatEntityState(reason));
    said.push(device.version);
    const title = element("button", { type: "button", class: "title" }, [
      element("div", { class: "name" }, [device.name]),
      element("div", { class: "state" }, [said.filter(Boolean).join(" · ")]),
    ]);
    title.addEventListener("click", () => showMore(this, device.entities.status));
    const head = element("div", { class: "head" }, [icon, title]);
    const power = stateOf(hass, device, "power");
    if (power) head.append(this._power(power, `${device.name}: ${label}`));
    return head;
  }

  /**
   * @param {import("./devices.js").State} power
   * @param {string} label
   */
  _power(power, label) {
    const on = power.state === "on";
    const toggle = button("", () =>
      this._call("switch", on ? "turn_off" : "turn_on", { entity_id: power.entity_id }),
    );
    toggle.className = "power";
    toggle.setAttribute("role", "switch");
    toggle.setAttribute("aria-checked", String(on));
    toggle.setAttribute("aria-label", label);
    toggle.disabled = power.state !== "on" && power.state !== "off";
    return toggle;
  }

  /**
   * @param {Hass} hass
   * @param {Device} device
   */
  _problem(hass, device) {
    const said = element("div", { "aria-live": "polite" });
    const { message, advice, details } = stateOf(hass, device, "problem")?.attributes ?? {};
    if (hasProblem(hass, device) && message) {
      const lines = [element("p", { class: "message" }, [String(message)])];
      if (advice) lines.push(element("p", { class: "advice" }, [String(advice)]));
      if (details) lines.push(element("p", { class: "details", lang: "en" }, [String(details)]));
      said.append(element("div", { class: "problem" }, lines));
    }
    if (this._error) said.append(element("p", { class: "error", role: "alert" }, [this._error]));
    return said;
  }

  /**
   * @param {Hass} hass
   * @param {Device} device
   */
  _actions(hass, device) {
    const words = wordsIn(hass.language);
    const actions = element("div", { class: "actions" });
    const restart = stateOf(hass, device, "restart");
    if (restart && restart.state !== "unavailable") {
      const sure = this._sure > 0;
      const made = button(sure ? words.restartNow : words.restart, () =>
        sure ? this._restart(restart.entity_id) : this._ask(),
      );
      made.className = sure ? "restart sure" : "restart";
      actions.append(made);
    }
    if (hass.services[DOMAIN]?.get_logs) {
      const open = this._log !== null;
      const made = button(open ? words.hideLog : words.log, () =>
        open ? this._show(null) : this._read(device),
      );
      made.className = "log";
      made.setAttribute("aria-expanded", String(open));
      actions.append(made);
    }
    const update = stateOf(hass, device, "update");
    if (update?.state === "on") {
      const version = String(update.attributes.latest_version ?? "");
      const made = button(`${words.update} ${version}`, () => showMore(this, update.entity_id));
      made.className = "update";
      actions.append(made);
    }
    actions.hidden = !actions.childElementCount;
    return actions;
  }

  /**
   * @param {string} nothing
   * @returns {HTMLElement[]}
   */
  _written(nothing) {
    if (this._log === null) return [];
    const log = element("pre", { tabindex: "0" }, [this._log || nothing]);
    queueMicrotask(() => (log.scrollTop = log.scrollHeight));
    return [log];
  }

  _ask() {
    const asked = window.setTimeout(() => {
      if (this._sure !== asked) return;
      this._sure = 0;
      this._update();
    }, SURE_FOR);
    this._sure = asked;
    this._update();
  }

  /** @param {string} entityId */
  async _restart(entityId) {
    window.clearTimeout(this._sure);
    this._sure = 0;
    await this._call("button", "press", { entity_id: entityId });
    this._update();
  }

  /** @param {string|null} log */
  _show(log) {
    this._log = log;
    this._update();
  }

  /** @param {Device} device */
  async _read(device) {
    const answer = await this._call(DOMAIN, "get_logs", { device_id: device.id, tail: LINES }, true);
    const told = answer?.response?.[device.id];
    if (told) this._show(String(told.log ?? told.error ?? ""));
  }

  /**
   * Call an action; what goes wrong is shown.
   * @param {string} domain
   * @param {string} service
   * @param {Record<string, unknown>} data
   * @param {boolean} [answers]
   * @returns {Promise<any>}
   */
  async _call(domain, service, data, answers = false) {
    this._error = "";
    try {
      return await this._hass?.connection.sendMessagePromise({
        type: "call_service",
        domain,
        service,
        service_data: data,
        return_response: answers,
      });
    } catch (error) {
      this._error = wordsOf(error);
      return undefined;
    } finally {
      this._update();
    }
  }
}
