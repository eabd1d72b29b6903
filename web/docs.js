// The API's description as a page: each operation with its parameters, bodies and answers.

const METHODS = ["get", "post", "put", "delete"];

/** An element with text or children. Text is never read as HTML. */
function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}

/** What `$ref` stands for. */
function resolve(api, schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? { name, ...api.components.schemas[name] } : schema ?? {};
}

/** A schema as an outline: names, types, what they mean. Depth is bounded, since a schema may hold itself. */
function outline(api, schema, indent = "", depth = 0) {
  const found = resolve(api, schema);
  const alternatives = (found.oneOf ?? found.allOf ?? []).filter((option) => option.type !== "null");
  if (depth > 5) return "…";
  if (alternatives.length > 0) {
    const joint = found.oneOf ? `\n${indent}or ` : `\n${indent}and `;
    return alternatives.map((option) => outline(api, option, indent, depth + 1)).join(joint);
  }
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (found.type === "array") return `[ ${outline(api, found.items, indent, depth + 1)} ]`;
  if (!found.properties) return [found.type].flat().filter(Boolean).join(" | ") || "any";
  const inner = `${indent}  `;
  const lines = Object.entries(found.properties).map(([name, property]) => {
    const meaning = (property.description ?? resolve(api, property).description ?? "").split("\n")[0];
    const optional = found.required?.includes(name) ? "" : "?";
    return `${inner}${name}${optional}: ${outline(api, property, inner, depth + 1)}${meaning ? `  // ${meaning}` : ""}`;
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** The schema of a request or answer body. */
function body(content) {
  return Object.values(content ?? {})[0]?.schema;
}

function operation(api, method, path, described) {
  const inside = element("div");
  if (described.description) inside.append(element("p", described.description));
  if (described.parameters?.length) {
    const list = element("dl");
    for (const parameter of described.parameters) {
      list.append(element("dt", `${parameter.name} (${parameter.in})`), element("dd", parameter.description ?? ""));
    }
    inside.append(element("h3", "Parameters"), list);
  }
  if (described.requestBody) {
    const [type] = Object.keys(described.requestBody.content);
    inside.append(element("h3", `Body (${type})`), element("pre", outline(api, body(described.requestBody.content))));
  }
  inside.append(element("h3", "Answers"));
  for (const [status, answer] of Object.entries(described.responses)) {
    inside.append(element("p", element("strong", status), ` ${answer.description}`));
    if (status < 400 && body(answer.content)) inside.append(element("pre", outline(api, body(answer.content))));
  }
  const title = element("summary", element("code", `${method.toUpperCase()} ${path}`), element("span", described.summary));
  return element("details", title, inside);
}

async function show() {
  const place = document.getElementById("operations");
  try {
    const api = await (await fetch("/openapi.json")).json();
    const operations = Object.entries(api.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => operation(api, method, path, item[method])));
    const failure = element("pre", outline(api, { $ref: "#/components/schemas/ErrorBody" }));
    place.replaceChildren(element("h2", "Operations"), ...operations, element("h2", "Errors"), failure);
  } catch {
    place.replaceChildren(element("p", "The description could not be loaded. Reload the page to try again."));
  }
}

show();
