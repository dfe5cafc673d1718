// @ts-check
import { HomeClusterCard } from "./card.js";
import { DOMAIN } from "./devices.js";
import { HomeClusterProblemsCard } from "./problems.js";
import { HomeClusterDashboard } from "./strategy.js";

/** @typedef {import("./devices.js").Hass} Hass */

/**
 * Offer a card for an entity of ours in the card picker.
 * @param {Hass} hass
 * @param {string} entityId
 */
function getEntitySuggestion(hass, entityId) {
  const entity = hass.entities[entityId];
  if (entity?.platform !== DOMAIN || !entity.device_id) return null;
  return { config: { type: "custom:home-cluster-card", device: entity.device_id } };
}

/**
 * Add to one of the lists that Home Assistant reads.
 * @param {string} list
 * @param {object} item
 */
function offer(list, item) {
  const page = /** @type {Record<string, any>} */ (/** @type {unknown} */ (window));
  // The frontend may hold the list already: it is added to, not replaced.
  page[list] = page[list] ?? [];
  page[list].push(item);
}

// A page that was open while the integration was reloaded has them already.
if (!customElements.get("home-cluster-card")) {
  customElements.define("home-cluster-card", HomeClusterCard);
  customElements.define("home-cluster-problems-card", HomeClusterProblemsCard);
  customElements.define("ll-strategy-dashboard-home-cluster", HomeClusterDashboard);
  offer("customCards", {
    type: "home-cluster-card",
    name: "Home Cluster: device",
    description: "A device of a cluster: how it is, why, and what can be done",
    preview: true,
    getEntitySuggestion,
  });
  offer("customCards", {
    type: "home-cluster-problems-card",
    name: "Home Cluster: problems",
    description: "What is wrong with any device of a cluster, in sentences",
    preview: true,
  });
  offer("customStrategies", {
    type: "home-cluster",
    strategyType: "dashboard",
    name: "Home Cluster",
    description: "All devices of your clusters by room, what is wrong first",
  });
}
