// Following a job by the server's events; the browser resumes them by their number.
import { call } from "./api.js";
import { ask, element, refused, toast } from "./dialog.js";

export function follow(id, progress) {
  return new Promise((resolve) => {
    const source = new EventSource(`/api/v1/jobs/${id}/events`);
    source.addEventListener("progress", (event) => progress?.(JSON.parse(event.data)));
    source.addEventListener("end", (event) => { source.close(); resolve(JSON.parse(event.data)); });
    source.onerror = async () => {
      if (source.readyState !== EventSource.CLOSED) return;
      // Signed out, or the server is gone for good: the browser does not try again.
      try { const job = await call("GET", `/jobs/${id}`); if (["done", "failed", "cancelled"].includes(job.state)) resolve(job); } catch { /* the page says so elsewhere */ }
    };
  });
}

export const percent = (progress) => (progress.total > 0 ? Math.min(100, Math.floor((progress.done * 100) / progress.total)) : 0);

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
export function bytes(number) {
  let value = number, unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return unit === 0 ? `${number} B` : `${value.toFixed(1)} ${units[unit]}`;
}

// What a progress says, as a sentence.
export function told(progress) {
  const done = progress.unit === "bytes" ? `${bytes(progress.done)} of ${bytes(progress.total)}` : `${progress.done} of ${progress.total}`;
  const rate = progress.bytes_per_second > 0 ? `, ${bytes(progress.bytes_per_second)}/s` : "";
  const left = progress.eta_seconds != null && progress.eta_seconds > 0 ? `, ${progress.eta_seconds} s left` : "";
  return progress.total > 0 ? done + rate + left : "";
}

// Starts a job and shows it until its end: progress, then the report. Resolves to the job's end.
export async function watch(title, start) {
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
  bar.value = 100;
  phase.textContent = `${ended.state}: ${ended.report?.summary ?? ended.summary ?? ""}`;
  const items = ended.report?.items ?? [];
  if (items.length) report.append(element("ul", {}, ...items.slice(0, 200).map((item) => element("li", {}, `${item.item}: ${item.outcome}${item.reason ? `. ${item.reason}` : ""}`))));
  await shown;
  return ended;
}

// Starts a job and says so.
export async function start(what, path, body) {
  try {
    const job = await call("POST", path, body);
    toast(`${what}: the job is under way.`, { href: `/console/jobs/${job.id}`, text: "Watch it" });
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
