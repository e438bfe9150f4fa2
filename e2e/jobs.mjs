// A job is paused, goes on and is cancelled on its page, whoever asks for it; its whole report is a download.
import { api, assert, base, confirm, fs, jobDone, journey, late, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  // Its files come so slowly that it does not end before it is told to.
  const job = await api("POST", "/bulletins/stage", { bulletins: ["B-2"] });
  await page.goto(`${base}/console/jobs/${job.id}`);
  await page.locator("#job-state.running").waitFor();
  await page.locator("[data-do=pause]").click();
  await page.locator("#job-state.paused").waitFor();
  await page.locator("[data-do=resume]").waitFor();
  assert.equal(await page.locator("[data-do=pause]").count(), 0, "a paused job cannot be paused");
  await shot(page, "job-paused");

  // What is clicked before the scripts are there is done once they are.
  const come = await late(page, "jobs.js");
  await page.reload({ waitUntil: "commit" });
  await page.locator("[data-do=resume]").click();
  come();
  await page.locator("[data-do=pause]").waitFor();
  await api("POST", `/jobs/${job.id}/pause`);
  await page.locator("#job-state.paused").waitFor();

  // Also where the page's own attributes say what a button does; and once, however often it was pressed.
  const audit = await page.context().newPage(), attributes = await late(audit, "htmx.min.js"), asked = [];
  audit.on("request", (request) => { if (request.url().endsWith("/console/audit/chain")) asked.push(request); });
  await audit.goto(`${base}/console/audit`, { waitUntil: "commit" });
  for (let press = 0; press < 3; press += 1) await audit.locator("#chain button").click();
  attributes();
  await audit.locator("#chain", { hasText: "holds" }).waitFor();
  assert.equal(asked.length, 1, "pressed three times before its script was there");
  await audit.close();

  // Somebody else lets it go on: this page has the right buttons all the same.
  await api("POST", `/jobs/${job.id}/resume`);
  await page.locator("[data-do=pause]").waitFor();
  await api("POST", `/jobs/${job.id}/pause`);
  await page.locator("[data-do=resume]").click();
  await page.locator("[data-do=pause]").waitFor();
  await page.locator("[data-do=cancel]").click();
  await confirm(page);
  await page.locator("#job-state.cancelled").waitFor();
  await jobDone("stage", 0, "cancelled");

  // All lines of a report, as a file.
  const whole = await api("POST", "/bulletins/stage", { bulletins: ["B-1", "B-3"] });
  await page.goto(`${base}/console/jobs/${whole.id}`);
  const link = page.locator("a", { hasText: "All lines as CSV" });
  await link.waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  assert.equal(download.suggestedFilename(), `job-${whole.id}.csv`);
  const lines = fs.readFileSync(await download.path(), "utf8").trim().split("\r\n");
  assert.deepEqual([lines.length, lines[0]], [3, "item,outcome,failed,reason"]);
});
