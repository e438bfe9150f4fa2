// Following a job by the server's events.
import { POLL, call } from "./api.js";
import { ask, element, listed, refused, toast } from "./dialog.js";
import { events } from "./stream.js";
import { bytes, span } from "./words.js";

export const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

// Resolves to the job when it is over. `said` is told when the stream is in trouble.
export function follow(id, progress, said = () => {}) {
  return new Promise((resolve) => {
    const on = { progress: (event) => progress?.(event), end: (job) => { stream.close(); resolve(job); } };
    const stream = events(() => `/api/v1/jobs/${id}/events`, on, (text, trouble) => {
      if (trouble) said(text);
      // What the stream cannot say any more may be known all the same.
      if (trouble === "end") call("GET", `/jobs/${id}`).then((job) => { if (isOver(job)) resolve(job); }, refused);
    });
  });
}

export const percent = (progress) => (progress.total > 0 ? Math.min(100, Math.floor((progress.done * 100) / progress.total)) : 0);

// What a progress says, as a sentence.
export function told(progress) {
  const done = progress.unit === "bytes" ? `${bytes(progress.done)} of ${bytes(progress.total)}` : `${progress.done} of ${progress.total}`;
  const rate = progress.bytes_per_second > 0 ? `, ${bytes(progress.bytes_per_second)}/s` : "";
  const left = progress.eta_seconds != null && progress.eta_seconds > 0 ? `, ${span(progress.eta_seconds)} left` : "";
  return progress.total > 0 ? done + rate + left : "";
}

// Starts a job and shows it until its end: progress, then the report. Resolves to the job's end. `brief`: a job that has done its
// work is not reported here, for its caller shows what came of it; whoever closes it before does not want to go on.
export async function watch(title, start, { brief = false } = {}) {
  let job;
  try { job = await start(); } catch (error) { await refused(error); return undefined; }
  refresh();
  const bar = element("progress", { max: "100", value: "0", "aria-label": "Progress" });
  const phase = element("p", { role: "status" }, "waiting");
  const report = element("div", {});
  const shown = ask({ title, body: element("div", { class: "live" }, bar, phase, report, element("p", {}, element("a", { href: `/console/jobs/${job.id}` }, "Open the job"))), action: null });
  let closed = false;
  shown.then(() => { closed = true; });
  const ended = await follow(job.id, (event) => {
    bar.value = percent(event.progress);
    phase.textContent = event.waiting_for ? `waits for ${event.waiting_for}` : [event.progress.phase, told(event.progress)].filter(Boolean).join(": ");
  }, (trouble) => { phase.textContent = trouble; });
  refresh();
  if (brief && closed) return undefined;
  if (brief && ended.state === "done") {
    bar.closest("dialog").querySelector(".buttons button").click();
    await shown;
    return ended;
  }
  bar.value = 100;
  phase.textContent = `${ended.state}: ${ended.report?.summary ?? ended.summary ?? ""}`;
  const lines = items(ended), more = ended.report?.items_left_out ?? 0;
  if (lines.length) report.append(listed([...lines, ...(more > 0 ? [`and ${more} more; the job has them all`] : [])]));
  await shown;
  return ended;
}

// The lines of a job's report.
export const items = (job) => (job.report?.items ?? []).map((item) => `${item.item}: ${item.outcome}${item.reason ? `. ${item.reason}` : ""}`);

// Jobs that were started in this tab, until their outcome was told on whatever page one is then.
const KEY = "jobs-under-way";
const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEY)) ?? []; } catch { return []; } };
const keep = (jobs) => { try { sessionStorage.setItem(KEY, JSON.stringify(jobs)); } catch { /* told on this page only */ } };
const forget = (id) => keep(kept().filter((one) => one.id !== id));

async function outcome({ id, what }) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (document.hidden) continue;
    let job;
    try { job = await call("GET", `/jobs/${id}`, undefined, POLL); } catch (error) {
      if (error.problem?.code === "not-found") { forget(id); return; }
      continue;
    }
    if (!isOver(job)) continue;
    forget(id);
    const failed = job.state === "failed" || (job.report?.items ?? []).some((item) => item.failed);
    toast(`${what}: ${job.state === "done" ? "" : `${job.state}. `}${job.report?.summary ?? job.summary ?? ""}`, { href: `/console/jobs/${id}`, text: "Open the report" }, failed);
    refresh();
    return;
  }
}

// Goes on telling outcomes after a page was left.
export function resume() { kept().forEach(outcome); }

// Starts a job, says so, and says how it ended. What is refused is thrown: for a dialog that stays with what was typed.
export async function begin(what, path, body) {
  const job = await call("POST", path, body);
  toast(`${what}: the job is under way.`, { href: `/console/jobs/${job.id}`, text: "Watch it" });
  keep([...kept(), { id: job.id, what }]);
  outcome({ id: job.id, what });
  refresh();
  return job;
}

// The same; a refusal is shown.
export async function start(what, path, body) {
  try {
    return await begin(what, path, body);
  } catch (error) {
    await refused(error);
    return undefined;
  }
}

// Asks what is live of the page, its table or the whole of it, to look again.
export function refresh() {
  for (const part of document.querySelectorAll("#table, #live")) window.htmx?.trigger(part, "refresh");
}
