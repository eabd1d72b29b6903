// The dashboard: who is signed in, and which view the address names.

import * as account from "./account.js";
import * as history from "./history.js";
import * as keys from "./keys.js";
import * as playground from "./playground.js";
import * as session from "./session.js";
import * as usage from "./usage.js";

/** Each route: its section's id, its title, and what loads it. */
const ROUTES = {
  playground: ["playground", "Playground", playground.show],
  history: ["history", "History", history.show],
  "history/": ["scan-detail", "Scan", history.showOne],
  usage: ["usage", "Usage", usage.show],
  keys: ["keys", "API keys", keys.show],
  account: ["account", "Account", account.show],
};

const main = document.getElementById("main");
const welcome = document.getElementById("welcome");
const message = document.getElementById("welcome-message");
const signIn = document.getElementById("sign-in");
let settings = null;
let leaving = new AbortController(); // Stops what the view before is still waiting for.

function route() {
  const [name, argument] = location.hash.slice(1).split("/");
  const known = ROUTES[argument ? `${name}/` : name] ? [argument ? `${name}/` : name, argument] : ["playground"];
  return { name: known[0], argument: known[1] };
}

/** Shows the view that the address names. `focus` is false at the start, where the page itself has the focus. */
function showRoute(focus) {
  leaving.abort();
  leaving = new AbortController();
  if (!session.token()) return welcome.hidden ? showWelcome("") : undefined;
  const { name, argument } = route();
  const [id, title, load] = ROUTES[name];
  reveal(id);
  document.title = `${title} · TruthLens`;
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.hash === `#${name.replace("/", "")}`;
    if (current) link.setAttribute("aria-current", name.endsWith("/") ? "true" : "page");
    else link.removeAttribute("aria-current");
  }
  if (focus) {
    scrollTo(0, 0);
    document.querySelector(`#${id} h1`).focus({ preventScroll: true });
  }
  load(leaving.signal, argument);
}

function showWelcome(text) {
  leaving.abort();
  reveal("welcome");
  document.title = "TruthLens";
  signIn.hidden = settings === null;
  message.hidden = !text;
  message.textContent = text;
}

/** Shows one section, and what only those who are signed in see. */
function reveal(id) {
  for (const section of main.querySelectorAll("section")) section.hidden = section.id !== id;
  for (const part of document.querySelectorAll("[data-signed-in]")) part.hidden = id === "welcome";
}

session.onEnd((text) => {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  dispatchEvent(new Event("signed-out"));
  showWelcome(text);
});
signIn.addEventListener("click", () => session.signIn(settings));
document.getElementById("sign-out").addEventListener("click", () => session.signOut(settings));
addEventListener("hashchange", () => showRoute(true));
// To the link's target without touching the hash, which is the route.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

async function start() {
  try {
    settings = await session.signInSettings();
  } catch {
    return showWelcome("The server could not be reached. Reload the page to try again.");
  }
  if (settings === null) return showWelcome("Sign-in is not configured on this server. Its API works with keys.");
  document.getElementById("development").hidden = !settings.development;
  const failure = await session.completeSignIn(settings);
  if (failure) showWelcome(failure);
  else showRoute(false);
}

start();
