// What is wrong, whose it is, and what they do: the words are the station's own.

import { cameraPath } from "./rack.js";
import { day, element, foreign, mark } from "./words.js";

const PLAIN_CAMERA = /^camera ([A-Za-z0-9._-]+)( |$)/;

/** The problems as list items, the worst first. */
export function problemItems(problems) {
  const order = { fail: 0, warn: 1 };
  const worstFirst = [...problems].sort((one, other) =>
    (order[one.severity] ?? 2) - (order[other.severity] ?? 2));
  return worstFirst.map(item);
}

function item(problem) {
  const badge = element("p", { class: "badge" });
  mark(badge, problem.severity);
  return element("li", { class: "problem", "data-kind": problem.severity },
    badge,
    element("p", { class: "what" }, element("strong", {}, subject(problem.subject)), ": ", foreign(problem.reason)),
    element("p", { class: "next" }, "Next, for ", element("b", {}, foreign(problem.owner)), ": ", foreign(problem.next)),
    element("p", { class: "since" }, "since ", day(problem.since), ", ", element("code", {}, foreign(problem.slug))));
}

function subject(text) {
  // A name that is shown spelt out is not the camera's own, and leads nowhere.
  const camera = PLAIN_CAMERA.exec(text);
  return camera ? element("a", { href: cameraPath(camera[1]) }, foreign(text)) : foreign(text);
}

/** A list that is drawn again only when it says something else, and keeps the reader's place. */
export class ProblemList {
  constructor(list, none) {
    this.list = list;
    this.none = none;
    this.shown = null;
  }

  show(problems) {
    const now = JSON.stringify(problems);
    if (now === this.shown) return;
    this.shown = now;
    const at = document.activeElement?.getAttribute("href");
    const inside = this.list.contains(document.activeElement);
    this.list.replaceChildren(...problemItems(problems));
    this.none.textContent = "Nothing is wrong.";
    this.none.hidden = problems.length > 0;
    if (inside) [...this.list.querySelectorAll("a")].find((link) => link.getAttribute("href") === at)?.focus();
  }
}
