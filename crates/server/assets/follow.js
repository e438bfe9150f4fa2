// Following a job by the server's events; the browser resumes them by their number.
import { POLL, call, toSignIn } from "./api.js";
import { ask, element, refused, toast } from "./dialog.js";
import { bytes } from "./words.js";

const isOver = (job) => ["done", "failed", "cancelled"].includes(job.state);

// A stream whose follower may not follow any more ends with this event.
export function untilSignedOut(source) {
  source.addEventListener("signed-out", () => {
    source.close();
    toSignIn();
  });
  return source;
}

// A stream of events that is closed while nobody sees the page: a browser has few connections to one server, and pages
// in the background must not take them all. `open` opens it, and goes on where it was.
export function whileShown(open) {
  let source = null;
  const look = () => {
    if (document.hidden) { source?.close(); source = null; } else source ??= open();
  };
  const close = () => {
    document.removeEventListener("visibilitychange", look);
    removeEventListener("pagehide", close);
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", close);
  look();
  return { close };
}

export function follow(id, progress) {
  return new Promise((resolve) => {
    const end = (job) => { stream.close(); resolve(job); };
    const open = () => {
      const source = untilSignedOut(new EventSource(`/api/v1/jobs/${id}/events`));
      source.addEventListener("progress", (event) => progress?.(JSON.parse(event.data)));
      source.addEventListener("end", (event) => end(JSON.parse(event.data)));
      source.onerror = async () => {
        if (source.readyState !== EventSource.CLOSED) return;
        // Signed out, or the server is gone for good: the browser does not try again.
        try { const job = await call("GET", `/jobs/${id}`); if (isOver(job)) end(job); } catch { /* the page says so elsewhere */ }
      };
      return source;
    };
    const stream = whileShown(open);
  });
}

export const percent = (progress) => (progress.total > 0 ? Math.min(100, Math.floor((progress.done * 100) / progress.total)) : 0);

// What a progress says, as a sentence.
export function told(progress) {
  const done = progress.unit === "bytes" ? `${bytes(progress.done)} of ${bytes(progress.total)}` : `${progress.done} of ${progress.total}`;
  const rate = progress.bytes_per_second > 0 ? `, ${bytes(progress.bytes_per_second)}/s` : "";
  const left = progress.eta_seconds != null && progress.eta_seconds > 0 ? `, ${progress.eta_seconds} s left` : "";
  return progress.total > 0 ? done + rate + left : "";
}

// Starts a job and shows it until its end: progress, then the report. Resolves to the job's end. `brief`: a job that has done its
// work is not reported here, for its caller shows what came of it.
export async function watch(title, start, { brief = false } = {}) {
  let job;
  try { job = await start(); } catch (error) { await refused(error); return undefined; }
  const bar = element("progress", { max: "100", value: "0", "aria-label": "Progress" });
  const phase = element("p", { role: "status" }, "waiting");
  const report = element("div", {});
  const shown = ask({ title, body: element("div", { class: "live" }, bar, phase, report, element("p", {}, element("a", { href: `/console/jobs/${job.id}` }, "Open the job"))), action: null });
  const ended = await follow(job.id, (event) => {
    bar.value = percent(event.progress);
    phase.textContent = event.waiting_for ? `waits for ${event.waiting_for}` : [event.progress.phase, told(event.progress)].filter(Boolean).join(": ");
  });
  if (brief && ended.state === "done") {
    bar.closest("dialog").querySelector(".buttons button").click();
    await shown;
    return ended;
  }
  bar.value = 100;
  phase.textContent = `${ended.state}: ${ended.report?.summary ?? ended.summary ?? ""}`;
  const lines = items(ended);
  if (lines.length) report.append(element("ul", {}, ...lines.slice(0, 200).map((line) => element("li", {}, line))));
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

// Starts a job, says so, and says how it ended.
export async function start(what, path, body) {
  try {
    const job = await call("POST", path, body);
    toast(`${what}: the job is under way.`, { href: `/console/jobs/${job.id}`, text: "Watch it" });
    keep([...kept(), { id: job.id, what }]);
    outcome({ id: job.id, what });
    refresh();
    return job;
  } catch (error) {
    await refused(error);
    return undefined;
  }
}

// Asks the table of the page to look again.
export function refresh() {
  const table = document.getElementById("table");
  if (table && window.htmx) window.htmx.trigger(table, "refresh");
}
