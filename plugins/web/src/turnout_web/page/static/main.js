// The page: its views, and the health in its head.

import { fill, make } from "/page/dom.js";
import { ModelsView } from "/page/models.js";
import { TryView } from "/page/try.js";

const views = {
  try: new TryView(document.getElementById("view-try")),
  models: new ModelsView(document.getElementById("view-models")),
};
const seen = new Set();

function show(moveFocus) {
  const name = location.hash.slice(1) in views ? location.hash.slice(1) : "try";
  for (const [each, view] of Object.entries(views)) view.element.hidden = each !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name === "try" ? "Try" : "Models"} · Turnout`;
  if (!seen.has(name) || name === "models") views[name].load(false);
  seen.add(name);
  if (moveFocus) document.getElementById("main").focus();
}

async function showHealth() {
  const place = document.getElementById("health");
  try {
    const response = await fetch("/health/ready", { cache: "no-store", credentials: "omit" });
    fill(place, make("span", { class: response.ok ? "badge good" : "badge bad", text: response.ok ? "ready" : "not ready" }));
  } catch {
    fill(place, make("span", { class: "badge bad", text: "no answer" }));
  }
}

addEventListener("hashchange", () => show(true));
// A file dropped beside the field must not replace the page.
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => event.preventDefault());
show(false);
showHealth();
setInterval(() => { if (!document.hidden) showHealth(); }, 10000);
