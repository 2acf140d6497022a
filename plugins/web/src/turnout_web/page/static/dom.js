// Elements from data. A foreign text becomes a text node, and never markup.

const DEPTH_STOPS = [[12, 8, 60], [78, 18, 124], [158, 36, 104], [222, 74, 62], [250, 150, 42], [254, 228, 130]];

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
  return ofHue((0.02 + index * 0.618034) % 1, index % 2 === 0 ? 0.85 : 0.65, 0.95);
}

/** Return the color of class `index`, as the pictures of `turnout run --save` have it. */
export function classColor(index) {
  return ofHue((0.58 + index * 0.618034) % 1, 0.75, [0.95, 0.7, 0.85][index % 3]);
}

/** Return the color of a depth from 0 to 1, as the pictures of `turnout run --save` have it. */
export function depthColor(level) {
  const place = Math.max(0, Math.min(level, 1)) * (DEPTH_STOPS.length - 1);
  const [one, other] = [DEPTH_STOPS[Math.floor(place)], DEPTH_STOPS[Math.ceil(place)]];
  return one.map((value, at) => Math.round(value + (place % 1) * (other[at] - value)));
}

function ofHue(hue, saturation, value) {
  const channel = (n) => {
    const k = (n + hue * 6) % 6;
    return Math.round(255 * value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1))));
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
