// The log viewer. Live: records come in order, once each, also after the connection broke. At a place: the log around a
// time or a record, from where one pages back and forth.
import { call } from "./api.js";
import { attempt, element } from "./dialog.js";
import { untilSignedOut, whileShown } from "./follow.js";

const MOST = 5000, PAGE = 200;
const id = (name) => document.getElementById(name);
const form = id("log-filter"), jump = id("jump"), body = id("records"), box = id("log-scroll");
const state = id("connection"), pause = id("pause"), note = id("place"), older = id("older"), newer = id("newer"), back = id("back-live");
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
const isId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// What is shown: `filter` as the API takes it; `first` and `last` are numbers of records.
let filter = new URLSearchParams(), stream = null, first = null, last = 0, paused = false, held = [], waiting = [], frame = 0, loading = false, turn = 0;

function typed() {
  const values = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value.trim()) values.set(name, value.trim());
  return values;
}

// Names become ids: a bulletin is asked for by its name, a package by its update, a job is chosen from the list.
async function resolved() {
  const values = typed();
  for (const [name, place] of [["bulletin", "bulletins"], ["package", "packages"]]) {
    const value = values.get(name);
    if (value && !isId.test(value)) values.set(name, (await call("GET", `/${place}/${encodeURIComponent(value)}`)).id);
  }
  return values;
}

function row(record) {
  const link = (place, of) => of ? element("a", { href: `/console/${place}/${of}`, title: of }, of.slice(-12)) : "";
  const message = record.message + Object.entries(record.fields ?? {}).map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join("");
  return element("tr", { class: record.level, id: `record-${record.number}` },
    element("td", {}, element("time", { datetime: record.at, title: record.at, "data-local": "" }, format.format(new Date(record.at)))),
    element("td", {}, record.level), element("td", { title: record.source }, record.source.split("::").slice(-2).join(" ")), element("td", { class: "text" }, message),
    element("td", {}, link("jobs", record.job)), element("td", {}, link("packages", record.package)),
    element("td", {}, element("button", { type: "button", class: "link", "data-around": String(record.number), title: "What came before and after it", "aria-label": `Context of record ${record.number}` }, "Context")));
}

const rows = (records) => { const made = document.createDocumentFragment(); for (const record of records) made.append(row(record)); return made; };

// Rows are added once a frame, however many records came.
function draw() {
  frame = 0;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  body.append(rows(waiting));
  waiting = [];
  if (atEnd) { trim(); box.scrollTop = box.scrollHeight; }
}

// What is far above is not kept: it can be had again by going back.
function trim() {
  while (body.rows.length > MOST) body.deleteRow(0);
  first = Number(body.rows[0]?.id.slice(7)) || null;
  older.hidden = first === null || first <= 1;
}

function add(record) {
  // By its number: what came before the connection broke is not shown twice.
  if (record.number <= last) return;
  last = record.number;
  first ??= record.number;
  if (!paused) { waiting.push(record); frame ||= requestAnimationFrame(draw); older.hidden = first <= 1; return; }
  held.push(record);
  if (held.length > MOST) held.shift();
  pause.textContent = `Go on (${held.length === MOST ? `${MOST} or more` : held.length} new)`;
}

// Follows from `last` on, or from the newest records.
function follow() {
  newer.hidden = true;
  pause.hidden = false;
  back.hidden = note.hidden;
  state.textContent = "connecting";
  stream = whileShown(() => {
    const values = new URLSearchParams(filter);
    if (last > 0) values.set("after", last); else values.set("limit", PAGE);
    const source = untilSignedOut(new EventSource(`/api/v1/logs/events?${values}`));
    source.onopen = () => { state.textContent = "live"; };
    source.onerror = () => { state.textContent = source.readyState === EventSource.CLOSED ? "stopped: the filter was refused, or the session has ended" : "connecting again"; };
    source.addEventListener("record", (event) => add(JSON.parse(event.data)));
    return source;
  });
}

function clear() {
  stream?.close();
  stream = null;
  if (frame) cancelAnimationFrame(frame);
  body.replaceChildren();
  held = []; waiting = []; frame = 0; first = null; last = 0; paused = false;
  pause.setAttribute("aria-pressed", "false");
  pause.textContent = "Pause";
  for (const one of [older, newer, note, pause, back]) one.hidden = true;
}

const page = async (place) => (await call("GET", `/logs?${new URLSearchParams([...filter, ...Object.entries(place), ["limit", PAGE]])}`)).items;

