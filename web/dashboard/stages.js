// The stages of a scan as bars that fill as they arrive.

import { element } from "./element.js";
import { percent } from "./format.js";

/** Per modality: each stage's name in the API, its score's name in `details`, its name here, and what it looks at. */
const STAGES = {
  text: [
    ["heuristics", "heuristic_score", "Heuristics", "wording and rhythm"],
    ["roberta", "roberta_score", "RoBERTa", "a trained text classifier"],
    ["binoculars", "binoculars_score", "Binoculars", "how a language model reads it"],
  ],
  image: [
    ["metadata", "metadata_score", "Metadata", "EXIF, XMP, C2PA, AI tools"],
    ["frequency", "fft_score", "Frequency", "the spectrum of the pixels"],
    ["classifier", "classifier_score", "Classifier", "a trained vision network"],
  ],
};

/** How many stages of a scan have run, and how many there are. */
export function progress({ details }) {
  const stages = Object.values(details?.stages ?? {});
  return { ran: stages.filter(Boolean).length, all: stages.length };
}

/** The list of a modality's stages. `show` brings it up to date; rows stay, so that bars grow and do not blink. */
export function stageList(modality) {
  const rows = (STAGES[modality] ?? []).map((stage) => stageRow(...stage));
  const list = element("ul", { class: "stages" }, ...rows.map((row) => row.item));
  return { list, show: (scan) => rows.forEach((row) => row.show(scan)) };
}

function stageRow(stage, scoreName, name, about) {
  const value = element("span", { class: "value" });
  const fill = element("i");
  const item = element(
    "li",
    { class: "scored", "data-stage": stage },
    element("span", {}, element("span", { class: "name" }, name), " ", element("span", { class: "hint" }, about)),
    value,
    element("span", { class: "track", "aria-hidden": "true" }, fill),
  );
  const show = ({ status, details }) => {
    const ran = details.stages[stage];
    const waiting = !ran && status === "processing";
    item.classList.toggle("waiting", waiting);
    item.style.setProperty("--score", ran ? details[scoreName] : 0);
    value.classList.toggle("none", !ran);
    value.textContent = ran ? percent(details[scoreName]) : waiting ? "running" : "did not run";
  };
  return { item, show };
}
