// The log viewer: records come live, in order, once each, also after the connection broke.
import { element, toast } from "./dialog.js";

const MOST = 5000;
const form = document.getElementById("log-filter"), body = document.getElementById("records"), box = document.getElementById("log-scroll");
const state = document.getElementById("connection"), pause = document.getElementById("pause");
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
let source = null, last = -1, held = [], paused = false, records = [], frame = 0, waiting = [];

function query() {
  const values = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value.trim()) values.set(name, value.trim());
  return values;
}

function row(record) {
  const at = new Date(record.at);
  const link = (place, id) => id ? element("a", { href: `/console/${place}/${id}`, title: id }, id.slice(-12)) : "";
  const message = record.message + Object.entries(record.fields ?? {}).map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join("");
  return element("tr", { class: record.level },
    element("td", {}, element("time", { datetime: record.at, title: record.at }, format.format(at))),
    element("td", {}, record.level), element("td", { title: record.source }, record.source.split("::").slice(-2).join(" ")), element("td", { class: "text" }, message),
    element("td", {}, link("jobs", record.job)), element("td", {}, link("packages", record.package)));
}

// Rows are added once a frame, however many records came.
function draw() {
  frame = 0;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const rows = document.createDocumentFragment();
  for (const record of waiting) rows.append(row(record));
  body.append(rows);
  waiting = [];
  while (body.rows.length > MOST) body.deleteRow(0);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function add(record) {
  records.push(record);
  if (records.length > MOST) records.splice(0, records.length - MOST);
  waiting.push(record);
  if (!frame) frame = requestAnimationFrame(draw);
}

function connect() {
  source?.close();
  body.replaceChildren();
  records = []; held = []; waiting = []; last = -1;
  const values = query();
  history.replaceState(null, "", `/console/log${values.size ? `?${values}` : ""}`);
  values.set("limit", "500");
  source = new EventSource(`/api/v1/logs/events?${values}`);
  source.onopen = () => { state.textContent = "live"; };
  source.onerror = () => {
    state.textContent = source.readyState === EventSource.CLOSED ? "stopped: the filter was refused, or the session has ended" : "connecting again";
  };
  source.addEventListener("record", (event) => {
    const record = JSON.parse(event.data);
    // By its number: what came before the connection broke is not shown twice.
    if (record.number <= last) return;
    last = record.number;
    if (paused) held.push(record); else add(record);
    if (paused) pause.textContent = `Go on (${held.length} new)`;
  });
}

form.addEventListener("submit", (event) => { event.preventDefault(); connect(); });
form.addEventListener("change", connect);
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", paused);
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused) { held.forEach(add); held = []; }
});
document.getElementById("download").addEventListener("click", () => {
  const text = records.map((record) => JSON.stringify(record)).join("\n");
  const url = URL.createObjectURL(new Blob([text, "\n"], { type: "application/x-ndjson" }));
  element("a", { href: url, download: `patchwharf-log-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jsonl` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  toast(`${records.length} records, as shown.`);
});
addEventListener("pagehide", () => source?.close());
connect();