// Shows what the page's address says.
async function begin() {
  const mine = turn += 1, asked = new URL(location.href).searchParams;
  clear();
  try {
    filter = await resolved();
  } catch (error) {
    state.textContent = error.problem?.detail ?? error.message;
    return;
  }
  const from = asked.get("from"), around = asked.get("around");
  id("download").href = `/api/v1/logs/download?${new URLSearchParams([...filter, ...(from ? [["from", from]] : [])])}`;
  if (!from && !around) { follow(); return; }
  state.textContent = "reading";
  // The context of a record is everything, whatever the filter was.
  if (around) filter = new URLSearchParams();
  await attempt(async () => {
    const records = await page(around ? { around } : { from });
    if (mine !== turn) return;
    note.hidden = false;
    note.textContent = around ? `What came before and after record ${around}, of all levels.` : records.length ? `From ${format.format(new Date(from))} on.` : `Nothing that fits was logged at ${format.format(new Date(from))} or later; new records come here.`;
    if (records.length === 0) { follow(); return; }
    body.append(rows(records));
    first = records[0].number;
    last = records.at(-1).number;
    older.hidden = first <= 1;
    newer.hidden = back.hidden = false;
    state.textContent = "not live";
    const at = around ? id(`record-${around}`) : null;
    at?.classList.add("mark");
    at?.querySelector("button").focus({ preventScroll: true });
    at?.scrollIntoView({ block: "center" });
    if (!at) box.scrollTop = 0;
  });
}

async function goBack() {
  if (loading || first === null || older.hidden) return;
  loading = true;
  await attempt(async () => {
    const mine = turn, records = await page({ before: first });
    if (mine !== turn) return;
    const before = box.scrollHeight, focused = document.activeElement === older;
    body.prepend(rows(records));
    box.scrollTop += box.scrollHeight - before;
    if (records.length) first = records[0].number;
    older.hidden = records.length < PAGE || first <= 1;
    if (focused && older.hidden) box.focus();
    // Live, the newest are kept; at a place, what one has left behind goes.
    if (!stream) while (body.rows.length > MOST) { body.deleteRow(-1); last = Number(body.rows[body.rows.length - 1].id.slice(7)); newer.hidden = false; }
  });
  loading = false;
}

async function goOn() {
  if (loading || newer.hidden) return;
  loading = true;
  await attempt(async () => {
    const mine = turn, records = await page({ after: last });
    if (mine !== turn) return;
    body.append(rows(records));
    if (records.length) last = records.at(-1).number;
    const at = box.scrollTop, before = box.scrollHeight;
    trim();
    box.scrollTop = at + box.scrollHeight - before;
    // Nothing more for now: what comes is followed.
    if (records.length < PAGE) follow();
  });
  loading = false;
}

// Another place is a step in the browser's history; another filter is not.
function go(place, step) {
  const values = new URLSearchParams([...typed(), ...Object.entries(place)]), address = `/console/log${values.size ? `?${values}` : ""}`;
  if (step) history.pushState(null, "", address); else history.replaceState(null, "", address);
  begin();
}

form.addEventListener("submit", (event) => { event.preventDefault(); go({}, false); });
form.addEventListener("change", () => go({}, false));
jump.addEventListener("submit", (event) => {
  event.preventDefault();
  const at = new Date(id("jump-at").value);
  if (!Number.isNaN(at.valueOf())) go({ from: at.toISOString() }, true);
});
back.addEventListener("click", () => go({}, true));
older.addEventListener("click", goBack);
newer.addEventListener("click", goOn);
box.addEventListener("scroll", () => {
  if (box.scrollTop < 20) goBack();
  else if (box.scrollHeight - box.scrollTop - box.clientHeight < 20) goOn();
});
body.addEventListener("click", (event) => {
  const button = event.target.closest("[data-around]");
  if (button) go({ around: button.dataset.around }, true);
});
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", paused);
  pause.textContent = paused ? "Go on" : "Pause";
  if (paused) return;
  waiting.push(...held);
  held = [];
  frame ||= requestAnimationFrame(draw);
});
addEventListener("popstate", () => {
  const asked = new URL(location.href).searchParams;
  for (const field of form.elements) if (field.name) field.value = asked.get(field.name) ?? "";
  begin();
});

// Jobs by what they do and when: nobody knows their ids.
call("GET", "/jobs?limit=100").then((jobs) => {
  id("known-jobs").replaceChildren(...jobs.items.map((job) => element("option", { value: job.id }, `${job.kind}, ${format.format(new Date(job.created_at))}, ${job.state}`)));
}).catch(() => { /* an id can be typed all the same */ });
begin();
