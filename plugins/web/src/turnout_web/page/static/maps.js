// Maps of a picture: the class of each pixel over it, the depth of each pixel in colors.

import { classColor, css, depthColor, make } from "/page/dom.js";
import { frameOf, pixelsOf, prepare } from "/page/overlay.js";

const OPACITY = 140;
// A PNG of 16 bits comes to a canvas with 8: enough for a depth, not for a class.
const MOST_CLASS = 254;
const MOST_LISTED = 40;

/** Return whether a value of a result has a number for each pixel of the picture. */
export function isMap(value) {
  return Array.isArray(value?.shape) && value.shape.length === 2 && "least" in value && "most" in value;
}

/** Return whether a value is a list of classes with their shares of the picture. */
export function areClasses(value) {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one?.share === "number" && typeof one.index === "number");
}

/** Return a figure for each map in `values` that can be drawn on the picture at `address`. */
export function drawMaps(address, [width, height], values) {
  const classes = Object.values(values).find(areClasses) ?? [];
  return Object.entries(values).filter(([, value]) => isMap(value) && value.png).map(([name, map]) => {
    const canvas = make("canvas", { class: "map", "aria-hidden": "true" });
    const frame = frameOf(address, width, height, canvas);
    frame.setAttribute("role", "img");
    frame.setAttribute("aria-label", `${name} of the picture; its colors are explained below.`);
    const ofClasses = map.datatype === "INT32";
    const legend = ofClasses ? legendOf(classes) : scaleOf(map);
    const color = ofClasses ? classPixel : depthPixel;
    const drawn = !ofClasses || map.most <= MOST_CLASS;
    const element = make("figure", { class: "map-figure" }, frame, make("figcaption", {}, make("b", { text: name }), legend));
    return { element, ready: drawn ? paint(canvas, width, height, map.png, color) : Promise.resolve() };
  });
}

function legendOf(classes) {
  const items = classes.slice(0, MOST_LISTED).map(({ index, label, share }) => {
    const item = make("li", { text: `${label} ${(100 * share).toFixed(1)} %` });
    item.style.setProperty("--color", css(classColor(index)));
    return item;
  });
  if (classes.length > MOST_LISTED) items.push(make("li", { class: "more", text: `and ${classes.length - MOST_LISTED} others` }));
  return make("ul", { class: "legend" }, ...items);
}

function scaleOf({ least, most }) {
  const bar = make("span", { class: "depths", "aria-hidden": "true" });
  bar.style.backgroundImage = `linear-gradient(90deg, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map((level) => css(depthColor(level))).join(", ")})`;
  const text = (value) => (value == null ? "none" : String(Number(value.toPrecision(4))));
  return make("p", { class: "scale" }, make("span", { text: text(least) }), bar, make("span", { text: text(most) }));
}

async function paint(canvas, width, height, address, color) {
  const drawn = prepare(canvas, width, height);
  const pixels = drawn.createImageData(canvas.width, canvas.height);
  // Without smoothing: between class 3 and class 5 there is no class 4.
  const map = await pixelsOf(address, canvas, false);
  const colors = Array.from({ length: 256 }, (_, value) => (value ? color(value) : [0, 0, 0, 0]));
  for (let at = 0; at < map.length; at += 4) pixels.data.set(colors[map[at]], at);
  drawn.putImageData(pixels, 0, 0);
}

function classPixel(value) {
  return [...classColor(value - 1), OPACITY];
}

function depthPixel(value) {
  return [...depthColor((value - 1) / 254), 255];
}
