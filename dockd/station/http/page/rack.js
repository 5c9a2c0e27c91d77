// The rack as it stands in front of the officer: a tile a slot.

import { battery, bytes, clock, count, element, foreign, KINDS, kindOf, mark, percent, say, stateOf, visible } from "./words.js";

const SPOKEN_AT_ONCE = 3;
const SPEAK_AFTER_MS = 1000;
const BY_NAME = new Intl.Collator("en", { numeric: true });

export function cameraPath(serial) {
  return `#camera/${encodeURIComponent(serial)}`;
}

export function dockingPath(serial, docking) {
  return `#docking/${encodeURIComponent(serial)}/${encodeURIComponent(docking)}`;
}

/** Which camera to take before the others: the best charged, the least used. */
export function turn(slot) {
  if (typeof slot.issue !== "number") return "";
  return slot.issue === 1 ? " · take this one first" : ` · number ${slot.issue} to take`;
}

/** One slot. Its parts stay where they are, so that nobody who is on one of them loses their place. */
class Tile {
  constructor(name) {
    this.name = name;
    this.kind = null;
    this.slot = null;
    this.advice = element("p", { class: "advice badge" });
    this.state = element("p", { class: "state" });
    this.camera = element("p", { class: "camera" });
    this.progress = element("progress", { max: "100", "aria-label": `Copied of ${visible(name)}` });
    this.facts = element("dl");
    this.node = element("li", { class: "tile" },
      element("h3", {}, foreign(name)), this.advice, this.camera, this.state, this.progress, this.facts);
  }

  show(slot) {
    this.slot = slot;
    this.isDoubted = false;
    this.#mark(kindOf(slot));
    this.#name(slot);
    const done = percent(slot.bytes_verified, slot.bytes_total);
    const trouble = slot.problems.length ? ` · ${count(slot.problems.length, "problem")}` : "";
    say(this.state, `${stateOf(slot)}${turn(slot)}${trouble}`);
    this.progress.hidden = !slot.docking;
    this.progress.value = slot.bytes_total > 0 ? done : 0;
    this.#tell(slot.docking ? {
      Copied: slot.bytes_total > 0 ? `${done} % of ${bytes(slot.bytes_total)}` : slot.state === "ready" ? "nothing on it" : "nothing yet",
      Battery: battery(slot),
      Ready: slot.ready_at ? clock(slot.ready_at) : kindOf(slot) === "take" ? "now" : "unknown",
    } : {});
  }

  /** Nobody vouches any more for what was said of it. */
  doubt() {
    this.isDoubted = true;
    this.#mark("unknown");
    say(this.state, "");
    this.#tell({});
    this.progress.hidden = true;
  }

  #mark(kind) {
    this.kind = kind;
    this.node.dataset.kind = kind;
    mark(this.advice, kind);
  }

  #name(slot) {
    const shown = `${slot.camera} ${slot.docking}`;
    if (this.camera.dataset.shown === shown) return;
    this.camera.dataset.shown = shown;
    if (!slot.camera) this.camera.replaceChildren();
    else {
      const path = slot.docking ? dockingPath(slot.camera, slot.docking) : cameraPath(slot.camera);
      this.camera.replaceChildren(element("a", { href: path }, foreign(slot.camera)));
    }
  }

  #tell(facts) {
    const names = Object.keys(facts);
    if (this.facts.dataset.names !== names.join()) {
      this.facts.dataset.names = names.join();
      this.facts.replaceChildren(...names.map((name) =>
        element("div", { class: name.toLowerCase() }, element("dt", {}, name), element("dd"))));
    }
    names.forEach((name, at) => say(this.facts.children[at].lastChild, facts[name]));
  }
}

export class Rack {
  constructor(list, spoken) {
    this.list = list;
    this.spoken = spoken;
    this.tiles = new Map();
    this.news = new Map();
    this.speaking = 0;
  }

  show(slot) {
    const tile = this.tiles.get(slot.slot) ?? this.#added(slot.slot);
    const [before, isNew] = [tile.kind, tile.slot === null];
    tile.show(slot);
    if (!isNew && before !== tile.kind) this.#speak(tile);
  }

  doubt() {
    for (const tile of this.tiles.values()) tile.doubt();
  }

  /** Let go of the slots that the station did not name again. */
  settle() {
    for (const tile of this.tiles.values()) if (tile.isDoubted) this.#removed(tile);
  }

  #removed(tile) {
    this.tiles.delete(tile.name);
    tile.node.remove();
    this.#sized();
  }

  #sized() {
    this.list.dataset.size = this.tiles.size <= 8 ? "large" : this.tiles.size <= 24 ? "medium" : "small";
  }

  #added(name) {
    const tile = new Tile(name);
    this.tiles.set(name, tile);
    const ordered = [...this.tiles.values()].sort((one, other) => BY_NAME.compare(one.name, other.name));
    const behind = ordered[ordered.indexOf(tile) + 1];
    this.list.insertBefore(tile.node, behind ? behind.node : null);
    this.#sized();
    return tile;
  }

  /** For those who hear the rack: what changed, once it has settled. */
  #speak(tile) {
    this.news.set(tile.name, tile);
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      const all = [...this.news.values()].map((one) =>
        `${visible(one.name)}: ${KINDS[one.kind].word}${one.slot.camera ? ` ${visible(one.slot.camera)}` : ""}`);
      const more = all.length - SPOKEN_AT_ONCE;
      say(this.spoken, all.slice(0, SPOKEN_AT_ONCE).join(". ") + (more > 0 ? `. And ${count(more, "slot")} more.` : "."));
      this.news.clear();
    }, SPEAK_AFTER_MS);
  }
}
