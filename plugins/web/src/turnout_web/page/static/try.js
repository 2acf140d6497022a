// The view in which a pipeline runs on a picture, on one backend or on two side by side.

import { showComparison } from "/page/comparison.js";
import { announce, fill, make, seconds } from "/page/dom.js";
import { Picture } from "/page/picture.js";
import { showResult } from "/page/results.js";
import { Problem, ask } from "/page/server.js";

const SERVED = "";

/** The view. */
export class TryView {
  constructor(element) {
    this.element = element;
    this.running = null;
    this.fields = [];
    this.picture = null;
    this.pipelines = make("select", { id: "pipeline" });
    this.pipelines.addEventListener("change", () => this.#describe());
    this.inputs = make("div", { class: "inputs" });
    this.compares = make("input", { type: "checkbox", id: "compares" });
    this.left = make("select", { "aria-label": "Left backend" });
    this.right = make("select", { "aria-label": "Right backend" });
    this.run = make("button", { type: "submit", class: "primary", text: "Run" });
    this.cancel = make("button", { type: "button", text: "Cancel", hidden: true, on: { click: () => this.running?.abort() } });
    this.state = make("p", { class: "state" });
    this.results = make("div", { class: "results" });
    this.form = this.#makeForm();
    this.title = make("h1", { id: "try-title", text: "Try a pipeline" });
    this.output = make("div", { class: "output" }, make("h2", { class: "unseen", text: "Result" }), this.state, this.results);
    fill(element, this.title, make("div", { class: "workbench" }, this.form, this.output));
    this.#say("Choose a picture, draw boxes on it if you like, and run.");
  }

  /** Read the pipelines of the server. */
  async load() {
    try {
      const { pipelines } = await ask("/v1/pipelines");
      fill(this.pipelines, ...pipelines.map(({ name }) => make("option", { value: name, text: name })));
      this.form.hidden = !pipelines.length;
      if (pipelines.length) await this.#describe();
      else this.#say("turnout.yaml has no pipeline. Write one under pipelines: and start the server again to try it here. The models are served under /v2/models: the view Models lists them.");
    } catch (error) {
      this.#fail(error);
    }
  }

  #makeForm() {
    this.missing = make("p", { class: "hint" });
    const sides = make("div", { hidden: true },
      make("div", { class: "pair" }, make("label", {}, "Left", this.left), make("label", {}, "Right", this.right)), this.missing);
    this.compares.addEventListener("change", () => {
      sides.hidden = !this.compares.checked;
      this.run.textContent = this.compares.checked ? "Run on both" : "Run";
    });
    this.comparing = make("fieldset", { class: "comparing" },
      make("legend", { text: "Backends" }),
      make("label", { class: "check", for: "compares" }, this.compares, "Compare two backends side by side"), sides);
    const form = make("form", { class: "panel", "aria-label": "What to run" },
      make("label", { for: "pipeline" }, "Pipeline", this.pipelines), this.inputs, this.comparing,
      make("p", { class: "actions run" }, this.run, this.cancel));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run();
    });
    return form;
  }

  async #describe() {
    const name = this.pipelines.value;
    try {
      const [described, choices] = await Promise.all([
        ask(`/v1/pipelines/${encodeURIComponent(name)}`), ask(`/v1/compare/${encodeURIComponent(name)}`)]);
      if (name !== this.pipelines.value) return;
      this.#makeInputs(described.inputs);
      this.#offer(choices.backends, choices.missing);
      fill(this.results);
      this.#say("Choose a picture, draw boxes on it if you like, and run.");
    } catch (error) {
      this.#fail(error);
    }
  }

  #makeInputs(inputs) {
    const kept = this.picture;
    const image = inputs.find((one) => one.kind === "file" && (one.media_type ?? "").startsWith("image/"));
    const boxes = image && inputs.find((one) => one.name === "regions" && one.kind === "json");
    this.picture = image ? new Picture(image.name, Boolean(boxes), () => fill(this.results)) : null;
    if (image && kept?.file) this.picture.take(kept.file, kept.boxes?.boxes);
    this.boxesName = boxes?.name ?? "";
    this.fields = inputs.filter((one) => one !== image && one !== boxes).map(fieldOf);
    fill(this.inputs, this.picture?.element, ...this.fields.map((field) => field.element));
  }

  #offer(backends, missing) {
    const options = () => [make("option", { value: SERVED, text: "as it serves" }),
      ...backends.map((name) => make("option", { value: name, text: name })),
      ...Object.keys(missing).map((name) => make("option", { value: name, text: `${name} (not installed)`, disabled: true }))];
    fill(this.left, ...options());
    fill(this.right, ...options());
    if (backends.length) this.right.selectedIndex = backends.length;
    fill(this.missing, ...Object.entries(missing).map(([name, why]) => make("span", { text: `${name} is not installed: ${why}. ` })));
    this.comparing.hidden = !backends.length;
  }

  async #run() {
    let body;
    try {
      body = this.#body();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.running = new AbortController();
    this.#busy(true);
    const start = performance.now();
    const tick = setInterval(() => {
      if (this.running) this.state.textContent = `Running, ${((performance.now() - start) / 1000).toFixed(0)} s …`;
    }, 1000);
    try {
      await this.#answer(body, this.running.signal);
    } catch (error) {
      this.#fail(error);
    } finally {
      clearInterval(tick);
      this.running = null;
      this.#busy(false);
    }
  }

  async #answer(body, signal) {
    const name = encodeURIComponent(this.pipelines.value);
    const [address, size] = this.picture ? [this.picture.address, this.picture.size] : ["", [0, 0]];
    const options = { method: "POST", body, signal };
    let shown;
    if (this.compares.checked) {
      const sides = new URLSearchParams({ left: this.left.value, right: this.right.value });
      const comparison = await ask(`/v1/compare/${name}?${sides}`, options);
      shown = showComparison(comparison, address, size);
      this.#done(`Compared ${comparison.left.title} with ${comparison.right.title}.`);
    } else {
      const result = await ask(`/v1/pipelines/${name}`, options);
      shown = showResult(result, address, size, "Result");
      this.#done(`Answered in ${seconds(result.seconds)}.`);
    }
    fill(this.results, shown.element);
    await shown.ready;
    this.results.dataset.ready = "yes";
    this.#reveal();
  }

  /** Scroll to the result if its beginning is not in sight. */
  #reveal() {
    const { top } = this.output.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) this.output.scrollIntoView({ block: "start" });
  }

  #body() {
    const form = new FormData();
    if (this.picture) {
      if (!this.picture.file) throw new Problem("Choose a picture first: a file, a photo or a sample.");
      form.append(this.picture.name, this.picture.file);
      const boxes = this.picture.boxes?.asJson() ?? [];
      if (boxes.length) form.append(this.boxesName, JSON.stringify(boxes));
    }
    for (const field of this.fields) field.fill(form);
    return form;
  }

  #busy(is) {
    this.run.disabled = is;
    this.cancel.hidden = !is;
    this.element.setAttribute("aria-busy", String(is));
    if (is) {
      delete this.results.dataset.ready;
      this.#say("Running …");
    }
  }

  #say(text) {
    this.state.textContent = text;
    announce(text);
  }

  /** The result says it to people who see the page. */
  #done(text) {
    this.running = null;
    this.state.textContent = "";
    announce(text);
  }

  #fail(error) {
    if (error.name === "AbortError") {
      this.#say("Cancelled.");
      return;
    }
    if (!(error instanceof Problem)) console.error(error);
    const { next_step: next, request_id: id, values } = error.members ?? {};
    this.#say("");
    fill(this.results, make("div", { class: "notice", role: "alert" },
      make("strong", { text: "No answer" }), make("p", { text: error.message }),
      next && make("p", { text: `Next: ${next}` }), id && make("p", { class: "hint", text: `Request ${id}` })));
    if (values && this.picture?.file) this.results.append(showResult({ values }, this.picture.address, this.picture.size, "What was answered").element);
    this.#reveal();
  }
}

/** Return the form field of an input that is no picture. */
function fieldOf({ name, kind, required, description }) {
  const id = `input-${name}`;
  const hint = make("p", { class: "hint", id: `${id}-hint`, text: description || (kind === "any" ? "JSON, or text." : "") });
  const more = { id, name, "aria-describedby": hint.id, required };
  const field = kind === "file" ? make("input", { type: "file", ...more })
    : kind === "text" ? make("input", { type: "text", autocomplete: "off", ...more })
      : make("textarea", { rows: "3", spellcheck: "false", ...more });
  const label = make("label", { for: id, text: required ? name : `${name} (optional)` });
  return {
    element: make("div", { class: "field" }, label, field, hint),
    fill(form) {
      const value = kind === "file" ? field.files[0] : field.value;
      if (kind === "json" && value.trim()) checkJson(name, value);
      if (value) form.append(name, value);
    },
  };
}

function checkJson(name, text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Problem(`${name} is not JSON: ${error.message}`);
  }
}
