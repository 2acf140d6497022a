// The time of each part of a run, as bars on one axis.

import { make, seconds } from "/page/dom.js";

/** Return a table of `parts`, with a bar for each, and what answered. */
export function drawWaterfall(parts, total) {
  const end = Math.max(total ?? 0, ...parts.map((part) => part.start + part.seconds), 1e-9);
  const rows = parts.map((part) => row(part, end));
  const table = make("table", { class: "waterfall" },
    make("caption", { text: `Timings by part, ${seconds(total)} in all` }),
    make("thead", {}, make("tr", {}, ...["Step and part", "Timeline", "Took"].map((text) => make("th", { scope: "col", text })))),
    make("tbody", {}, ...rows));
  return make("div", { class: "scroll" }, table);
}

function row(part, end) {
  const bar = make("span", { class: `bar ${part.part}` });
  bar.style.marginLeft = `${(part.start / end) * 100}%`;
  bar.style.width = `max(2px, ${(part.seconds / end) * 100}%)`;
  const name = make("th", { scope: "row" }, make("span", { class: "step", text: part.step }), make("span", { class: "part", text: ` ${part.part}` }));
  const arms = answeredBy(part);
  if (arms) name.append(make("span", { class: "answered", text: arms }));
  return make("tr", {}, name,
    make("td", { class: "track" }, make("span", { class: "unseen", text: `from ${seconds(part.start)}` }), bar),
    make("td", { class: "number-cell", text: seconds(part.seconds) }));
}

/** Return which backend and version answered the requests of `part`. */
export function answeredBy(part) {
  const arms = part.answered_by ?? [];
  if (!part.model || !arms.length) return "";
  const texts = arms.map(({ backend, version, requests }) => {
    const which = `${backend || "an unnamed backend"}${version ? `, version ${version}` : ""}`;
    return `${which}, ${requests} ${requests === 1 ? "request" : "requests"}`;
  });
  return `${part.model} on ${texts.join("; ")}`;
}

