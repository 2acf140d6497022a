// What a run found, drawn over the picture: masks, boxes and texts.

import { css, make, regionColor } from "/page/dom.js";

const MOST_PIXELS = 1600;
const BRIEF_BELOW = 420;
const ONLY_LEFT = [214, 0, 147];
const ONLY_RIGHT = [0, 120, 212];

/** Return a figure of the picture at `address` with `regions` over it; `described` is the figure in words. */
export function drawRegions(address, [width, height], regions, described) {
  const canvas = make("canvas", { class: "masks", "aria-hidden": "true" });
  const layer = make("div", { class: "labels", "aria-hidden": "true" });
  const frame = frameOf(address, width, height, canvas, layer);
  frame.setAttribute("role", "img");
  frame.setAttribute("aria-label", described);
  // A wrong box has no region, and keeps its number.
  const known = [...regions.entries()].filter(([, region]) => region.box);
  layer.append(...known.filter(([, region]) => !region.polygon).map(([index, region]) => boxOf(region, index, width, height)));
  const labels = known.map(([index, region]) => labelOf(region, index));
  layer.append(...labels);
  new ResizeObserver(() => placeLabels(labels, regions, layer, width, height)).observe(layer);
  const ready = drawMasks(canvas, width, height, regions);
  return { element: frame, ready };
}

/** Return a figure of the picture with the pixels that are in one of two masks only. */
export function drawDifference(address, [width, height], left, right) {
  const canvas = make("canvas", { class: "masks", "aria-hidden": "true" });
  const frame = frameOf(address, width, height, canvas);
  frame.classList.add("faded");
  frame.setAttribute("role", "img");
  return { element: frame, ready: markDifferences(canvas, width, height, left, right) };
}

export function frameOf(address, width, height, ...layers) {
  const image = make("img", { src: address, alt: "", draggable: "false" });
  const frame = make("div", { class: "frame" }, image, ...layers);
  frame.style.aspectRatio = `${width} / ${height}`;
  frame.style.setProperty("--wide", width / height);
  return frame;
}

function boxOf(region, index, width, height) {
  const [left, top, right, bottom] = region.box;
  const element = make("span", { class: "outline" });
  element.style.setProperty("--color", css(regionColor(index)));
  Object.assign(element.style, {
    left: `${(left / width) * 100}%`, top: `${(top / height) * 100}%`,
    width: `${((right - left) / width) * 100}%`, height: `${((bottom - top) / height) * 100}%`,
  });
  return element;
}

function labelOf(region, index) {
  const element = make("span", { class: "label" }, make("b", { text: String(index + 1) }),
    ...[...new Set([region.label, ...region.texts])].filter(Boolean).map((text) => make("span", { text })));
  element.style.setProperty("--color", css(regionColor(index)));
  element.dataset.index = index;
  return element;
}

/** Place each label where it covers no other one, and little of the boxes: above its box, below it, or anywhere. */
function placeLabels(labels, regions, layer, width, height) {
  const taken = [];
  const [wide, high] = [layer.clientWidth, layer.clientHeight];
  // On a small picture the texts would cover what they are about: the table has them.
  layer.classList.toggle("brief", wide < BRIEF_BELOW);
  const boxes = regions.filter((region) => region.box).map(({ box: [left, top, right, bottom] }) =>
    [(left / width) * wide, (top / height) * high, (right / width) * wide, (bottom / height) * high]);
  for (const label of labels) {
    const [left, top, right, bottom] = regions[label.dataset.index].box.map((side, at) => side * (at % 2 ? high / height : wide / width));
    const [w, h] = [label.offsetWidth, label.offsetHeight];
    const places = [[left, top - h], [left, bottom], [right - w, top - h], [right - w, bottom], [right, top], [left - w, top], [left, top]]
      .map(([x, y]) => [Math.max(0, Math.min(x, wide - w)), Math.max(0, Math.min(y, high - h))])
      .map(([x, y]) => [x, y, x + w, y + h]);
    const cost = (place) => 10 * total(taken, place) + total(boxes, place);
    const best = places.reduce((one, other) => (cost(other) < cost(one) ? other : one));
    taken.push(best);
    label.style.left = `${best[0]}px`;
    label.style.top = `${best[1]}px`;
  }
}

/** Return the area of `place` that `others` cover. */
function total(others, [left, top, right, bottom]) {
  const length = (a, b, c, d) => Math.max(0, Math.min(b, d) - Math.max(a, c));
  return others.reduce((sum, one) => sum + length(one[0], one[2], left, right) * length(one[1], one[3], top, bottom), 0);
}

async function drawMasks(canvas, width, height, regions) {
  const drawn = prepare(canvas, width, height);
  const pixels = drawn.createImageData(canvas.width, canvas.height);
  for (const [index, region] of regions.entries()) {
    if (region.mask?.png) tint(pixels, await pixelsOf(region.mask.png, canvas), canvas.width, regionColor(index));
  }
  drawn.putImageData(pixels, 0, 0);
  for (const [index, region] of regions.entries()) {
    if (region.polygon) outline(drawn, region.polygon, canvas.width / width, css(regionColor(index)));
  }
}

async function markDifferences(canvas, width, height, left, right) {
  const drawn = prepare(canvas, width, height);
  const pixels = drawn.createImageData(canvas.width, canvas.height);
  for (const index of left.keys()) {
    if (!left[index]?.png || !right[index]?.png) continue;
    const [one, other] = [await pixelsOf(left[index].png, canvas), await pixelsOf(right[index].png, canvas)];
    for (let at = 0; at < one.length; at += 4) {
      const difference = one[at] - other[at];
      // A mask may be larger than the canvas: then a pixel of the canvas is the mean of several.
      if (Math.abs(difference) > 8) mark(pixels, at / 4, canvas.width, difference > 0 ? ONLY_LEFT : ONLY_RIGHT);
    }
  }
  drawn.putImageData(pixels, 0, 0);
}

export function prepare(canvas, width, height) {
  const scale = Math.min(1, MOST_PIXELS / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  return canvas.getContext("2d");
}

export async function pixelsOf(address, { width, height }, smooth = true) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = make("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = smooth;
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** Draw the outline of a polygon, with a dark edge so that it shows on any picture. */
function outline(drawn, polygon, scale, color) {
  const wide = Math.max(2, Math.max(drawn.canvas.width, drawn.canvas.height) / 400);
  drawn.lineJoin = "round";
  drawn.beginPath();
  for (const [x, y] of polygon) drawn.lineTo(x * scale, y * scale);
  drawn.closePath();
  for (const [style, lineWidth] of [["rgb(0 0 0 / 65%)", wide + 2], [color, wide]]) {
    Object.assign(drawn, { strokeStyle: style, lineWidth });
    drawn.stroke();
  }
}

/** Fill a mask with a light color, and its edge with the full one. */
function tint(pixels, mask, width, color) {
  const inside = (at) => mask[at] > 127;
  for (let at = 0; at < mask.length; at += 4) {
    if (!inside(at)) continue;
    const edge = !inside(at - 4) || !inside(at + 4) || !inside(at - 4 * width) || !inside(at + 4 * width);
    pixels.data.set([...color, edge ? 255 : 56], at);
  }
}

/** Mark a pixel and its neighbours: one pixel alone cannot be seen. */
function mark(pixels, pixel, width, color) {
  for (const at of [pixel, pixel - 1, pixel + 1, pixel - width, pixel + width]) {
    if (at >= 0 && at * 4 < pixels.data.length) pixels.data.set([...color, 255], at * 4);
  }
}
