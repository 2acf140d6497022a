// Requests to the server: the token, and its errors.

const KEY = "turnout-token";

/** An error that the server reported: its one clear line, and the members of its problem. */
export class Problem extends Error {
  constructor(detail, members = {}) {
    super(detail);
    this.members = members;
  }
}

let asking = null;

/** Return the JSON that the server answers; ask for the token if it needs one. */
export async function ask(path, options = {}) {
  for (;;) {
    const token = storedToken();
    const headers = new Headers(options.headers);
    headers.set("Accept", "application/json");
    if (token) headers.set("Authorization", `Bearer ${token}`);
    // A link sends no token: it would lead to a page with the error 401.
    document.getElementById("open-links").hidden ||= Boolean(token);
    const response = await reach(path, { ...options, headers });
    if (response.status !== 401) return read(response);
    document.getElementById("open-links").hidden = true;
    // Several requests of a page ask once.
    asking ??= askForToken(Boolean(token)).finally(() => { asking = null; });
    if (!(await asking)) return read(response);
  }
}

async function reach(path, options) {
  try {
    return await fetch(path, { ...options, credentials: "omit", cache: "no-store", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it running? Start it with: turnout serve");
  }
}

async function read(response) {
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Problem(`The server answered ${response.status} without JSON.`);
  }
  if (!response.ok) throw new Problem(body.detail ?? `The server answered ${response.status}.`, body);
  return body;
}

function storedToken() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Return whether the user gave a token. */
function askForToken(wrong) {
  const dialog = document.getElementById("token-dialog");
  const field = document.getElementById("token-field");
  const hint = document.getElementById("token-hint");
  if (wrong) hint.textContent = "The server refuses this token. Enter the token that it was started with.";
  field.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "use" && field.value.trim();
      if (given) sessionStorage.setItem(KEY, field.value.trim());
      field.value = "";
      dialog.returnValue = "";
      resolve(Boolean(given));
    }, { once: true });
  });
}
