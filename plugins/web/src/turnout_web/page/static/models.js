// The board of the models: stage, evidence, circuit, latency, and the next command.

import { announce, copyButton, fill, make, seconds } from "/page/dom.js";
import { Problem, ask } from "/page/server.js";

const STAGES = ["abstract", "exported", "served", "tuned"];
const REFRESH_SECONDS = 15;

/** The view. */
export class ModelsView {
  constructor(element) {
    this.element = element;
    this.board = make("div", { class: "board" });
    this.state = make("p", { class: "state" });
    const refresh = make("button", { type: "button", text: "Refresh", on: { click: () => this.load(true) } });
    fill(element, make("div", { class: "title" }, make("h1", { id: "models-title", text: "Models" }), refresh), this.state, this.board);
    setInterval(() => { if (!element.hidden && !document.hidden) this.load(false); }, REFRESH_SECONDS * 1000);
  }

  /** Read the board; say so if the user asked. */
  async load(asked) {
    try {
      const board = await ask("/v1/board");
      const open = new Set([...this.board.querySelectorAll("details[open]")].map((one) => one.dataset.model));
      const focused = document.activeElement?.dataset?.copies;
      fill(this.board, ...board.models.map((model) => card(model, open.has(model.model))));
      if (focused) this.board.querySelector(`[data-copies="${CSS.escape(focused)}"]`)?.focus();
      this.state.textContent = board.note || `${board.models.length} ${board.models.length === 1 ? "model" : "models"}, read ${new Date().toLocaleTimeString()}.`;
      if (asked) announce("The board is up to date.");
    } catch (error) {
      if (!(error instanceof Problem)) console.error(error);
      this.state.textContent = error.message;
    }
  }
}

function card(model, open) {
  return make("article", { class: "card", "aria-label": model.model },
    make("header", {}, make("h2", { text: model.model }), readiness(model)),
    model.stage == null ? null : stages(model.stage),
    make("ul", { class: "arms", "aria-label": "Backends" }, ...model.arms.map(arm)),
    model.next && next(model),
    model.evidence && make("details", { "data-model": model.model, open },
      make("summary", { text: "Evidence" }),
      make("dl", {}, ...Object.entries(model.evidence).flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text })]))));
}

function readiness({ ready, reason, fallback_in_use: fallback, arms }) {
  if (!ready) return make("span", { class: "badge bad", text: "not ready", title: reason });
  if (fallback) return make("span", { class: "badge warn", text: `fallback ${fallback} answers` });
  const unopened = arms.find((one) => one.role === "serves")?.state === "unopened";
  return make("span", { class: "badge good", text: unopened ? "opens at its first use" : "ready" });
}

function stages(stage) {
  const items = STAGES.map((name, index) => make("li", {
    class: index < stage ? "done" : "", "aria-current": index + 1 === stage ? "step" : null, text: `${index + 1} ${name}` }));
  return make("ol", { class: "stages", "aria-label": `Stage ${stage} of 4, ${STAGES[stage - 1]}` }, ...items);
}

function arm(one) {
  const facts = [
    ["p95", one.p95_seconds == null ? "no request yet" : seconds(one.p95_seconds)],
    ["requests", one.requests.toLocaleString("en")],
    ["circuit", one.circuit ?? "none"],
  ];
  return make("li", { class: one.ready ? "" : "down" },
    make("p", { class: "arm" }, make("strong", { text: one.backend }),
      ` ${one.role}${one.version ? `, version ${one.version}` : ""}`,
      one.circuit === "open" || one.circuit === "trial" ? make("span", { class: "badge bad", text: `circuit ${one.circuit}` }) : null),
    make("dl", { class: "facts" }, ...facts.map(([name, text]) => make("div", {}, make("dt", { text: name }), make("dd", { text })))),
    one.reason && make("p", { class: "reason", text: one.reason }),
    one.last_error && one.last_error !== one.reason && make("p", { class: "reason", text: `Last error, ${seconds(one.last_error_age_seconds)} ago: ${one.last_error}` }));
}

function next({ model, next: { command, why } }) {
  const copy = copyButton(command, `the next command of ${model}`);
  copy.dataset.copies = model;
  return make("div", { class: "next" },
    make("p", { class: "hint", text: `Next: ${why}` }),
    make("p", { class: "command" }, make("code", { text: command }), copy));
}
