// Boxes on a picture, drawn with a mouse, a finger or the keyboard.

import { announce, css, fill, make, regionColor } from "/page/dom.js";

const SIDES = ["left", "top", "right", "bottom"];
const LEAST_PIXELS = 4;
const KEYS = "Arrow keys move the box, Shift and an arrow key resize it, Delete removes it.";

/** The boxes of one picture: a layer over it, and a list with their sides as numbers. */
export class Boxes {
  constructor() {
    this.boxes = [];
    this.size = [0, 0];
    this.layer = make("div", { class: "box-layer" });
    this.hint = make("p", { class: "hint", id: "box-keys", text: `Draw on the picture. ${KEYS}` });
    this.list = make("ol", { class: "box-list" });
    this.count = make("span", { text: "Boxes" });
    this.draw = this.#button("Draw", () => this.#allowDrawing(!this.drawing), { "aria-pressed": "false" });
    this.add = this.#button("Add a box", () => this.#addInTheMiddle());
    this.clear = this.#button("Remove all", () => this.#removeAll());
    this.element = make("fieldset", { class: "boxes" },
      make("legend", {}, this.count),
      this.hint,
      make("div", { class: "actions" }, this.draw, this.add, this.clear),
      this.list);
    this.layer.addEventListener("pointerdown", (event) => this.#begin(event));
    // A finger scrolls the page until its owner wants to draw; a mouse draws at once.
    this.#allowDrawing(matchMedia("(pointer: fine)").matches);
    this.#show();
  }

  /** Take a picture of `width` x `height` pixels, with `boxes` on it. */
  reset([width, height], boxes = []) {
    this.size = [width, height];
    this.boxes = boxes.map((box) => [...box]);
    this.#show();
  }

  /** Return the boxes as the server reads them. */
  asJson() {
    return this.boxes.map((box) => ({ box }));
  }

  #button(text, act, more = {}) {
    return make("button", { type: "button", class: "small", text, on: { click: act }, ...more });
  }

