// API keys: the list, making one (it is shown once), revoking one.

import { call, showProblem } from "./api.js";
import { confirmed } from "./confirm.js";
import { element } from "./element.js";
import { day, time } from "./format.js";

const section = document.getElementById("keys");
const form = document.getElementById("key-form");
const problem = section.querySelector(".problem");
const list = document.getElementById("key-list");
const status = document.getElementById("keys-status");
const dialog = document.getElementById("new-key");
const secret = document.getElementById("new-key-text");
const copied = document.getElementById("copy-status");

/** Loads the list. */
export async function show(signal) {
  showProblem(problem, null);
  try {
    const { keys } = await call("GET", "/v1/keys", { signal });
    // Revoked keys say what happened to a program that stopped; they come last.
    keys.sort((a, b) => Boolean(a.revoked_at) - Boolean(b.revoked_at) || b.created_at.localeCompare(a.created_at));
    list.replaceChildren(...keys.map(row));
    status.textContent = keys.length ? "" : "No keys yet.";
  } catch (error) {
    showProblem(problem, error);
  }
}

function row(key) {
  const revoke = element("button", { type: "button", class: "danger", "aria-label": `Revoke ${key.name}` }, "Revoke");
  revoke.addEventListener("click", () => revokeKey(key));
  const used = key.last_used_at ? time(key.last_used_at) : "never";
  return element("tr", { class: key.revoked_at && "revoked" },
    element("td", {}, key.name),
    element("td", {}, element("code", {}, `${key.prefix}…`)),
    element("td", { class: "wide" }, day(key.created_at)),
    element("td", { class: "end", "data-label": "used" }, used),
    element("td", { class: "end first" }, key.revoked_at ? `revoked ${day(key.revoked_at)}` : revoke));
}

async function revokeKey({ id, name }) {
  const sure = await confirmed(`Revoke “${name}”?`, "Programs that use it are refused from now on. This cannot be undone.",
    "Revoke");
  if (!sure) return;
  try {
    await call("DELETE", `/v1/keys/${encodeURIComponent(id)}`);
    await show();
    status.textContent = `“${name}” is revoked.`;
    form.elements.name.focus(); // The button that had the focus is gone.
  } catch (error) {
    showProblem(problem, error);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = form.elements.name.value.trim();
  if (!name) {
    showProblem(problem, { code: "invalid_request", message: "Give the key a name first." });
    return form.elements.name.focus();
  }
  showProblem(problem, null);
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const made = await call("POST", "/v1/keys", { body: { name } });
    form.reset();
    reveal(made.key);
    await show();
  } catch (error) {
    showProblem(problem, error);
  } finally {
    button.disabled = false;
  }
});

function reveal(key) {
  secret.value = key;
  copied.textContent = "";
  dialog.showModal();
  secret.select();
}

document.getElementById("copy-key").addEventListener("click", async () => {
  secret.select();
  try {
    await navigator.clipboard.writeText(secret.value);
    copied.textContent = "Copied.";
  } catch {
    copied.textContent = "It is selected: press Ctrl+C or ⌘C to copy it.";
  }
});

// Once closed, the key is nowhere on the page.
dialog.addEventListener("close", () => (secret.value = ""));
