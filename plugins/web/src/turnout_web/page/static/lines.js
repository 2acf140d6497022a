// Lines of text in a picture: the outline of each over it, and a table of them.

import { css, make, regionColor } from "/page/dom.js";
import { drawRegions } from "/page/overlay.js";

/** Return whether a value is a list of lines of text, found or read: each has the corners of its outline. */
function areLines(value) {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Array.isArray(one?.polygon) && one.polygon.length > 2
    && one.polygon.every((corner) => Array.isArray(corner) && corner.length === 2 && corner.every(Number.isFinite)));
}

/** Return the lists of lines in `values` to be drawn, by name: those that were read, else those that were only found. */
export function linesOf(values) {
  const lists = Object.entries(values).filter(([, value]) => areLines(value));
  const read = lists.filter(([, lines]) => lines.every(({ text }) => typeof text === "string"));
  return read.length ? read : lists;
}

/** Return a figure of the picture at `address` with `lines` over it. */
export function drawLines(address, size, lines, title) {
  const regions = lines.map(({ polygon, text }) => ({ polygon, box: boxAround(polygon), label: text ?? "", mask: null, texts: [] }));
  return drawRegions(address, size, regions, `${title}: ${countOf(lines)}; the table below has them.`);
}

/** Return a table of the list of lines called `name`, from the first to the last in the order of reading. */
export function lineTable(name, lines) {
  const head = make("tr", {}, ...["Line", "Text", "Score", "Corners"].map((text) => make("th", { scope: "col", text })));
  const rows = lines.map((line, index) => make("tr", {},
    make("th", { scope: "row" }, numberOf(index)),
    make("td", {}, line.text == null ? make("em", { class: "unread", text: "not read" }) : line.text),
    make("td", { text: typeof line.score === "number" ? line.score.toFixed(2) : "" }),
    make("td", { text: line.polygon.map((corner) => corner.map(Math.round).join(", ")).join(" · ") })));
  return make("div", { class: "scroll" },
    make("table", { class: "lines" }, make("caption", { text: `Lines of text (${name})` }), make("thead", {}, head), make("tbody", {}, ...rows)));
}

function numberOf(index) {
  const element = make("span", { class: "number", text: String(index + 1) });
  element.style.setProperty("--color", css(regionColor(index)));
  return element;
}

function countOf(lines) {
  return lines.length === 1 ? "1 line of text" : `${lines.length} lines of text`;
}

function boxAround(polygon) {
  const [x, y] = [0, 1].map((axis) => polygon.map((corner) => corner[axis]));
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}
