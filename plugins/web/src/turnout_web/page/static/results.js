// The result of a run: over the picture, in a table, and its timings.

import { css, make, regionColor, seconds } from "/page/dom.js";
import { drawLines, lineTable, linesOf } from "/page/lines.js";
import { areClasses, drawMaps, isMap } from "/page/maps.js";
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
      label: withScore(one?.label, one?.score),
      mask: row.find(([, value]) => isMask(value))?.[1] ?? null,
      texts: row.map(([, value]) => textOf(value)).filter(Boolean),
    };
  });
}

/** Return the values that have one item for each region, by name. */
export function columnsOf(values) {
  const count = Array.isArray(values.regions) ? values.regions.length : -1;
  // The five best labels of a picture with five regions are not about the regions.
  return Object.entries(values).filter(([name, value]) => name !== "regions" && Array.isArray(value) && value.length === count
    && !value.some(isPart));
}

/** Return whether an item is a part of one list about the picture: a label, a class or a line of text. */
function isPart(item) {
  return item !== null && typeof item === "object" && !Array.isArray(item) && ("score" in item || "share" in item) && !("box" in item);
}

function areLabels(value) {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one?.label === "string" && typeof one.score === "number");
}

function withScore(label, score) {
  return [label, typeof score === "number" ? score.toFixed(2) : ""].filter(Boolean).join(" ");
}

/** Return what a label on the picture says of a value: a text, or the best of several labels. */
function textOf(value) {
  if (typeof value === "string") return value;
  return areLabels(value) ? withScore(value[0].label, value[0].score) : "";
}

export function isMask(value) {
  return value !== null && typeof value === "object" && "area" in value && "size" in value;
}

/** Return everything about one result, for a picture at `address`; without a picture `address` is empty. */
export function showResult(result, address, size, title) {
  const values = result.values ?? {};
  const regions = regionsOf(values);
  const section = make("section", { class: "result", "aria-label": title });
  const maps = address && size[0] ? drawMaps(address, size, values) : [];
  const lines = linesOf(values);
  const outlined = address && size[0] ? lines.map(([, list]) => drawLines(address, size, list, title)) : [];
  // The edge of the picture is no finding beside a map or a text.
  const found = regions.length && !((maps.length || lines.length) && regions.every((region) => isEdge(region, size)));
  const described = `${title}: ${regions.length} regions; their texts are in the table below.`;
  const boxed = address && found && size[0] ? [drawRegions(address, size, regions, described)] : [];
  const drawn = [...boxed, ...outlined, ...maps];
  section.append(...drawn.map(({ element }) => element));
  if (result.parts?.length) section.append(summaryOf(result));
  if (result.failures?.length) section.append(failuresOf(result.failures));
  if (columnsOf(values).length || regions.some((region) => region.label)) section.append(tableOf(values, regions));
  section.append(...lines.map(([name, list]) => lineTable(name, list)));
  const others = othersOf(values, regions.length > 0);
  if (others) section.append(others);
  if (result.parts?.length) section.append(drawWaterfall(result.parts, result.seconds));
  return { element: section, ready: Promise.all(drawn.map(({ ready }) => ready)) };
}

function isEdge({ box, label, mask, texts }, [width, height]) {
  return box && !label && !mask && !texts.length && String(box) === String([0, 0, width, height]);
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
  const labels = areLabels(value) ? value.map(({ label, score }) => withScore(label, score)).join(", ") : "";
  const text = labels || (typeof value === "string" ? value : JSON.stringify(value));
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

function othersOf(values, hasRegions) {
  const known = new Set(hasRegions ? ["regions", ...columnsOf(values).map(([name]) => name)] : []);
  const lines = new Set(linesOf(values).map(([, list]) => list));
  // Pixels come back as their datatype and shape, which say nothing new.
  const isDrawn = (value) => isMap(value) || lines.has(value) || areClasses(value) || (value?.datatype && value.shape);
  const rows = Object.entries(values).filter(([name, value]) => !known.has(name) && !isDrawn(value));
  if (!rows.length) return null;
  return make("dl", { class: "values" }, ...rows.flatMap(([name, value]) => [
    make("dt", { text: name }),
    make("dd", {}, isMask(value) ? maskText(value) : make("pre", { tabindex: "0", text: pretty(value) })),
  ]));
}

function pretty(value) {
  if (areLabels(value)) return value.map(({ label, score }) => withScore(label, score)).join("\n");
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return text.length > 20000 ? `${text.slice(0, 20000)}…` : text;
}
