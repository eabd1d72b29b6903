// One scan, whole: the verdict, what the file says of itself, its stages, what to keep in mind, segments, features. For playground and history.

import { element, scored } from "./element.js";
import { evidenceCard } from "./evidence.js";
import { featureList } from "./features.js";
import { duration, percent, verdict } from "./format.js";
import { heatMapCard } from "./heatmap.js";
import { highlighted, strip } from "./segments.js";
import { progress, stageList } from "./stages.js";

/**
 * A scan's place on the page. `show` brings it up to date. `text` is the scanned text and `picture` the URL of the scanned
 * image, where they are at hand.
 */
export function scanView(modality, { text = null, picture = null } = {}) {
  const conclusion = element("div", { class: "card conclusion" });
  const stages = stageList(modality);
  const evidence = element("div");
  const supporting = element("div");
  const listed = element("div", { class: "card" }, element("h2", {}, "Detectors"), stages.list);
  const show = (scan) => {
    conclusion.className = `card conclusion ${scan.verdict ?? ""}`;
    conclusion.replaceChildren(...conclude(scan));
    evidence.replaceChildren(...[evidenceCard(scan)].filter(Boolean));
    stages.show(scan);
    supporting.replaceChildren(...(scan.status === "processing" ? [] : support(scan, text, picture)));
  };
  return { root: element("div", {}, conclusion, evidence, listed, supporting), show };
}

function conclude(scan) {
  const title = element("h2", {}, verdict(scan));
  const { ran, all } = progress(scan);
  if (scan.status === "processing") return [title, element("p", {}, `${ran} of ${all} detectors have finished.`)];
  if (scan.confidence === null) return [title, element("p", {}, scan.explanation)];
  const probability = element("span", { class: "probability" }, percent(scan.confidence),
    element("small", {}, " AI probability"));
  const scale = scored(scan.confidence, "div", { class: "scale", "aria-hidden": "true" }, element("i"));
  const ends = element("p", { class: "ends", "aria-hidden": "true" }, element("span", {}, "human"),
    element("span", {}, "AI"));
  return [element("div", { class: "row" }, title, probability), scale, ends, ...warnings(scan),
    element("p", {}, scan.explanation), element("p", { class: "hint" }, origin(scan))];
}

/** Everything short that is known of the scan, as one line. */
function origin(scan) {
  const likeness = scan.details?.attribution?.basis === "pixels" && scan.details.attribution;
  const known = [scan.attribution && `Made with ${scan.attribution}`];
  if (likeness) known.push(`Looks like ${likeness.name} (${percent(likeness.confidence)})`);
  if (scan.moderation?.action) known.push(`Moderation: ${scan.moderation.action}`);
  if (scan.moderation?.review) known.push(`Reviewed: ${scan.moderation.review.decision}`);
  known.push(`${duration(scan.latency_ms)} with ${scan.model_pack}`);
  return known.filter(Boolean).join(" · ");
}

function warnings({ warnings }) {
  if (!warnings.length) return [];
  return [element("ul", { class: "warnings", "aria-label": "Warnings" },
    ...warnings.map(({ message }) => element("li", {}, message)))];
}

function support(scan, text, picture) {
  const cards = [];
  if (scan.segments.length > 0) {
    const where = text === null ? strip(scan.segments) : highlighted(text, scan.segments);
    cards.push(card("Where the evidence lies", where));
  }
  const map = heatMapCard(scan, picture);
  if (map) cards.push(map);
  const features = featureList(scan);
  if (features) cards.push(card("Measured", features));
  const { result_json: _, ...report } = scan; // A copy of `details`, for older clients.
  const json = element("pre", { tabindex: "0" }, JSON.stringify(report, null, 2));
  cards.push(element("details", {}, element("summary", {}, "As JSON"), json));
  return cards;
}

const card = (title, content) => element("div", { class: "card" }, element("h2", {}, title), content);
