// @ts-check
import { devicesOf, isCluster, isNode, isWorkload } from "./devices.js";
import { wordsIn } from "./words.js";

/** @typedef {import("./devices.js").Hass} Hass */
/** @typedef {import("./devices.js").Device} Device */

/** A dashboard that makes itself: what is wrong first, then the devices by room, the nodes, the cluster. */
export class HomeClusterDashboard extends HTMLElement {
  /**
   * @param {{title?: string}} config
   * @param {Hass} hass
   */
  static async generate(config, hass) {
    const words = wordsIn(hass.language);
    const devices = devicesOf(hass);
    const problems = { type: "custom:home-cluster-problems-card" };
    return {
      title: config.title ?? "Home Cluster",
      views: [
        {
          title: config.title ?? "Home Cluster",
          path: "devices",
          icon: "mdi:home-automation",
          type: "sections",
          max_columns: 3,
          sections: [
            { ...section(words.problems, "mdi:stethoscope", [problems]), column_span: 3 },
            ...rooms(hass, devices.filter(isWorkload), words.elsewhere),
            ...machines(words.nodes, "mdi:server", devices.filter(isNode)),
            ...machines(words.cluster, "mdi:kubernetes", devices.filter(isCluster)),
          ],
        },
      ],
    };
  }

  static getCreateSuggestions() {
    return { title: "Home Cluster", icon: "mdi:home-automation" };
  }
}

/**
 * @param {Hass} hass
 * @param {Device[]} devices
 * @param {string} elsewhere
 */
function rooms(hass, devices, elsewhere) {
  const byArea = Map.groupBy(devices, (device) =>
    device.areaId !== null && hass.areas[device.areaId] ? device.areaId : "",
  );
  const areas = [...byArea.keys()].filter(Boolean).map((id) => hass.areas[id]);
  areas.sort((a, b) => a.name.localeCompare(b.name));
  const made = areas.map((area) =>
    section(area.name, area.icon ?? "mdi:floor-plan", cards(byArea.get(area.area_id) ?? [])),
  );
  const rest = byArea.get("");
  return rest ? [...made, section(elsewhere, "mdi:home-outline", cards(rest))] : made;
}

/** @param {Device[]} devices */
function cards(devices) {
  return devices.map((device) => ({ type: "custom:home-cluster-card", device: device.id }));
}

/**
 * Nodes and clusters are shown by Home Assistant's own tiles.
 * @param {string} heading
 * @param {string} icon
 * @param {Device[]} devices
 */
function machines(heading, icon, devices) {
  const keys = ["connected", "reachable", "cpu", "memory", "problems"];
  const tiles = devices.flatMap((device) =>
    keys
      .filter((key) => key in device.entities)
      .map((key) => ({ type: "tile", entity: device.entities[key] })),
  );
  return tiles.length ? [section(heading, icon, tiles)] : [];
}

/**
 * @param {string} heading
 * @param {string} icon
 * @param {object[]} content
 */
function section(heading, icon, content) {
  return { type: "grid", cards: [{ type: "heading", heading, icon }, ...content] };
}
