// @ts-check
/**
 * Make an element. Texts become text nodes, never markup: much of what is shown was written by programs
 * in the cluster.
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node|string)[]} [content]
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, content = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

/**
 * Make a button that does something, once at a time.
 * @param {string} label
 * @param {() => (void|Promise<void>)} press
 * @returns {HTMLButtonElement}
 */
export function button(label, press) {
  const made = /** @type {HTMLButtonElement} */ (element("button", { type: "button" }, [label]));
  made.addEventListener("click", async (event) => {
    event.stopPropagation();
    made.disabled = true;
    try {
      await press();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

/**
 * Ask Home Assistant to show an entity's dialog.
 * @param {HTMLElement} from
 * @param {string|undefined} entityId
 */
export function showMore(from, entityId) {
  if (entityId === undefined) return;
  const detail = { entityId };
  from.dispatchEvent(new CustomEvent("hass-more-info", { detail, bubbles: true, composed: true }));
}

/**
 * Return the words of an error, whatever was thrown.
 * @param {unknown} error
 * @returns {string}
 */
export function wordsOf(error) {
  const message = /** @type {{message?: unknown}} */ (error ?? {}).message;
  return typeof message === "string" && message ? message : String(error);
}

export const STYLE = `
  :host { display: block; }
  ha-card { display: flex; flex-direction: column; height: 100%; padding: 12px; gap: 8px; box-sizing: border-box; }
  .head { display: flex; align-items: center; gap: 12px; min-height: 40px; }
  .title { flex: 1; min-width: 0; background: none; border: 0; padding: 0; text-align: start; font: inherit; color: inherit; cursor: pointer; }
  .name { font-weight: 500; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .state { color: var(--secondary-text-color); font-size: 0.9em; overflow: hidden; text-overflow: ellipsis; }
  .icon { color: var(--state-icon-color, var(--secondary-text-color)); flex: none; }
  [data-tone="good"] .icon { color: var(--success-color, #43a047); }
  [data-tone="bad"] .icon { color: var(--error-color, #db4437); }
  [data-tone="busy"] .icon { color: var(--info-color, #039be5); }
  .problem { border-inline-start: 3px solid var(--error-color, #db4437); padding-inline-start: 10px; overflow-wrap: anywhere; }
  .problem p { margin: 0 0 4px; }
  .advice, .details, .error { color: var(--secondary-text-color); }
  .details { font-size: 0.9em; }
  .actions { display: flex; flex-wrap: wrap; gap: 8px; }
  .actions button { font: inherit; font-size: 0.9em; padding: 6px 12px; border-radius: 16px; border: 1px solid var(--divider-color, #ccc); background: none; color: var(--primary-text-color); cursor: pointer; }
  .actions button:disabled { opacity: 0.5; cursor: default; }
  .actions button.sure { border-color: var(--error-color, #db4437); color: var(--error-color, #db4437); }
  .power { flex: none; width: 44px; height: 24px; border-radius: 12px; border: 0; padding: 2px; background: var(--disabled-color, #bdbdbd); cursor: pointer; }
  .power::before { content: ""; display: block; width: 20px; height: 20px; border-radius: 50%; background: var(--card-background-color, #fff); transition: margin 0.15s; }
  .power[aria-checked="true"] { background: var(--primary-color, #03a9f4); }
  .power[aria-checked="true"]::before { margin-inline-start: 20px; }
  .power:disabled { opacity: 0.5; cursor: default; }
  pre { margin: 0; max-height: 240px; overflow: auto; padding: 8px; border-radius: 8px; background: var(--secondary-background-color, #eee); font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere; }
  ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px; }
  button:focus-visible { outline: 2px solid var(--primary-color, #03a9f4); outline-offset: 2px; }
  [hidden] { display: none !important; }
`;
