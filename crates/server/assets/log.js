// The log viewer. Live: records come in order, once each, also after the connection broke. At a place: the log around a
// time or a record, from where one pages back and forth.
import { call } from "./api.js";
import { attempt, element } from "./dialog.js";
import { number, rows, time } from "./record.js";
import { events } from "./stream.js";

// Rows that are kept; records that the first look brings, and those of each step further.
const MOST = 5000, FIRST = 100, STEP = 200;
const id = (name) => document.getElementById(name);
const form = id("log-filter"), jump = id("jump"), body = id("records"), box = id("log-scroll");
const state = id("connection"), pause = id("pause"), note = id("place"), none = id("no-record"), older = id("older"), newer = id("newer"), back = id("back-live");
const isId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// What is shown: `filter` as the API takes it; `first` and `last` are numbers of records. `turn`: which wish it is.
let filter = new URLSearchParams(), stream = null, first = null, last = 0, atStart = false, paused = false, held = [], waiting = [], frame = 0, loading = false, turn = 0, failed = false;

function typed() {
  const values = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value.trim()) values.set(name, value.trim());
  return values;
}

function fill(values) {
  for (const field of form.elements) if (field.name) field.value = values.get(field.name) ?? "";
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

// Whether there may be something before the first row.
function showOlder() { older.hidden = first === null || first <= 1 || atStart; }

// Rows are added once a frame, however many records came.
function draw() {
  frame = 0;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  none.hidden = true;
  const more = body.rows.length + waiting.length - MOST;
  body.append(rows(atEnd || more <= 0 ? waiting : waiting.slice(0, Math.max(0, waiting.length - more))));
  waiting = [];
  if (!atEnd && more > 0) { rest(); return; }
  if (atEnd) { trim(); box.scrollTop = box.scrollHeight; }
}

// What is far above is not kept: it can be had again by going back.
function trim() {
  if (body.rows.length > MOST) atStart = false;
  while (body.rows.length > MOST) body.deleteRow(0);
  first = number(body.rows[0]);
  showOlder();
}

// Somebody reads, and more came than is kept beside it: what is shown stays, the rest is read when one goes on.
function rest() {
  stop();
  last = number(body.rows[body.rows.length - 1]) ?? last;
  newer.hidden = back.hidden = false;
  pause.hidden = true;
  state.textContent = "not live: more came than is shown at once";
}

function stop() {
  stream?.close();
  if (frame) cancelAnimationFrame(frame);
  stream = null; frame = 0; held = []; waiting = []; paused = false;
  pause.setAttribute("aria-pressed", "false");
  pause.textContent = "Pause";
}

function add(record) {
  // By its number: what came before the connection broke is not shown twice.
  if (record.number <= last) return;
  last = record.number;
  if (!paused) {
    first ??= record.number;
    waiting.push(record);
    frame ||= requestAnimationFrame(draw);
    showOlder();
    return;
  }
  if (held.length < MOST) {
    held.push(record);
    pause.textContent = `Go on (${held.length} new)`;
    return;
  }
  // More than can be held: it is read from where one paused.
  last = held[0].number - 1;
  held = [];
  stream.close();
  stream = null;
  pause.textContent = `Go on (more than ${MOST} new)`;
}

// The server's log has begun anew: its numbers are none of those that are shown.
function restarted() {
  if (frame) cancelAnimationFrame(frame);
  body.replaceChildren();
  held = []; waiting = []; frame = 0; first = null; last = 0; atStart = false;
  note.hidden = false;
  note.textContent = "The server's log began anew: this is what it holds now.";
}

function cut({ after }) {
  note.hidden = false;
  note.textContent = `What came next after record ${after} is not kept any more.`;
}

// Follows from `last` on, or from the newest records.
function follow() {
  newer.hidden = true;
  pause.hidden = false;
  back.hidden = note.hidden;
  const address = () => {
    const values = new URLSearchParams([...filter, ["limit", FIRST]]);
    if (last > 0) values.set("after", last);
    return `/api/v1/logs/events?${values}`;
  };
  stream = events(address, { record: add, restarted, cut }, (text, what) => {
    state.textContent = text;
    failed = what === "end";
    if (text === "live") setTimeout(() => { none.hidden = !stream || body.rows.length + waiting.length + held.length > 0; }, 500);
  });
}

function clear() {
  stop();
  body.replaceChildren();
  first = null; last = 0; atStart = failed = false;
  for (const one of [older, newer, note, none, pause, back]) one.hidden = true;
}

function fail(error) {
  failed = true;
  state.textContent = error.problem?.detail ?? error.message;
}

const page = async (place) => (await call("GET", `/logs?${new URLSearchParams([...filter, ["limit", STEP], ...Object.entries(place)])}`)).items;

// Shows what the page's address says.
async function begin() {
  const mine = turn += 1, asked = new URL(location.href).searchParams, from = asked.get("from"), around = asked.get("around");
  clear();
  state.textContent = "reading";
  // The context of a record is everything, whatever the filter was.
  if (around) fill(new URLSearchParams());
  try {
    const wanted = await resolved();
    if (mine !== turn) return;
    filter = wanted;
    id("download").href = `/api/v1/logs/download?${new URLSearchParams([...filter, ...(from ? [["from", from]] : [])])}`;
    if (!from && !around) { follow(); return; }
    const records = await page(around ? { around } : { from });
    // After the newest: what comes is what there is.
    const newest = records.length ? [] : (await call("GET", "/logs?limit=1")).items;
    if (mine === turn) show(records, newest, from, around);
  } catch (error) {
    if (mine === turn) fail(error);
  }
}

function show(records, newest, from, around) {
  const there = records.some((record) => String(record.number) === around);
  note.hidden = false;
  if (around) note.textContent = there ? `What came before and after record ${around}, of all levels.` : `Record ${around} is not kept any more. This is what is nearest to it.`;
  else note.textContent = records.length ? `From ${time(from)} on.` : `Nothing that fits was logged at ${time(from)} or later; new records come here.`;
  if (records.length === 0) {
    last = newest[0]?.number ?? 0;
    first = last ? last + 1 : null;
    showOlder();
    follow();
    return;
  }
  body.append(rows(records));
  first = records[0].number;
  last = records.at(-1).number;
  showOlder();
  newer.hidden = back.hidden = false;
  state.textContent = "not live";
  const at = there ? id(`record-${around}`) : null;
  at?.classList.add("mark");
  at?.querySelector("[data-around]").focus({ preventScroll: true });
  at?.scrollIntoView({ block: "center" });
  if (!at) box.scrollTop = 0;
}

async function step(work) {
  if (loading) return;
  loading = true;
  await attempt(work);
  loading = false;
}

const goBack = () => first === null || older.hidden || step(async () => {
  const mine = turn, records = await page({ before: first });
  if (mine !== turn) return;
  const before = box.scrollHeight, focused = document.activeElement === older;
  none.hidden = true;
  body.prepend(rows(records));
  box.scrollTop += box.scrollHeight - before;
  if (records.length) first = records[0].number;
  atStart = records.length < STEP;
  showOlder();
  if (focused && older.hidden) box.focus();
  if (body.rows.length <= MOST) return;
  // What one has left behind goes.
  if (stream || paused) rest();
  while (body.rows.length > MOST) body.deleteRow(-1);
  last = number(body.rows[body.rows.length - 1]);
  newer.hidden = false;
});

const goOn = () => newer.hidden || step(async () => {
  const mine = turn, records = await page({ after: last });
  if (mine !== turn) return;
  body.append(rows(records));
  if (records.length) last = records.at(-1).number;
  const at = box.scrollTop, before = box.scrollHeight;
  trim();
  box.scrollTop = at + box.scrollHeight - before;
  // Nothing more for now: what comes is followed.
  if (records.length < STEP) follow();
});

// Another place is a step in the browser's history; another filter is not. Enter in a changed field is a change and a
// submit, and one wish.
function go(place, asStep) {
  const values = new URLSearchParams([...typed(), ...Object.entries(place)]), address = `/console/log${values.size ? `?${values}` : ""}`;
  const same = address === location.pathname + location.search;
  if (same && !asStep && !failed) return;
  if (asStep && !same) history.pushState(null, "", address); else history.replaceState(null, "", address);
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
  const button = event.target.closest("button");
  if (button?.dataset.around) { fill(new URLSearchParams()); go({ around: button.dataset.around }, true); }
  if (button?.dataset.job) { fill(new URLSearchParams([["job", button.dataset.job]])); go({}, true); }
});
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", paused);
  pause.textContent = paused ? "Go on" : "Pause";
  if (paused) return;
  if (!stream) { follow(); return; }
  waiting.push(...held);
  held = [];
  first ??= waiting[0]?.number ?? null;
  frame ||= requestAnimationFrame(draw);
});
addEventListener("popstate", () => {
  fill(new URL(location.href).searchParams);
  begin();
});

// Jobs by what they do and when, as soon as somebody looks for one: nobody knows their ids.
form.elements.job.addEventListener("focus", () => call("GET", "/jobs?limit=100").then((jobs) => {
  id("known-jobs").replaceChildren(...jobs.items.map((job) => element("option", { value: job.id }, `${job.kind}, ${time(job.created_at)}, ${job.state}`)));
}).catch(() => { /* an id can be typed all the same */ }), { once: true });
begin();
