// The result of a run: over the picture, in a table, and its timings.

import { css, make, regionColor, seconds } from "/page/dom.js";
import { drawRegions } from "/page/overlay.js";
import { answeredBy, drawWaterfall } from "/page/waterfall.js";

/** Return the regions of a result: the box of each, with its mask, texts and other values; none without regions. */
export function regionsOf(values) {
  const boxes = values.regions;
  if (!Array.isArray(boxes) || !boxes.every((one) => one === null || Array.isArray(one?.box))) return [];
  const columns = columnsOf(values);
  return boxes.map((one, index) => {
    const row = columns.map(([name, list]) => [name, list[index]]);
    return {
      box: one?.box ?? null,
      label: one?.label ?? "",
      mask: row.find(([, value]) => isMask(value))?.[1] ?? null,
      texts: row.filter(([, value]) => typeof value === "string").map(([, value]) => value),
    };
  });
}

/** Return the values that have one item for each region, by name. */
export function columnsOf(values) {
  const count = Array.isArray(values.regions) ? values.regions.length : -1;
  return Object.entries(values).filter(([name, value]) => name !== "regions" && Array.isArray(value) && value.length === count);
}

export function isMask(value) {
  return value !== null && typeof value === "object" && "area" in value && "size" in value;
}

/** Return everything about one result, for a picture at `address`; without a picture `address` is empty. */
export function showResult(result, address, size, title) {
  const values = result.values ?? {};
  const regions = regionsOf(values);
  const section = make("section", { class: "result", "aria-label": title });
  const drawn = address && regions.length && size[0] ? drawRegions(address, size, regions, title) : null;
  if (drawn) section.append(drawn.element);
  if (result.parts?.length) section.append(summaryOf(result));
  if (result.failures?.length) section.append(failuresOf(result.failures));
  if (columnsOf(values).length || regions.some((region) => region.label)) section.append(tableOf(values, regions));
  const others = othersOf(values, regions.length > 0);
  if (others) section.append(others);
  if (result.parts?.length) section.append(drawWaterfall(result.parts, result.seconds));
  return { element: section, ready: drawn?.ready ?? Promise.resolve() };
}

function summaryOf(result) {
  const arms = [...new Set(result.parts.map(armsOf).filter(Boolean))];
  return make("p", { class: "summary" },
    make("strong", { text: result.ok ? `Answered in ${seconds(result.seconds)}` : `Answered in part, in ${seconds(result.seconds)}` }),
    ...arms.map((text) => make("span", { class: "chip", text })));
}

function armsOf(part) {
  return answeredBy(part).replace(/, \d+ requests?/g, "");
}

function failuresOf(failures) {
  return make("div", { class: "notice", role: "alert" },
    make("strong", { text: `${failures.length} ${failures.length === 1 ? "part" : "parts"} failed` }),
    make("ul", {}, ...failures.map((one) => make("li", { text: `${one.step}${one.index == null ? "" : `, region ${one.index + 1}`}: ${one.detail}` }))));
}

function tableOf(values, regions) {
  const columns = columnsOf(values);
  const head = make("tr", {}, ...["Region", ...columns.map(([name]) => name)].map((text) => make("th", { scope: "col", text })));
  const rows = regions.map((region, index) => make("tr", {},
    make("th", { scope: "row" }, chip(index), ...(region.label ? [` ${region.label}`] : [])),
    ...columns.map(([, list]) => make("td", {}, cell(list[index], region)))));
  return make("div", { class: "scroll" },
    make("table", { class: "regions" }, make("caption", { text: "Regions" }), make("thead", {}, head), make("tbody", {}, ...rows)));
}

/** Return the number of a region in its color. */
export function chip(index) {
  const element = make("span", { class: "number", text: String(index + 1) });
  element.style.setProperty("--color", css(regionColor(index)));
  return element;
}

function cell(value) {
  if (value === null) return make("em", { text: "failed" });
  return isMask(value) ? maskText(value) : shortText(value);
}

/** Return a mask in words. */
export function maskText(mask) {
  const share = (100 * mask.area) / (mask.size[0] * mask.size[1]);
  return `${mask.area.toLocaleString("en")} pixels, ${share.toFixed(1)} %`;
}

/** Return a value as text, of at most a few lines. */
export function shortText(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

function othersOf(values, hasRegions) {
  const known = new Set(hasRegions ? ["regions", ...columnsOf(values).map(([name]) => name)] : []);
  // Pixels come back as their datatype and shape, which say nothing new.
  const rows = Object.entries(values).filter(([name, value]) => !known.has(name) && !(value?.datatype && value.shape));
  if (!rows.length) return null;
  return make("dl", { class: "values" }, ...rows.flatMap(([name, value]) => [
    make("dt", { text: name }),
    make("dd", {}, isMask(value) ? maskText(value) : make("pre", { tabindex: "0", text: pretty(value) })),
  ]));
}

function pretty(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return text.length > 20000 ? `${text.slice(0, 20000)}…` : text;
}
