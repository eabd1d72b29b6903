// Usage: the month's quota, scans by day, scans by month.

import { call, showProblem } from "./api.js";
import { barChart } from "./chart.js";
import { element, scored } from "./element.js";
import { count, plan, time, utcDay, utcMonth } from "./format.js";

const problem = document.querySelector("#usage .problem");
const choice = document.getElementById("month");
const days = document.getElementById("days");
let months = [];

/** Loads the account's use. */
export async function show(signal) {
  showProblem(problem, null);
  try {
    const usage = await call("GET", "/v1/usage", { signal });
    document.getElementById("quota").replaceChildren(...quota(usage));
    months = usage.months;
    choice.replaceChildren(...months.map(({ month }) => element("option", { value: month }, utcMonth(month))));
    showDays();
    showMonths();
  } catch (error) {
    showProblem(problem, error);
  }
}

function quota({ plan: name, scans, pay_as_you_go: price, months: [current] }) {
  const of = scans.limit === null ? "scans this month" : `of ${count(scans.limit)} scans this month`;
  const shown = [element("p", { class: "figure" }, count(scans.used), element("small", {}, ` ${of}`))];
  if (scans.limit !== null) {
    const share = scans.limit === 0 ? 1 : Math.min(1, scans.used / scans.limit);
    const low = share >= 0.9 ? "low" : "";
    shown.push(scored(share, "span", { class: `track quota ${low}`, "aria-hidden": "true" }, element("i")));
    shown.push(element("p", {}, `${count(scans.remaining)} left until ${time(scans.resets_at)}.`));
  }
  if (price) shown.push(element("p", {}, cost(price, current)));
  const begins = scans.limit === null ? ` The count starts over on ${time(scans.resets_at)}.` : "";
  shown.push(element("p", { class: "hint" }, `${plan(name)} plan. Days and months are UTC.${begins}`));
  return shown;
}

function cost({ unit_price_usd: unit, spend_cap_usd: cap }, { amount_usd: amount }) {
  const bound = cap === null ? "No spend cap is set." : `The month is capped at $${cap}.`;
  return `$${amount ?? "0"} so far, at $${unit} a scan. ${bound}`;
}

choice.addEventListener("change", showDays);

function showDays() {
  const month = months.find(({ month }) => month === choice.value);
  if (!month) return days.replaceChildren();
  const scans = new Map(month.days.map(({ date, scans }) => [date, scans]));
  const [year, number] = month.month.split("-").map(Number);
  const length = new Date(Date.UTC(year, number, 0)).getUTCDate();
  const bars = Array.from({ length }, (_, index) => {
    const date = `${month.month}-${String(index + 1).padStart(2, "0")}`;
    return { name: utcDay(date), value: scans.get(date) ?? 0 };
  });
  days.replaceChildren(barChart(bars, `Scans a day in ${utcMonth(month.month)}`, "Day"));
}

/** One month alone is no chart. */
function showMonths() {
  const bars = months.map(({ month, scans }) => ({ name: utcMonth(month), value: scans })).reverse();
  document.getElementById("months-card").hidden = bars.length < 2;
  document.getElementById("months").replaceChildren(barChart(bars, "Scans a month", "Month"));
}
