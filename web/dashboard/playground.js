// The playground: a text or an image in, its scan out, stage by stage.

import { showProblem } from "./api.js";
import { detect, imageRequest, textRequest } from "./detect.js";
import { element } from "./element.js";
import { bytes, count, counted, percent, verdict } from "./format.js";
import { SAMPLES } from "./samples.js";
import { scanView } from "./scan.js";
import { progress } from "./stages.js";

const [form, text, image, drop, preview] = ["scan-form", "text", "image", "drop", "preview"].map(find);
const [button, status, problem, place] = ["scan", "scan-status", "scan-problem", "scan-result"].map(find);
let chosen = null; // The image to scan.

function find(id) {
  return document.getElementById(id);
}

/** Puts the reader where the work is. The form keeps what it holds. */
export function show() {
  countWords();
}

form.addEventListener("change", ({ target }) => {
  if (target.name !== "modality") return;
  find("text-input").hidden = target.value !== "text";
  find("image-input").hidden = target.value !== "image";
  showProblem(problem, null);
});

text.addEventListener("input", countWords);
const segmenter = new Intl.Segmenter("en", { granularity: "word" }); // Counts as the API does: by Unicode's annex 29.
function countWords() {
  const words = [...segmenter.segment(text.value)].filter((piece) => piece.isWordLike).length;
  const characters = count(Array.from(text.value).length);
  find("text-count").textContent = `${counted(words, "word")}, ${characters} of 100,000 characters`;
}

for (const sample of form.querySelectorAll("[data-sample]")) {
  sample.addEventListener("click", () => {
    text.value = SAMPLES[sample.dataset.sample];
    text.setSelectionRange(0, 0);
    text.scrollTop = 0;
    text.focus();
    countWords();
  });
}

image.addEventListener("change", () => choose(image.files[0]));
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", type === "dragenter" || type === "dragover");
    if (type === "drop") choose(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find(({ type }) => type.startsWith("image/"));
  if (!file || form.closest("[hidden]")) return;
  event.preventDefault();
  form.elements.modality.value = "image";
  form.querySelector("[value=image]").dispatchEvent(new Event("change", { bubbles: true }));
  choose(file);
});

function choose(file) {
  if (!file) return;
  chosen = file;
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.hidden = false;
  find("image-about").textContent = `${file.name}, ${bytes(file.size)}`;
  showProblem(problem, null);
}
preview.addEventListener("error", () => (preview.hidden = true));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const modality = form.elements.modality.value;
  const content = text.value;
  if (modality === "text" ? !content.trim() : !chosen) {
    const message = modality === "text" ? "Paste a text first." : "Choose an image first.";
    return showProblem(problem, { code: "empty_content", message });
  }
  showProblem(problem, null);
  button.disabled = true;
  const stop = new AbortController();
  addEventListener("signed-out", () => stop.abort(), { once: true });
  try {
    tell("Scanning.");
    place.replaceChildren(element("p", { class: "empty" }, "Sending…"));
    // On a phone the result lies below the form.
    if (place.getBoundingClientRect().top > innerHeight - 100) place.scrollIntoView();
    const request = modality === "text" ? textRequest(content) : await imageRequest(chosen, stop.signal);
    const view = scanView(modality, modality === "text" ? { text: request.content } : { picture: preview.src });
    await detect(request, stop.signal, (scan) => {
      view.show(scan);
      if (!view.root.isConnected) place.replaceChildren(view.root);
      const { ran, all } = progress(scan);
      tell(scan.status === "processing" ? `${ran} of ${all} detectors have finished.` : conclusion(scan));
    });
  } catch (error) {
    tell("");
    if (!place.querySelector(".conclusion")) place.replaceChildren();
    showProblem(problem, error);
  } finally {
    button.disabled = false;
  }
});

/** For screen readers: one sentence whenever something new is known. */
function tell(sentence) {
  if (status.textContent !== sentence) status.textContent = sentence;
}

const conclusion = (scan) =>
  scan.confidence === null ? verdict(scan) : `${verdict(scan)}: AI probability ${percent(scan.confidence)}.`;
