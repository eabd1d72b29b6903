// DOM elements from data. Text becomes text nodes and is never read as HTML.

/** An element with attributes and children; attributes that are null or false are left out, true ones are empty. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/** An element that the style sheet colours and sizes by `--score`. CSSOM, since the CSP forbids style attributes. */
export function scored(score, name, attributes = {}, ...children) {
  const made = element(name, attributes, ...children);
  made.classList.add("scored");
  made.style.setProperty("--score", score ?? 0);
  return made;
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
