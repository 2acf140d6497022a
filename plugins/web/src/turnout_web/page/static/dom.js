// Elements from data. A foreign text becomes a text node, and never markup.

/** Return a new element; `text` is its text, `on` its listeners, and every other key an attribute. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Show `children` in `element`, and nothing else. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child != null));
}

/** Say `text` to people who hear the page. */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  // A change in the same task is not announced.
  setTimeout(() => { announcer.textContent = text; }, 50);
}

/** Return a number of seconds for people. */
export function seconds(value) {
  if (value == null) return "–";
  if (value >= 1) return `${value.toFixed(2)} s`;
  return value >= 0.01 ? `${(value * 1000).toFixed(0)} ms` : `${(value * 1000).toFixed(2)} ms`;
}

/** Return the color of region `index`, as the pictures of `turnout run --save` have it. */
export function regionColor(index) {
  const hue = (0.02 + index * 0.618034) % 1;
  const saturation = index % 2 === 0 ? 0.85 : 0.65;
  const channel = (n) => {
    const k = (n + hue * 6) % 6;
    return Math.round(255 * 0.95 * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/** Return a color that CSS reads. */
export function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

/** Return a button that copies `text`. */
export function copyButton(text, what) {
  const button = make("button", { type: "button", class: "small", "aria-label": `Copy ${what}`, text: "Copy" });
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text)) ? "Copied" : "Press Ctrl+C";
    announce(button.textContent);
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https a page may not write to the clipboard, but a selected text can be copied.
    const field = make("textarea", { class: "unseen", "aria-label": "Text to copy" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
