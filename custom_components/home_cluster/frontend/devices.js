// @ts-check
/**
 * What Home Assistant's frontend knows, as far as these modules use it.
 *
 * @typedef {{entity_id: string, state: string, attributes: Record<string, any>}} State
 * @typedef {{entity_id: string, platform?: string, translation_key?: string, device_id?: string|null,
 *   hidden?: boolean}} Entity
 * @typedef {{id: string, name?: string|null, name_by_user?: string|null, area_id?: string|null,
 *   sw_version?: string|null}} RegisteredDevice
 * @typedef {{area_id: string, name: string, icon?: string|null}} Area
 * @typedef {object} Hass
 * @property {Record<string, State>} states
 * @property {Record<string, Entity>} entities
 * @property {Record<string, RegisteredDevice>} devices
 * @property {Record<string, Area>} areas
 * @property {Record<string, Record<string, unknown>>} services
 * @property {string} language
 * @property {(state: State) => string} formatEntityState
 * @property {{sendMessagePromise: (message: Record<string, unknown>) => Promise<any>}} connection
 *
 * A device of this integration: its entities' ids by their keys ("power", "status", "problem", …).
 * @typedef {{id: string, name: string, areaId: string|null, version: string,
 *   entities: Record<string, string>}} Device
 */

export const DOMAIN = "home_cluster";

/**
 * Return a device of this integration, null if there is none of this id.
 * @param {Hass} hass
 * @param {string} id
 * @returns {Device|null}
 */
export function deviceOf(hass, id) {
  return devicesOf(hass).find((device) => device.id === id) ?? null;
}

/**
 * Return the devices of this integration, by name.
 * @param {Hass} hass
 * @returns {Device[]}
 */
export function devicesOf(hass) {
  /** @type {Map<string, Device>} */
  const found = new Map();
  for (const entity of Object.values(hass.entities)) {
    const registered = entity.device_id ? hass.devices[entity.device_id] : undefined;
    if (entity.platform !== DOMAIN || !entity.translation_key || !registered) continue;
    let device = found.get(registered.id);
    if (!device) {
      device = {
        id: registered.id,
        name: registered.name_by_user || registered.name || registered.id,
        areaId: registered.area_id ?? null,
        version: registered.sw_version ?? "",
        entities: {},
      };
      found.set(registered.id, device);
    }
    device.entities[entity.translation_key] = entity.entity_id;
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * Return the state of a device's entity, undefined if there is none.
 * @param {Hass} hass
 * @param {Device} device
 * @param {string} key
 * @returns {State|undefined}
 */
export function stateOf(hass, device, key) {
  const id = device.entities[key];
  return id === undefined ? undefined : hass.states[id];
}

/** @param {Device} device */
export const isWorkload = (device) => "status" in device.entities;

/** @param {Device} device */
export const isNode = (device) => "connected" in device.entities;

/** @param {Device} device */
export const isCluster = (device) => "reachable" in device.entities;

/**
 * Say whether a device has a problem now.
 * @param {Hass} hass
 * @param {Device} device
 */
export const hasProblem = (hass, device) => stateOf(hass, device, "problem")?.state === "on";
