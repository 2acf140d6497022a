// Two results of one picture side by side, and the differences between them.

import { fill, make } from "/page/dom.js";
import { drawDifference } from "/page/overlay.js";
import { chip, isMask, maskText, shortText, showResult } from "/page/results.js";

/** Return the two results, and what differs. */
export function showComparison(comparison, address, size) {
  const sides = [["left", "Left"], ["right", "Right"]].map(([key, word]) => sideOf(comparison[key], word, address, size));
  const differences = differencesOf(comparison, address, size);
  const element = make("div", { class: "comparison" }, differences.element, make("div", { class: "sides" }, ...sides.map((side) => side.element)));
  return { element, ready: Promise.all([differences.ready, ...sides.map((side) => side.ready)]) };
}

function sideOf(side, word, address, size) {
  const title = `${word}: ${side.title}`;
  const heading = make("h3", { text: side.title });
  if (side.problem) {
    const notice = make("div", { class: "notice", role: "alert" }, make("strong", { text: "No answer" }), make("p", { text: side.problem.detail }));
    return { element: make("div", { class: "side" }, heading, notice), ready: Promise.resolve() };
  }
  const shown = showResult(side.result, address, size, title);
  return { element: make("div", { class: "side" }, heading, shown.element), ready: shown.ready };
}

function differencesOf(comparison, address, size) {
  const { differences, different, compared, left, right } = comparison;
  const section = make("section", { class: "differences", "aria-label": "Differences" }, make("h3", { text: verdict(comparison) }));
  let ready = Promise.resolve();
  const masks = differences.filter((one) => one.kind === "mask");
  if (address && size[0] && masks.length) {
    const drawn = drawDifference(address, size, masks.map((one) => valueAt(left, one)), masks.map((one) => valueAt(right, one)));
    const words = `Pixels of masks that differ: ${masks.reduce((sum, one) => sum + one.pixels, 0)}.`;
    drawn.element.setAttribute("aria-label", words);
    section.append(make("figure", {}, drawn.element, make("figcaption", {},
      `${words} `, make("span", { class: "key only-left", text: "on the left only" }), " ", make("span", { class: "key only-right", text: "on the right only" }))));
    ready = drawn.ready;
  }
  if (differences.length) section.append(tableOf(differences, left, right));
  if (different > differences.length) section.append(make("p", { class: "hint", text: `The first ${differences.length} are listed.` }));
  if (compared && !different) section.append(make("p", { class: "hint", text: "Both backends gave the same values for this picture." }));
  return { element: section, ready };
}

function verdict({ different, compared, left, right }) {
  if (left.problem || right.problem) return "Nothing to compare: a side has no answer";
  if (!different) return `All ${compared} values are equal`;
  return `${different} of ${compared} values differ`;
}

function tableOf(differences, left, right) {
  const head = make("tr", {}, ...["Value", left.title, right.title, "Difference"].map((text) => make("th", { scope: "col", text })));
  const rows = differences.map((one) => make("tr", {}, nameOf(one), ...valuesOf(one), make("td", { text: wordsOf(one) })));
  return make("div", { class: "scroll" },
    make("table", { class: "different" }, make("caption", { text: "Values that differ" }), make("thead", {}, head), make("tbody", {}, ...rows)));
}

function nameOf({ path }) {
  const [name, ...rest] = path;
  const cell = make("th", { scope: "row" }, `${name} `);
  if (typeof rest[0] === "number") cell.append(chip(rest.shift()));
  if (rest.length) cell.append(` ${rest.join(" ")}`);
  return cell;
}

function valuesOf(one) {
  return [one.left, one.right].map((value) => {
    const cell = make("td");
    fill(cell, value == null ? make("em", { text: "none" }) : isMask(value) ? maskText(value) : make("mark", { text: shortText(value) }));
    return cell;
  });
}

function wordsOf(one) {
  if (one.kind === "mask") return `${one.pixels.toLocaleString("en")} pixels differ, overlap ${(100 * one.overlap).toFixed(2)} %`;
  if (one.kind === "array") return `${one.elements} of ${one.of} elements differ, by ${Number(one.difference.toPrecision(3))} at most`;
  if (one.kind === "number") return `differs by ${Number(one.difference.toPrecision(3))}`;
  return { text: "other text", missing: "on one side only", shape: "other shape" }[one.kind] ?? "other value";
}

function valueAt(side, { path }) {
  return path.reduce((value, key) => value?.[key], side.result.values);
}