  #allowDrawing(allowed) {
    this.drawing = allowed;
    this.draw.setAttribute("aria-pressed", String(allowed));
    this.layer.classList.toggle("drawing", allowed);
  }

  #addInTheMiddle() {
    const [width, height] = this.size;
    const shift = 0.04 * (this.boxes.length % 5);
    this.boxes.push(this.#whole([width * (0.3 + shift), height * (0.3 + shift), width * (0.6 + shift), height * (0.6 + shift)]));
    this.#show();
    this.layer.lastElementChild.focus();
    announce(`Box ${this.boxes.length} added. ${KEYS}`);
  }

  #removeAll() {
    this.boxes = [];
    this.#show();
    announce("All boxes removed.");
  }

  #remove(index) {
    this.boxes.splice(index, 1);
    this.#show();
    (this.layer.children[Math.min(index, this.boxes.length - 1)] ?? this.add).focus();
    announce(`Box ${index + 1} removed.`);
  }

  #whole([left, top, right, bottom]) {
    const [width, height] = this.size;
    const x = [left, right].map((side) => Math.round(Math.max(0, Math.min(width, side)))).sort((a, b) => a - b);
    const y = [top, bottom].map((side) => Math.round(Math.max(0, Math.min(height, side)))).sort((a, b) => a - b);
    return [x[0], y[0], x[1], y[1]];
  }

  #place(event) {
    const frame = this.layer.getBoundingClientRect();
    return [
      ((event.clientX - frame.left) / frame.width) * this.size[0],
      ((event.clientY - frame.top) / frame.height) * this.size[1],
    ];
  }

  #begin(event) {
    if (event.button !== 0 || !this.size[0]) return;
    const element = event.target.closest(".box");
    if (!element && !this.drawing) return;
    event.preventDefault();
    const start = this.#place(event);
    const index = element ? Number(element.dataset.index) : this.boxes.length;
    const before = element ? this.boxes[index] : [...start, ...start];
    const resizes = !element || event.target.classList.contains("handle");
    if (!element) this.boxes.push(before);
    this.#follow(event, (place) => {
      const [x, y] = [place[0] - start[0], place[1] - start[1]];
      const moved = resizes ? [before[0], before[1], before[2] + x, before[3] + y] : this.#moved(before, x, y);
      this.boxes[index] = this.#whole(moved);
      this.#showBox(index);
    }, () => this.#end(index));
  }

  #follow(event, move, end) {
    const pointer = event.pointerId;
    this.layer.setPointerCapture(pointer);
    const moved = (next) => { if (next.pointerId === pointer) move(this.#place(next)); };
    const ended = (next) => {
      if (next.pointerId !== pointer) return;
      this.layer.removeEventListener("pointermove", moved);
      for (const name of ["pointerup", "pointercancel"]) this.layer.removeEventListener(name, ended);
      end();
    };
    this.layer.addEventListener("pointermove", moved);
    for (const name of ["pointerup", "pointercancel"]) this.layer.addEventListener(name, ended);
  }

  #end(index) {
    const [left, top, right, bottom] = this.boxes[index];
    // A click beside a box draws nothing.
    const tiny = right - left < LEAST_PIXELS || bottom - top < LEAST_PIXELS;
    if (tiny) this.boxes.splice(index, 1);
    this.#show();
    if (!tiny) this.layer.children[index].focus({ preventScroll: true });
  }

  #moved([left, top, right, bottom], x, y) {
    const dx = Math.max(-left, Math.min(this.size[0] - right, x));
    const dy = Math.max(-top, Math.min(this.size[1] - bottom, y));
    return [left + dx, top + dy, right + dx, bottom + dy];
  }

  #press(event, index) {
    if (event.target !== event.currentTarget) return;
    const step = Math.max(1, Math.round(Math.max(...this.size) / 100));
    const [x, y] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.#remove(index);
    } else if (x || y) {
      event.preventDefault();
      const box = this.boxes[index];
      const resized = [box[0], box[1], Math.max(box[0] + LEAST_PIXELS, box[2] + x), Math.max(box[1] + LEAST_PIXELS, box[3] + y)];
      this.boxes[index] = this.#whole(event.shiftKey ? resized : this.#moved(box, x, y));
      this.#showBox(index);
    }
  }

  #show() {
    fill(this.layer, ...this.boxes.map((_, index) => this.#makeBox(index)));
    fill(this.list, ...this.boxes.map((_, index) => this.#makeRow(index)));
    this.count.textContent = this.boxes.length ? `Boxes (${this.boxes.length})` : "Boxes: none, so the whole picture";
    this.clear.disabled = !this.boxes.length;
    this.boxes.forEach((_, index) => this.#showBox(index));
  }

  #showBox(index) {
    const element = this.layer.children[index] ?? this.layer.appendChild(this.#makeBox(index));
    const [left, top, right, bottom] = this.boxes[index];
    const [width, height] = this.size;
    Object.assign(element.style, {
      left: `${(left / width) * 100}%`, top: `${(top / height) * 100}%`,
      width: `${((right - left) / width) * 100}%`, height: `${((bottom - top) / height) * 100}%`,
    });
    element.setAttribute("aria-label", `Box ${index + 1}: left ${left}, top ${top}, right ${right}, bottom ${bottom}`);
    this.list.children[index]?.querySelectorAll("input").forEach((field, side) => {
      if (field !== document.activeElement) field.value = this.boxes[index][side];
    });
  }

  #makeBox(index) {
    const element = make("div", { class: "box", role: "group", tabindex: "0", "aria-describedby": "box-keys", "data-index": index },
      make("span", { class: "number", text: String(index + 1), "aria-hidden": "true" }),
      make("span", { class: "handle", "aria-hidden": "true" }));
    element.style.setProperty("--color", css(regionColor(index)));
    element.addEventListener("keydown", (event) => this.#press(event, index));
    return element;
  }

  #makeRow(index) {
    const fields = SIDES.map((side, place) => {
      const field = make("input", { type: "number", min: "0", inputmode: "numeric", "aria-label": `Box ${index + 1}, ${side}` });
      field.addEventListener("change", () => this.#type(index, place, field));
      return field;
    });
    const remove = this.#button("Remove", () => this.#remove(index), { "aria-label": `Remove box ${index + 1}` });
    return make("li", {}, ...fields, remove);
  }

  #type(index, side, field) {
    const box = [...this.boxes[index]];
    if (field.value !== "" && Number.isFinite(field.valueAsNumber)) box[side] = field.valueAsNumber;
    const whole = this.#whole(box);
    if (whole[2] > whole[0] && whole[3] > whole[1]) this.boxes[index] = whole;
    field.value = this.boxes[index][side];
    this.#showBox(index);
  }
}
