// What content says of its own origin, as a list, strongest first.

import { element } from "./element.js";

const STRENGTH = { proof: "Proof", strong: "Strong", hint: "Hint" };

/** The evidence of a scan as a card, or null where there is none. */
export function evidenceCard({ details }) {
  if (!details?.evidence?.length) return null;
  const list = element("ul", { class: "evidence" }, ...details.evidence.map(item));
  return element("div", { class: "card" }, element("h2", {}, "Evidence"), list);
}

function item({ strength, origin, statement, found_in, standard, forgeable, version, model }) {
  const named = [version, model].filter(Boolean).join(", ");
  const place = `${found_in} · ${standard} · ${forgeable ? "anybody could have written it" : "cannot be forged"}`;
  return element("li", { class: verdict(strength, origin), "data-strength": strength },
    element("span", { class: "strength" }, STRENGTH[strength] ?? strength),
    element("span", {}, statement, named && element("span", { class: "hint" }, ` ${named}`),
      element("span", { class: "hint place" }, place)));
}

/** The colour of what it comes to; hints have none. */
const verdict = (strength, origin) =>
  strength === "hint" ? null : { ai_generated: "ai_generated", ai_edited: "mixed", captured: "human" }[origin];
