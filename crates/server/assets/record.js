// A record of the log as a row of the viewer.
import { element } from "./dialog.js";

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
export const time = (at) => format.format(new Date(at));

// The number of the record in a row; none: no row.
export const number = (row) => (row ? Number(row.id.slice("record-".length)) : null);

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const link = (place, of) => (of ? element("a", { href: `/console/${place}/${of}`, title: of }, of.slice(-12)) : "");
const press = (name, attributes) => element("button", { type: "button", class: "link", ...attributes }, name);

function row(record) {
  const message = record.message + Object.entries(record.fields ?? {}).map(([name, value]) => ` ${name}=${shown(value)}`).join("");
  const job = record.job ? [link("jobs", record.job), " ", press("log", { "data-job": record.job, title: "Only what this job wrote", "aria-label": `Log of job ${record.job.slice(-12)}` })] : [];
  return element("tr", { class: record.level, id: `record-${record.number}` },
    element("td", {}, element("time", { datetime: record.at, title: record.at, "data-local": "" }, time(record.at))),
    element("td", {}, record.level), element("td", { class: "source", title: record.source }, record.source.split("::").slice(-2).join(" ")), element("td", { class: "text" }, message),
    element("td", {}, ...job), element("td", {}, link("packages", record.package)),
    element("td", {}, press("Context", { "data-around": String(record.number), title: "What came before and after it", "aria-label": `Context of record ${record.number}` })));
}

export function rows(records) {
  const made = document.createDocumentFragment();
  for (const record of records) made.append(row(record));
  return made;
}
