// The picture that a pipeline runs on: from a file, a drop, the clipboard, a camera or the samples.

import { Boxes } from "/page/boxes.js";
import { announce, make } from "/page/dom.js";
import { SAMPLES } from "/page/samples.js";

/** A field for a picture, with boxes on it if `withBoxes`. */
export class Picture {
  constructor(name, withBoxes, onChange) {
    this.name = name;
    this.file = null;
    this.address = "";
    this.onChange = onChange;
    this.boxes = withBoxes ? new Boxes() : null;
    this.image = make("img", { alt: "Your picture", draggable: "false" });
    this.frame = make("div", { class: "frame", hidden: true }, this.image, this.boxes?.layer);
    this.invitation = make("p", { class: "invitation", text: "Drop a picture here, or paste one." });
    this.caption = make("p", { class: "hint" });
    this.place = make("div", { class: "drop" }, this.invitation, this.frame);
    this.element = make("fieldset", { class: "picture" },
      make("legend", { text: `Picture (${name})` }),
      this.place, this.caption, this.#sources(), this.boxes?.element);
    if (this.boxes) this.boxes.element.hidden = true;
    this.#listen();
  }

  /** Take `file` as the picture; `boxes` are those of a sample. */
  take(file, boxes = []) {
    if (file.type && !file.type.startsWith("image/")) {
      this.caption.textContent = `${file.name || "This file"} is ${file.type}, not a picture.`;
      announce(this.caption.textContent);
      return Promise.resolve();
    }
    URL.revokeObjectURL(this.address);
    this.file = file;
    this.address = URL.createObjectURL(file);
    this.onChange();
    return new Promise((resolve) => {
      this.image.onload = () => { this.#shown(boxes); resolve(); };
      this.image.onerror = () => { this.#notShown(); resolve(); };
      this.image.src = this.address;
    });
  }

  /** Return the width and height, in pixels of the upright picture. */
  get size() {
    return [this.image.naturalWidth, this.image.naturalHeight];
  }

  #shown(boxes) {
    const [width, height] = this.size;
    this.frame.hidden = false;
    this.invitation.hidden = true;
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.frame.style.setProperty("--wide", width / height);
    const name = this.file.name || "pasted picture";
    this.caption.textContent = `${name}, ${width} × ${height} pixels`;
    this.image.alt = `Your picture, ${name}`;
    if (this.boxes) {
      this.boxes.element.hidden = false;
      this.boxes.reset([width, height], boxes);
    }
    announce(`${this.caption.textContent}.`);
  }

  #notShown() {
    this.frame.hidden = true;
    this.invitation.hidden = false;
    if (this.boxes) {
      this.boxes.element.hidden = true;
      this.boxes.reset([0, 0]);
    }
    this.caption.textContent = `This browser cannot show ${this.file.name || "this file"}. The server may still read it: run it.`;
    announce(this.caption.textContent);
  }

  #sources() {
    return make("div", { class: "actions" },
      this.#chooser("Choose a file", {}),
      this.#chooser("Take a photo", { capture: "environment" }),
      make("span", { class: "samples", role: "group", "aria-label": "Samples" },
        ...SAMPLES.map((sample) => this.#sampleButton(sample))));
  }

  #chooser(text, more) {
    const field = make("input", { type: "file", accept: "image/*", class: "unseen", tabindex: "-1", "aria-hidden": "true", ...more });
    field.addEventListener("change", () => {
      if (field.files[0]) this.take(field.files[0]);
      field.value = "";
    });
    const button = make("button", { type: "button", text, on: { click: () => field.click() } });
    return make("span", { class: more.capture ? "camera" : "" }, button, field);
  }

  #sampleButton(sample) {
    const button = make("button", { type: "button", class: "sample", "aria-label": `Sample: ${sample.name}`, title: sample.name },
      make("img", { src: `/page/${sample.file}`, alt: "", width: "56", height: "42" }));
    button.addEventListener("click", async () => {
      const content = await (await fetch(`/page/${sample.file}`)).blob();
      await this.take(new File([content], sample.file.replace("sample-", ""), { type: content.type }), sample.boxes);
    });
    return button;
  }

  #listen() {
    const over = (event, is) => {
      event.preventDefault();
      this.place.classList.toggle("over", is);
    };
    this.place.addEventListener("dragover", (event) => over(event, true));
    this.place.addEventListener("dragleave", (event) => over(event, false));
    this.place.addEventListener("drop", (event) => {
      over(event, false);
      const file = event.dataTransfer.files[0];
      if (file) this.take(file);
    });
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
      if (!file || !this.element.isConnected) return;
      event.preventDefault();
      this.take(file);
    });
  }
}
