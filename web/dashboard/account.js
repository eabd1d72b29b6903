// The account: what it is, and its moderation thresholds.

import { call, showProblem } from "./api.js";
import { element } from "./element.js";
import { day, plan } from "./format.js";

const problem = document.querySelector("#account .problem");
const facts = document.getElementById("account-facts");
const form = document.getElementById("moderation");
const zones = document.getElementById("zones");
const status = document.getElementById("moderation-status");

/** Loads the account. */
export async function show(signal) {
  showProblem(problem, null);
  status.textContent = "";
  try {
    const account = await call("GET", "/v1/account", { signal });
    const known = [["Account", account.id], ["Plan", plan(account.plan)]];
    if (account.created_at) known.push(["Since", day(account.created_at)]);
    facts.replaceChildren(...known.flatMap(([term, fact]) => [element("dt", {}, term), element("dd", {}, fact)]));
    fill(account.moderation);
  } catch (error) {
    showProblem(problem, error);
  }
}

function fill({ flag, reject }) {
  form.elements.flag.value = flag ?? "";
  form.elements.reject.value = reject ?? "";
  draw();
}

/** What the fields hold: a number, or null where one is empty. */
function thresholds() {
  const read = (field) => (field.value === "" ? null : field.valueAsNumber);
  return { flag: read(form.elements.flag), reject: read(form.elements.reject) };
}

/** The scale from 0 to 1, cut where the thresholds are. */
function draw() {
  const { flag, reject } = thresholds();
  const until = Math.min(1, reject ?? 1);
  const from = Math.min(until, flag ?? until);
  const widths = [from, until - from, reject === null ? 0 : 1 - until];
  [...zones.children].forEach((zone, index) => {
    zone.hidden = !(widths[index] > 0);
    zone.style.setProperty("width", `${widths[index] * 100}%`);
  });
}

form.addEventListener("input", () => {
  status.textContent = "";
  draw();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  showProblem(problem, null);
  const wanted = thresholds();
  const numbers = [wanted.flag, wanted.reject].filter((number) => number !== null);
  if (!form.checkValidity() || numbers.some((number) => !(number >= 0 && number <= 1))) {
    return showProblem(problem, { code: "invalid_request", message: "Thresholds are numbers from 0 to 1." });
  }
  try {
    fill(await call("PUT", "/v1/account/moderation", { body: wanted }));
    status.textContent = "Saved.";
  } catch (error) {
    showProblem(problem, error);
  }
});
