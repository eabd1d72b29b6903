// The scans of the account: the list, filtered and paged; one scan, whole; its erasure.

import { call, showProblem } from "./api.js";
import { confirmed } from "./confirm.js";
import { follow } from "./detect.js";
import { element, scored } from "./element.js";
import { duration, modality, percent, time, verdict } from "./format.js";
import { scanView } from "./scan.js";

const filter = document.getElementById("filter");
const list = document.getElementById("scans");
const status = document.getElementById("scans-status");
const more = document.getElementById("more");
const problem = document.querySelector("#history .problem");
const detail = document.getElementById("detail");
const detailProblem = document.querySelector("#scan-detail .problem");
const about = document.getElementById("detail-about");
const erase = document.getElementById("erase");
let showing = new AbortController(); // Ends when another list or another view is wanted.
let opened = null; // The id of the scan in the detail view.

/** Loads the newest scans. */
export async function show(signal) {
  showing.abort();
  showing = new AbortController();
  signal?.addEventListener("abort", () => showing.abort());
  await load(null);
}

async function load(cursor) {
  const signal = showing.signal;
  showProblem(problem, null);
  try {
    const page = await call("GET", `/v1/scans?${query(cursor)}`, { signal });
    const rows = page.scans.map(row);
    if (cursor) list.append(...rows);
    else list.replaceChildren(...rows);
    if (cursor) rows[0]?.querySelector("a").focus(); // The reader goes on where the new rows begin.
    status.textContent = list.children.length ? "" : "No scans here.";
    more.hidden = !page.has_more;
    more.onclick = () => load(page.next_cursor);
  } catch (error) {
    showProblem(problem, error);
  }
}

function query(cursor) {
  const { modality, verdict, from, to } = Object.fromEntries(new FormData(filter));
  const wanted = { limit: 20, modality, verdict, from: midnight(from, 0), to: midnight(to, 1), cursor };
  return new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
}

/** A chosen day as the API's instant: days begin in the reader's time zone, and `to` is the day after, exclusive. */
function midnight(date, later) {
  if (!date) return "";
  const [year, month, day] = date.split("-").map(Number);
  return new Date(year, month - 1, day + later).toISOString();
}

filter.addEventListener("change", () => show());
filter.addEventListener("reset", () => setTimeout(show)); // The fields are cleared after this event.
filter.addEventListener("submit", (event) => event.preventDefault());

function row(scan) {
  const score = scan.confidence;
  const bar = score === null ? "–" : scored(score, "span", { class: "track", "aria-hidden": "true" }, element("i"));
  return element("tr", {},
    element("td", {}, element("a", { href: `#history/${scan.id}` }, time(scan.created_at))),
    element("td", { class: "end" }, modality(scan.modality)),
    element("td", {}, element("span", { class: `verdict ${scan.verdict ?? ""}` }, verdict(scan))),
    element("td", { class: "number end" }, bar, score === null ? null : percent(score)),
    element("td", { class: "number wide" }, scan.status === "processing" ? "" : duration(scan.latency_ms)));
}

/** Loads one scan, and follows it if it is still running. */
export async function showOne(signal, id) {
  opened = id;
  detail.replaceChildren();
  about.textContent = "";
  erase.hidden = true;
  showProblem(detailProblem, null);
  try {
    const scan = await call("GET", `/v1/scans/${encodeURIComponent(id)}`, { signal });
    const view = scanView(scan.modality);
    about.textContent = `${modality(scan.modality)} of ${time(scan.created_at)} · ${scan.id}`;
    view.show(scan);
    detail.replaceChildren(view.root);
    erase.hidden = false;
    await follow(scan, signal, view.show);
  } catch (error) {
    showProblem(detailProblem, error);
  }
}

erase.addEventListener("click", async () => {
  const sure = await confirmed("Erase this scan?", "Its verdict and measurements are gone for good. What it cost stays spent.",
    "Erase");
  if (!sure) return;
  try {
    await call("DELETE", `/v1/scans/${encodeURIComponent(opened)}`);
    location.hash = "#history";
  } catch (error) {
    showProblem(detailProblem, error);
  }
});
