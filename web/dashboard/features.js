// What was measured of a text or an image, as a list of terms.

import { element } from "./element.js";
import { bytes, count, percent } from "./format.js";

const TEXT = [
  ["Words", (f) => count(f.word_count)],
  ["Distinct words", (f) => percent(f.unique_word_ratio)],
  ["Function words", (f) => percent(f.stopword_ratio)],
  ["Words a sentence", (f) => f.avg_sentence_length.toFixed(1)],
  ["Its variance", (f) => f.sentence_length_variance.toFixed(1)],
  ["Character entropy", (f) => `${f.char_entropy.toFixed(2)} bits`],
];

const IMAGE = [
  ["Pixels", (f) => `${count(f.width)} × ${count(f.height)}`],
  ["File", (f) => `${f.format}, ${bytes(f.file_size_bytes)}`],
  ["EXIF", (f) => (f.has_exif ? "yes" : "none")],
  ["Camera", (f) => f.camera],
  ["Software", (f) => f.software],
  ["AI signature", (f) => f.ai_tool_signature ?? "none"],
  ["Declared source", (f) => f.digital_source_type],
  ["C2PA", (f) => words(f.c2pa_verdict) ?? "no manifest"],
  ["C2PA integrity", (f) => words(f.c2pa?.integrity)],
  ["C2PA signer", (f) => f.c2pa?.trust],
  ["C2PA source", (f) => f.c2pa?.source_type],
  ["C2PA made by", (f) => f.c2pa?.claim_generator],
  ["Spectrum smoothness", (f) => f.fft_smoothness?.toFixed(2)],
  ["Spectrum periodicity", (f) => f.fft_periodicity?.toFixed(2)],
];

/** The features of a scan, or null where none were measured. */
export function featureList({ modality, details }) {
  if (!details.features) return null;
  const list = element("dl", { class: "features" });
  for (const [term, read] of modality === "image" ? IMAGE : TEXT) {
    const value = read(details.features);
    if (value) list.append(element("div", {}, element("dt", {}, term), element("dd", {}, value)));
  }
  return list;
}

/** A code as words: `bad_credential` reads "bad credential". */
const words = (code) => code?.replaceAll("_", " ");
