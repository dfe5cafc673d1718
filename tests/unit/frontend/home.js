// A small home as Home Assistant's frontend knows it; what is called is kept in `calls`.
const entity = (id, key, device) => [
  id,
  { entity_id: id, platform: "home_cluster", translation_key: key, device_id: device },
];

export function home() {
  const states = {};
  const set = (id, state, attributes = {}) => {
    states[id] = { entity_id: id, state, attributes };
  };
  set("switch.fridge", "on");
  set("sensor.fridge_status", "running");
  set("sensor.fridge_reason", "none");
  set("binary_sensor.fridge_problem", "off");
  set("button.fridge_restart", "unknown");
  set("sensor.jazz_status", "off");
  set("binary_sensor.jazz_problem", "off");
  set("binary_sensor.attic_connected", "on");
  set("sensor.attic_cpu", "3");
  set("binary_sensor.home_reachable", "on");
  set("sensor.home_problems", "0");
  set("light.lamp", "on");
  const calls = [];
  const hass = {
    language: "en",
    states,
    entities: Object.fromEntries([
      entity("switch.fridge", "power", "fridge"),
      entity("sensor.fridge_status", "status", "fridge"),
      entity("sensor.fridge_reason", "reason", "fridge"),
      entity("binary_sensor.fridge_problem", "problem", "fridge"),
      entity("button.fridge_restart", "restart", "fridge"),
      entity("sensor.jazz_status", "status", "jazz"),
      entity("binary_sensor.jazz_problem", "problem", "jazz"),
      entity("binary_sensor.attic_connected", "connected", "attic"),
      entity("sensor.attic_cpu", "cpu", "attic"),
      entity("binary_sensor.home_reachable", "reachable", "home"),
      entity("sensor.home_problems", "problems", "home"),
      ["light.lamp", { entity_id: "light.lamp", platform: "hue", translation_key: "lamp", device_id: "lamp" }],
    ]),
    devices: {
      fridge: { id: "fridge", name: "Fridge", area_id: "kitchen", sw_version: "v1.0.0" },
      jazz: { id: "jazz", name: "jazz", name_by_user: "Jazz", area_id: null },
      attic: { id: "attic", name: "pi-attic" },
      home: { id: "home", name: "Home" },
      lamp: { id: "lamp", name: "Lamp", area_id: "kitchen" },
    },
    areas: { kitchen: { area_id: "kitchen", name: "Kitchen", icon: "mdi:fridge" } },
    services: { home_cluster: { get_logs: {} } },
    formatEntityState: (state) => `«${state.state}»`,
    answer: () => ({}),
    connection: {
      sendMessagePromise: async (message) => {
        calls.push(message);
        return hass.answer(message);
      },
    },
  };
  return { hass, calls, set };
}

export function break_(set, message = "It crashes.", advice = "Read its log.") {
  set("sensor.fridge_status", "failing");
  set("sensor.fridge_reason", "crash_loop");
  set("binary_sensor.fridge_problem", "on", { message, advice });
}

export function show(tag, config, hass) {
  const card = document.createElement(tag);
  card.setConfig(config);
  card.hass = hass;
  document.body.replaceChildren(card);
  return card;
}

export const text = (card) =>
  [...card.shadowRoot.querySelector("ha-card").querySelectorAll("*")]
    .filter((node) => !node.childElementCount)
    .map((node) => node.textContent)
    .filter(Boolean);

export const settle = () => new Promise((done) => setTimeout(done, 0));
