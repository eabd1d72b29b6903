// Scanning: sends a text or an image, and follows the scan to its end.

import { ApiError, call } from "./api.js";

const INLINE = 4 * 2 ** 20; // In AWS a request ends at 6 MB, and base64 adds a third.
const LARGEST = 20 * 2 ** 20;

/** The request for a text. Half of a surrogate pair is no character, and no UTF-8. */
export const textRequest = (content) => ({ modality: "text", input_type: "raw_text", content: content.toWellFormed() });

/** The request for an image file; a big one is uploaded first. */
export async function imageRequest(file, signal) {
  if (file.size > LARGEST) {
    throw new ApiError(0, { code: "image_too_large", message: "The image is over 20 MB. Scan a smaller one." });
  }
  const upload = { modality: "image", input_type: "upload" };
  if (file.size > INLINE) {
    const id = await uploaded(file, signal);
    if (id) return { ...upload, upload_id: id };
  }
  return { ...upload, content: await base64(file) };
}

/** Starts a scan and calls `show` with it, again whenever there is more to see, until it has ended. */
export async function detect(request, signal, show) {
  const headers = { Prefer: "respond-async" };
  const scan = await call("POST", "/v1/detect", { body: request, headers, signal });
  show(scan);
  await follow(scan, signal, show);
}

/** Follows a scan that may still be running. */
export async function follow(scan, signal, show) {
  const started = Date.now();
  while (scan.status === "processing") {
    // Often enough to see stages arrive; a scan that takes long is asked for less.
    await pause(Date.now() - started < 20_000 ? 300 : 2000, signal);
    scan = await call("GET", `/v1/scans/${encodeURIComponent(scan.id)}`, { signal });
    show(scan);
  }
}

/** Uploads a file; gives its id, or null where the storage cannot be reached from this page. */
async function uploaded(file, signal) {
  const body = { content_type: file.type, content_length: file.size };
  const permission = await call("POST", "/v1/uploads", { body, signal });
  const { url, method, headers } = permission;
  const response = await fetch(url, { method, headers, body: file, signal }).catch((cause) => {
    if (cause.name === "AbortError") throw cause;
    return null;
  });
  return response?.ok ? permission.upload_id : null;
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
