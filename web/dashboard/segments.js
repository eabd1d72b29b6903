// Where in a text the evidence lies. The API counts in Unicode characters (code points), JavaScript strings in UTF-16
// units: a text is cut by code points here.

import { element, scored } from "./element.js";
import { count, percent } from "./format.js";

/** The text with its segments tinted, each followed by its score. */
export function highlighted(text, segments) {
  const characters = Array.from(text);
  const cut = (start, end) => characters.slice(start, end).join("");
  const reading = element("div", { class: "reading", tabindex: "0", role: "region", "aria-label": "The text, scored" });
  let position = 0;
  for (const { start, end, score } of inOrder(segments)) {
    reading.append(
      cut(position, start),
      scored(score, "mark", {}, cut(start, end), element("b", {}, percent(score))),
    );
    position = end;
  }
  reading.append(cut(position));
  return reading;
}

/** The segments as a strip as long as the text, and as a table of offsets, where the text itself is not at hand. */
export function strip(segments) {
  const line = element("div", { class: "strip", "aria-hidden": "true" });
  const rows = element("tbody");
  for (const { start, end, score } of inOrder(segments)) {
    const piece = scored(score, "i", { title: `${count(start)}–${count(end)}: ${percent(score)}` });
    piece.style.setProperty("flex-grow", end - start);
    line.append(piece);
    rows.append(element("tr", {},
      element("td", { class: "number" }, `${count(start)} – ${count(end)}`),
      element("td", { class: "number" }, percent(score))));
  }
  const last = segments.reduce((most, { end }) => Math.max(most, end), 0);
  const ends = element("p", { class: "ends", "aria-hidden": "true" }, element("span", {}, "0"),
    element("span", {}, `${count(last)} characters`));
  const table = element("table", {}, element("caption", { class: "unseen" }, "Segments of the text"),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Characters"),
      element("th", { scope: "col" }, "AI probability"))), rows);
  // A long text has hundreds.
  const listed = element("details", { open: segments.length <= 8 }, element("summary", {}, "As a table"), table);
  return element("div", {}, line, ends, listed);
}

const inOrder = (segments) => [...segments].sort((a, b) => a.start - b.start);
