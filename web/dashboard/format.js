// Numbers, times and names as people read them. British dates, because "21 Nov 2026" is misread nowhere.

const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const UTC_DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const UTC_MONTH = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const COUNT = new Intl.NumberFormat("en");

/** 0.876 as "88 %". */
export const percent = (probability) => `${Math.round(probability * 100)} %`;

/** 12345 as "12,345". */
export const count = (number) => COUNT.format(number);

/** "1 scan", "2 scans". */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** An RFC 3339 time as a day in the reader's time zone. */
export const day = (text) => DATE.format(new Date(text));

/** An RFC 3339 time as a minute in the reader's time zone. */
export const time = (text) => TIME.format(new Date(text));

/** A UTC date, "2026-11-21", as "21 Nov". */
export const utcDay = (text) => UTC_DATE.format(new Date(text));

/** A UTC month, "2026-11", as "November 2026". */
export const utcMonth = (text) => UTC_MONTH.format(new Date(`${text}-01`));

/** 1763284 as "1.7 MB"; a megabyte is 2²⁰ bytes here, as in the API's limits. */
export function bytes(number) {
  if (number < 2 ** 10) return `${number} bytes`;
  return number < 2 ** 20 ? `${Math.round(number / 2 ** 10)} KB` : `${(number / 2 ** 20).toFixed(1)} MB`;
}

/** 850 as "0.9 s", 32 as "32 ms". */
export const duration = (ms) => (ms < 100 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

/** A plan's name. */
export const plan = (name) =>
  ({ free: "Free", pro: "Pro", business: "Business", pay_as_you_go: "Pay as you go" })[name] ?? name;

/** A scan's modality. */
export const modality = (name) => ({ text: "Text", image: "Image" })[name] ?? name;

/** What a scan came to: its verdict, or that there is none. */
export function verdict({ status, verdict }) {
  if (status === "processing") return "Scanning…";
  if (status === "failed") return "Failed";
  return { human: "Likely human", mixed: "Mixed signals", ai_generated: "Likely AI" }[verdict] ?? verdict;
}
