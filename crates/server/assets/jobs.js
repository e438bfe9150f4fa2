// Jobs: run now, pause, resume, cancel, and one job live.
import { call } from "./api.js";
import { ask, attempt, element } from "./dialog.js";
import { follow, percent, start, told, bytes } from "./follow.js";

document.getElementById("run-check")?.addEventListener("click", async () => {
  const values = await ask({
    title: "Check software update package integrity", action: "Run now",
    fields: [
      { name: "light", label: "Light: lengths and time stamps only", type: "checkbox" },
      { name: "repair", label: "Mend what can be mended", type: "checkbox" },
      { name: "relocate", label: "Relocate existing packages if the default location has changed", type: "checkbox" },
      { name: "dry_run", label: "Only say what would be done", type: "checkbox" },
    ],
  });
  if (!values) return;
  const body = Object.fromEntries(Object.entries(values).filter(([, on]) => on));
  const job = await start("Integrity check", "/store/integrity-check", body);
  if (job) location.assign(`/console/jobs/${job.id}`);
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
