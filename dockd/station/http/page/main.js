// Joins the page: what the station sends, who shows it, and which of its views is open.

import { charts, figures } from "./charts.js";
import { asked, detail, failed } from "./details.js";
import { ProblemList } from "./problems.js";
import { Rack } from "./rack.js";
import { follow } from "./stream.js";
import { clock, mark, say, visible } from "./words.js";

const DAY_AGAIN_MS = 60_000;
const DETAIL_AGAIN_MS = 1500;
const at = (id) => document.getElementById(id);

const rack = new Rack(at("rack"), at("spoken"));
const problems = new ProblemList(at("problem-list"), at("no-problems"));
let version = null;
let isThere = null;
let redrawing = 0;

function showStatus(status) {
  // After an upgrade the scripts of before would show answers that they do not know.
  if (version !== null && version !== status.version) location.reload();
  version = status.version;
  document.title = `${visible(status.station)}: ${status.health}`;
  say(at("station"), visible(status.station));
  mark(at("health"), status.health);
  say(at("summary"), [visible(status.site), `dockd ${status.version}`].filter(Boolean).join(", "));
  say(at("time"), clock(status.time));
  at("time").dateTime = status.time;
  problems.show(status.problems);
  at("figures").replaceChildren(...figures(status));
}

// With its status the station has said everything, each slot before it.
function found() {
  if (isThere) return;
  isThere = true;
  document.body.dataset.link = "there";
  say(at("link"), "");
  rack.settle();
  showDay();
  redraw();
}

function lost(why) {
  if (why) say(at("link"), visible(why));
  if (isThere === false) return;
  isThere = false;
  document.body.dataset.link = "lost";
  rack.doubt();
  mark(at("health"), "unknown");
  say(at("link"), `No connection to the station since ${clock(new Date())}. What is below was true then; nobody knows what is true now.`);
  // An EventSource does not say why it ended: this sends whoever is let in no longer to the login.
  showDay();
}

async function showDay() {
  try {
    at("charts").replaceChildren(...charts(await asked("/v1/history")));
  } catch {
    // The charts stay as they were; that the station is away is said elsewhere.
  }
}

/** Draw the open view again, soon, however much happens meanwhile. */
function redraw() {
  if (!detail(location.hash) || redrawing) return;
  redrawing = setTimeout(() => {
    redrawing = 0;
    open({ again: true });
  }, DETAIL_AGAIN_MS);
}

async function open({ again = false } = {}) {
  const [path, show] = [location.hash, detail(location.hash)];
  at("station-view").hidden = show !== null;
  at("detail-view").hidden = show === null;
  if (!show) return;
  const drawn = await show().catch(failed);
  // Meanwhile somebody may have gone elsewhere.
  if (location.hash !== path) return;
  const view = at("detail-view");
  const inside = view.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  view.replaceChildren(...drawn);
  if (!again) view.querySelector("h2").focus();
  else if (inside) [...view.querySelectorAll("a")].find((link) => link.getAttribute("href") === inside)?.focus();
}

function heard(name, data) {
  if (name === "slot") rack.show(data);
  else if (name === "status") {
    showStatus(data);
    found();
  } else redraw();
}

follow({ heard, lost });
addEventListener("hashchange", () => open());
setInterval(showDay, DAY_AGAIN_MS);
open();
