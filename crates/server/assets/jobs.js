// Jobs: run now, pause, resume, cancel, and one job live.
import { POLL, call } from "./api.js";
import { ask, attempt, element } from "./dialog.js";
import { follow, isOver, percent, start, told } from "./follow.js";
import * as tasks from "./tasks.js";
import { bytes } from "./words.js";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-task]");
  if (button) attempt(() => tasks[button.dataset.task]());
  const feed = event.target.closest("button.import")?.dataset;
  if (feed) start(`Import ${feed.name}`, `/feeds/${feed.feed}/import`, {});
});


const job = document.getElementById("job");
if (job) {
  const { id, state } = job.dataset;
  const part = (name) => document.getElementById(`job-${name}`);
  // Other buttons belong to it once it is paused or resumed, whoever did it. What follows a job may be behind by a moment.
  const turned = (now) => (now.state === "paused") !== (state === "paused");
  let looking = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    try { if (turned(await call("GET", `/jobs/${id}`, undefined, POLL))) location.reload(); } catch { /* its end, or the next event */ }
    looking = false;
  };
  // A job that runs is asked, and stops at its next step: its events say when.
  const asked = (verb) => {
    part("asked").textContent = verb === "pause" ? "is being paused: it stops at its next step" : "is being cancelled: it stops at its next step";
    job.querySelectorAll(`[data-do=pause], [data-do=${verb}]`).forEach((button) => { button.disabled = true; });
  };
  job.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    attempt(async () => {
      if (button.dataset.do === "cancel" && !(await ask({ title: "Cancel this job?", text: "What it has done stays done.", action: "Cancel the job", danger: true }))) return;
      const verb = button.dataset.do, now = await call("POST", `/jobs/${id}/${verb}`);
      if (verb === "resume" || now.state === "paused" || isOver(now)) location.reload();
      else asked(verb);
    });
  });
  if (!isOver({ state })) {
    follow(id, (event) => {
      if (turned(event)) look();
      part("state").textContent = event.state;
      part("state").className = `job ${event.state}`;
      part("bar").value = percent(event.progress);
      part("phase").textContent = event.progress.phase;
      part("done").textContent = told(event.progress);
      part("waiting").textContent = event.waiting_for ? `waits for ${event.waiting_for}` : "";
      part("files").replaceChildren(...(event.progress.files ?? []).map((file) => element("li", {}, `${file.name}: ${bytes(file.done_bytes)} of ${bytes(file.total_bytes)}`)));
    }).then(() => location.reload());
  }
}
