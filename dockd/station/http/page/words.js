// What things are called, and how a value becomes text. Nothing here ever becomes markup.

const WITHOUT_PICTURE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;
const SVG = "http://www.w3.org/2000/svg";

// Each kind has a word and a shape, so that its colour is never all there is to tell it by.
export const KINDS = {
  take: { word: "Take", path: "M4 13l5 5L20 6" },
  leave: { word: "Leave", path: "M6 3h12M6 21h12M7 3c0 9 10 9 10 18M17 3c0 9-10 9-10 18" },
  report: { word: "Report", path: "M12 3v12M12 19v2" },
  empty: { word: "Free", path: "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16" },
  off: { word: "Off", path: "M12 3v8M7 6a8 8 0 1 0 10 0" },
  unknown: { word: "Unknown", path: "M8 8a4 4 0 1 1 5 4c-1 .5-1 1-1 3M12 19v1" },
  pass: { word: "All well", path: "M4 13l5 5L20 6" },
  warn: { word: "Attention", path: "M12 3L2 21h20zM12 10v5M12 17v1" },
  fail: { word: "Fault", path: "M5 5l14 14M19 5L5 19" },
};

const STATES = {
  empty: "Drop a camera in",
  settling: "Looking at the camera",
  offloading: "Copying",
  ready: "Copied",
  fault: "Something is wrong",
  unknown: "Switched off for now",
};

/** A text with everything that has no picture of its own, or turns others around, spelt out. */
export function visible(text) {
  return String(text ?? "").replace(WITHOUT_PICTURE, (found) =>
    `\\u${found.codePointAt(0).toString(16).padStart(4, "0")}`);
}

/** An element with its attributes and children; texts stay texts. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Somebody else's text, apart from what surrounds it in its direction too. */
export function foreign(text) {
  return element("bdi", {}, visible(text));
}

/** Change a text only where it differs, so that nothing is read out or laid out for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function drawn(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A kind's shape; its word stands beside it. */
export function symbol(kind) {
  return drawn("svg", { viewBox: "0 0 24 24", class: "symbol", "aria-hidden": "true" },
    drawn("path", { d: KINDS[kind].path }));
}

/** Shape and word of a kind into a node, when it is not there already. */
export function mark(node, kind) {
  const known = KINDS[kind] ? kind : "unknown";
  if (node.dataset.kind === known && node.firstChild) return;
  node.dataset.kind = known;
  node.replaceChildren(symbol(known), element("span", {}, KINDS[known].word));
}

/** What the officer is told about a slot. */
export function kindOf(slot) {
  if (slot.state === "empty") return "empty";
  if (slot.state === "unknown") return "off";
  return ["take", "leave", "report"].includes(slot.advice) ? slot.advice : "unknown";
}

/** What a slot does, in a few words. */
export function stateOf(slot) {
  return STATES[slot.state] ?? visible(slot.state);
}

export function bytes(count) {
  let [value, unit] = [count, 0];
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function percent(part, whole) {
  return whole > 0 ? Math.floor((100 * part) / whole) : 0;
}

export function clock(time) {
  const at = new Date(time);
  return Number.isNaN(at.valueOf()) ? "unknown"
    : at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

export function day(time) {
  const at = new Date(time);
  return Number.isNaN(at.valueOf()) ? "unknown"
    : `${at.toLocaleDateString("en-CA")} ${clock(time)}`;
}

export function lasting(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function battery(slot) {
  if (typeof slot.battery_percent !== "number") return "unknown";
  const error = slot.battery_error_percent > 0 ? ` ±${slot.battery_error_percent}` : "";
  return `${slot.battery_percent}${error} %${slot.charging === true ? ", charging" : ""}`;
}

export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
