// Jobs: run now, pause, resume, cancel, and one job live.
import { call } from "./api.js";
import { ask, attempt, element } from "./dialog.js";
import { follow, percent, start, told } from "./follow.js";
import * as tasks from "./tasks.js";
import { bytes } from "./words.js";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-task]");
  if (button) attempt(() => tasks[button.dataset.task]());
});

for (const button of document.querySelectorAll("button.import")) {
  button.addEventListener("click", () => start(`Import ${button.dataset.name}`, `/feeds/${button.dataset.feed}/import`, {}));
}

const job = document.getElementById("job");
if (job) {
  const { id, state } = job.dataset;
  job.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    attempt(async () => {
      if (button.dataset.do === "cancel" && !(await ask({ title: "Cancel this job?", text: "What it has done stays done.", action: "Cancel the job", danger: true }))) return;
      await call("POST", `/jobs/${id}/${button.dataset.do}`);
      if (button.dataset.do !== "cancel") location.reload();
    });
  });
  if (!["done", "failed", "cancelled"].includes(state)) {
    const part = (name) => document.getElementById(`job-${name}`);
    follow(id, (event) => {
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
