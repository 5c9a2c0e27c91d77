// The last day in two small charts, each with its sentence for those who do not see it.

import { bytes, clock, count, drawn, element, foreign, lasting } from "./words.js";

const DAY_MS = 86_400_000;
const [WIDTH, HEIGHT] = [288, 60];

/** Points of time and value as the outline of an area, with a gap where nothing was measured. */
function outline(points, { until, top, stepMs }) {
  const x = (time) => (WIDTH * (1 - (until - time) / DAY_MS)).toFixed(1);
  const y = (value) => (HEIGHT * (1 - value / top)).toFixed(1);
  const runs = [];
  let last = -Infinity;
  for (const point of points) {
    if (point.time - last > 2 * stepMs) runs.push([]);
    runs.at(-1).push(point);
    last = point.time;
  }
  return runs.map((run) => `M${x(run[0].time)} ${HEIGHT}${run
    .map((point) => `L${x(point.time)} ${y(point.value)}`).join("")}L${x(run.at(-1).time)} ${HEIGHT}Z`).join("");
}

function chart(name, sentence, points, scale) {
  return element("figure", {},
    element("figcaption", {}, element("b", {}, name), ` ${sentence}`),
    drawn("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${name}: ${sentence}`,
    }, drawn("path", { d: outline(points, scale) })));
}

/** Both charts of a `/v1/history`. */
export function charts(history) {
  if (!history.points.length) return [];
  const until = Date.parse(history.points.at(-1).time);
  const within = history.points.filter((point) => until - Date.parse(point.time) <= DAY_MS);
  const line = (value) => within.map((point) => ({ time: Date.parse(point.time), value: value(point) }));
  const scale = { until, stepMs: history.step_s * 1000 };
  const rates = line((point) => point.rate_bytes_s);
  const used = line((point) => point.spool_used_bytes);
  const most = Math.max(...rates.map((point) => point.value));
  const newest = within.at(-1);
  const whole = newest.spool_used_bytes + newest.spool_free_bytes;
  const since = `since ${clock(within[0].time)}`;
  return [
    chart("Uplink", `at most ${bytes(most)}/s ${since}`, rates, { ...scale, top: Math.max(most, 1) }),
    chart("Spool", `${bytes(newest.spool_used_bytes)} of ${bytes(whole)} used; at most ${
      bytes(Math.max(...used.map((point) => point.value)))} ${since}`, used, { ...scale, top: Math.max(whole, 1) }),
  ];
}

const figure = (name, text) => element("div", {}, element("dt", {}, name), element("dd", {}, text));

/** What the link, the spool and the stores are like now. */
export function figures(status) {
  const { uplink, spool, power } = status;
  const limit = uplink.limit_bytes_s > 0 ? ` of ${bytes(uplink.limit_bytes_s)}/s` : "";
  const waiting = uplink.queued_clips
    ? `${count(uplink.queued_clips, "clip")}, ${bytes(uplink.queued_bytes)}, for up to ${lasting(uplink.oldest_unstored_s)}` : "nothing";
  const drawn_w = typeof power.drawn_w === "number" ? `${power.drawn_w} W of ${power.budget_w} W` : "unknown";
  return [
    figure("Uplink now", `${bytes(uplink.rate_bytes_s)}/s${limit}`),
    figure("Waits to be sent", waiting),
    figure("Spool", `${bytes(spool.free_bytes)} free${spool.accepting ? "" : ", takes no new clips"}`),
    figure("Power", drawn_w),
    ...status.stores.map((store) => {
      const made = figure("", store.breaker === "closed" ? "reached" : "not reached now");
      made.firstChild.append("Store ", foreign(store.name));
      return made;
    }),
  ];
}
