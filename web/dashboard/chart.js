// Bar charts in SVG, each with the same numbers as a table.

import { element, svg } from "./element.js";
import { count } from "./format.js";

/**
 * A bar chart of `bars`, each `{ name, value }`. `title` says what it shows, `noun` what a bar is, as a column's head.
 */
export function barChart(bars, title, noun) {
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const height = ({ value }) => (value === 0 ? 0 : Math.max(2, (value / most) * 100)); // One scan is to be seen, too.
  // The picture is stretched to its place, so it holds no text; one unit is one bar wide.
  const picture = svg("svg", { viewBox: `0 0 ${bars.length} 100`, preserveAspectRatio: "none", role: "img",
    "aria-label": `${title}. At most ${count(most)}. The same numbers follow as a table.` });
  bars.forEach((bar, x) => picture.append(svg("g", {},
    svg("title", {}, `${bar.name}: ${count(bar.value)}`),
    svg("rect", { class: "none", x, y: 0, width: 1, height: 100 }),
    svg("rect", { x: x + 0.12, y: 100 - height(bar), width: 0.76, height: height(bar) }))));
  const middle = bars[Math.floor(bars.length / 2)];
  const named = bars.length > 2 ? [bars[0], middle, bars.at(-1)] : bars;
  return element("div", { class: "chart" },
    element("p", { class: "most", "aria-hidden": "true" }, count(most)),
    picture,
    element("p", { class: "axis", "aria-hidden": "true" }, ...named.map(({ name }) => element("span", {}, name))),
    element("details", {}, element("summary", {}, "As a table"), table(bars, title, noun)));
}

function table(bars, title, noun) {
  const rows = bars.filter(({ value }) => value > 0).map(({ name, value }) =>
    element("tr", {}, element("td", {}, name), element("td", { class: "number" }, count(value))));
  return element("table", {},
    element("caption", { class: "unseen" }, title),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, noun), element("th", { scope: "col" }, "Scans"))),
    element("tbody", {}, ...rows));
}
