// Calls to the API, and what goes wrong with them.

import { end, token } from "./session.js";
import { count } from "./format.js";
import { element } from "./element.js";

/** A call that the API refused, or that did not reach it (`code` is then `unreachable`). */
export class ApiError extends Error {
  constructor(status, detail) {
    super(detail?.message ?? `The server answered ${status}.`);
    this.status = status;
    this.code = detail?.code ?? "unknown";
    this.detail = detail ?? {};
  }
}

/** Calls the API; gives the answer's JSON, or null where there is none. A refused token ends the session. */
export async function call(method, path, { body, headers, signal } = {}) {
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  const authorization = { Authorization: `Bearer ${token()}` };
  const request = { method, signal, cache: "no-store", headers: { ...type, ...authorization, ...headers } };
  if (body !== undefined) request.body = JSON.stringify(body);
  const response = await fetch(path, request).catch((cause) => {
    if (cause.name === "AbortError") throw cause;
    throw new ApiError(0, { code: "unreachable", message: "The server could not be reached. Check your connection." });
  });
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  if (response.status === 401) end("Your session has ended. Please sign in again.");
  throw new ApiError(response.status, answer?.detail);
}

/** Shows an error where `place` says, with what to do about it, or clears the place when there is none. */
export function showProblem(place, error) {
  // What was stopped on purpose, or ended the session, is told elsewhere or not at all.
  const shown = error && error.name !== "AbortError" && error.status !== 401;
  place.hidden = !shown;
  place.replaceChildren(...(shown ? advice(error) : []));
  if (shown && !(error instanceof ApiError)) console.error(error);
}

function advice({ code, message, detail }) {
  switch (code) {
    case "quota_exceeded": {
      const limit = detail.limit ? `All ${count(detail.limit)} scans of this month are used. ` : `${message} `;
      return [limit, element("a", { href: "#usage" }, "See your usage"), "."];
    }
    case "rate_limited":
      return [`Too many requests. Try again in ${detail.retry_after ?? 60} seconds.`];
    case undefined:
      return ["Something went wrong on this page. Reload it and try again."];
    default:
      return [message];
  }
}
