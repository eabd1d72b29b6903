// Where in an image the classifier's evidence lies, drawn over the image where that is at hand.

import { element, svg } from "./element.js";
import { percent } from "./format.js";

/** The map of a scan as a card, or null where there is none. `picture` is the image's URL, where it is at hand. */
export function heatMapCard({ details }, picture) {
  if (!details?.heatmap) return null;
  const { left, top, side, scores } = details.heatmap;
  const { width, height } = details.features;
  const cell = side / scores.length;
  const highest = Math.max(...scores.flat());
  const drawn = svg("svg", { class: "heatmap", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `The image in ${scores.length} times ${scores.length} cells; the highest scores ${percent(highest)}.` },
    picture && svg("image", { href: picture, width, height }));
  scores.forEach((row, y) => row.forEach((score, x) => drawn.append(svg("rect", {
    x: left + x * cell, y: top + y * cell, width: cell, height: cell, "fill-opacity": (0.7 * score).toFixed(2) },
    svg("title", {}, percent(score))))));
  const note = "The redder a cell, the more it looks generated beside the others. A cell alone proves nothing.";
  return element("div", { class: "card" }, element("h2", {}, "Where the evidence lies"), drawn,
    element("p", { class: "hint" }, note));
}
