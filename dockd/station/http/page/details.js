// A page for a camera and for one of its dockings: where every clip is, and what comes next.

import { problemItems } from "./problems.js";
import { cameraPath, dockingPath } from "./rack.js";
import { bytes, day, element, foreign } from "./words.js";

const CLIPS = 500;

class Failed extends Error {}

export async function asked(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (answer.status === 401) location.assign("/login");
  const said = await answer.json();
  if (!answer.ok) throw new Failed(`${said.reason} ${said.next}`);
  return said;
}

function table(caption, heads, rows) {
  const cells = (name, values) => values.map((value) =>
    element(name, name === "th" ? { scope: "col" } : {}, value ?? ""));
  return element("div", { class: "wide", role: "region", "aria-label": caption, tabindex: "0" },
    element("table", {}, element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...cells("th", heads))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...cells("td", row))))));
}

function term(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}

function title(kind, name) {
  return element("h2", { tabindex: "-1" }, `${kind} `, foreign(name));
}

function dockingEnd(docking) {
  return docking.ended_at ? `${day(docking.ended_at)}, ${docking.end_reason ?? ""}` : "still in";
}

function clipTable(page) {
  const rows = page.clips.map((clip) => [
    foreign(clip.path), clip.held ? `${clip.place} (${clip.held})` : clip.place, bytes(clip.size_bytes),
    clip.reason ? foreign(clip.reason) : "nothing left to do",
    clip.next ? foreign(`${clip.owner}: ${clip.next}`) : "", clip.eta ? day(clip.eta) : "",
  ]);
  const more = page.next ? `, the first ${CLIPS}; dockd clips has them all` : "";
  return table(`Clips${more}`, ["Clip", "Place", "Size", "Why it is there", "Next", "Expected"], rows);
}

function books(found) {
  const names = ["seen", "waiting", "verified", "stored", "wiped", "held", "gone", "unaccounted"];
  return element("dl", { class: "books" }, ...names.map((name) => term(name, String(found[name]))));
}

function missing(gaps) {
  return gaps.length ? [element("p", {}, "Numbers that no file seen here has: ",
    foreign(gaps.map((gap) => gap.slice(gap.lastIndexOf(": ") + 2)).join(", ")))] : [];
}

function problems(found) {
  return found.length ? [element("ul", { class: "problems" }, ...problemItems(found))] : [];
}

async function camera(serial) {
  const path = encodeURIComponent(serial);
  const [found, clips] = await Promise.all([
    asked(`/v1/cameras/${path}`), asked(`/v1/clips?camera=${path}&limit=${CLIPS}`)]);
  const rows = [...found.dockings].reverse().map((docking) => [
    element("a", { href: dockingPath(serial, docking.docking) }, foreign(docking.docking)),
    foreign(docking.slot), day(docking.started_at), dockingEnd(docking),
    docking.cleared ? "cleared" : docking.offloaded ? "copied" : "not all copied"]);
  const wear = found.wear ? [element("p", {}, found.wear.replace ? "Worn: " : "Wear: ",
    foreign(found.wear.evidence.join("; ") || "nothing that shows"))] : [];
  return [
    title("Camera", serial),
    element("p", {}, found.slot ? "In slot " : "Not docked now.", found.slot ? foreign(found.slot) : "",
      found.held ? " It is set aside, and is not cleared." : ""),
    books(found.completeness), ...missing(found.completeness.gaps), ...problems(found.problems), ...wear,
    table("Dockings, the newest first", ["Docking", "Slot", "From", "To", "Footage"], rows), clipTable(clips)];
}

async function docking(serial, name) {
  const clips = asked(`/v1/clips?docking=${encodeURIComponent(name)}&limit=${CLIPS}`);
  const found = await asked(`/v1/cameras/${encodeURIComponent(serial)}`);
  const known = found.dockings.find((one) => one.docking === name);
  const facts = known ? [term("Slot", foreign(known.slot)), term("From", day(known.started_at)),
    term("To", dockingEnd(known)), term("Cleared", known.cleared ? "yes" : "no")] : [];
  return [
    title("Docking", name),
    element("p", {}, "Camera ", element("a", { href: cameraPath(serial) }, foreign(serial))),
    element("dl", { class: "books" }, ...facts), clipTable(await clips)];
}

/** What a path leads to, drawn; null when it leads to the station itself. */
export function detail(path) {
  const [kind, ...names] = path.replace(/^#/, "").split("/");
  try {
    const [serial, name] = names.map(decodeURIComponent);
    if (kind === "camera" && serial) return () => camera(serial);
    if (kind === "docking" && serial && name) return () => docking(serial, name);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  return null;
}

/** An answer that did not come, said in place of one that did. */
export function failed(error) {
  const why = error instanceof Failed ? error.message : "The station does not answer.";
  return [element("h2", { tabindex: "-1" }, "Nothing to show"), element("p", {}, foreign(why))];
}
