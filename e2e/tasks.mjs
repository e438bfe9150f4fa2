// The system jobs of the console; procedure 5: a foreign folder is taken in by content, and the rest is refused by name.
import { api, assert, base, confirm, data, fs, jobDone, journey, packages, path, setUp, shot, until } from "./journey.mjs";

const closeReport = async (page, word = "done") => {
  await page.locator("dialog[open] [role=status]", { hasText: word }).waitFor();
  const text = await page.locator("dialog[open]").textContent();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  return text;
};
const task = (page, name) => page.locator(`[data-task=${name}]`).click();

await journey(async (open) => {
  const page = await open();
  await setUp(page);

  // A folder of another server: its package folders under GUIDs of its own, and something that no vendor knows.
  const [own] = (await api("GET", "/packages?limit=1")).items;
  const detail = await api("GET", `/packages/${own.id}`);
  const folder = path.join(packages, own.id, String(own.current_version));
  const foreign = `${data}-foreign`, guid = "6f1c2b52-0000-4000-8000-000000000001";
  fs.mkdirSync(path.join(foreign, guid), { recursive: true });
  for (const file of detail.versions[0].files) fs.copyFileSync(path.join(folder, file.name), path.join(foreign, guid, `renamed-${file.name}`));
  fs.writeFileSync(path.join(foreign, guid, "stranger.exe"), "what no catalogue names");

  // As it is, it is not taken: the package here is whole. Once its own is gone, it is.
  await page.goto(`${base}/console/packages`);
  await page.locator(`#check-${own.id}`).check();
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: "Delete" }).click();
  await confirm(page);
  await jobDone("delete");
  assert.equal(fs.existsSync(path.join(packages, own.id)), false);

  await page.goto(`${base}/console/jobs`);
  await task(page, "adopt");
  await page.fill("dialog [name=path]", foreign);
  await shot(page, "adopt");
  await confirm(page);
  const would = await closeReport(page);
  assert.match(would, /stranger\.exe/, "what is refused is named before anything is done");
  assert.equal((await api("GET", `/packages?limit=100`)).items.some((one) => one.update_key === own.update_key), false, "a look changes nothing");
  await page.locator("dialog[open] h2", { hasText: "Take them in now?" }).waitFor();
  await confirm(page);
  const done = await closeReport(page);
  assert.match(done, /stranger\.exe/);
  const adopted = (await api("GET", "/packages?limit=100")).items.find((one) => one.update_key === own.update_key);
  assert.equal(adopted.state, "staged");
  assert.ok(![own.id, guid].includes(adopted.id), "the GUID is of this server, and new");
  assert.equal(fs.readFileSync(path.join(foreign, guid, "stranger.exe"), "utf8"), "what no catalogue names");

  // A folder that is not there is refused, and what was typed stays.
  await task(page, "adopt");
  await page.fill("dialog [name=path]", "not/absolute");
  await confirm(page);
  await page.locator("dialog[open]", { hasText: "absolute path" }).waitFor();
  await page.keyboard.press("Escape");

  // Delete unused: by a rule of this run; first what would go, then after a question.
  await page.goto(`${base}/console/jobs`);
  await task(page, "deleteUnused");
  await page.fill("dialog [name=without_policy_after]", "0s");
  await confirm(page);
  await closeReport(page);
  assert.equal((await api("GET", "/packages?limit=100")).items.length, 2, "a look deletes nothing");
  await page.locator("dialog[open] h2", { hasText: "Delete them now?" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await confirm(page);
  await closeReport(page);
  await until("the unused are gone", async () => (await api("GET", "/packages?limit=100")).items.length === 0);

  // All that is current and not here is fetched.
  await page.reload();
  await task(page, "download");
  await page.locator("dialog[open] h2", { hasText: "bulletins?" }).waitFor();
  await confirm(page);
  await page.locator(".toast", { hasText: "the job is under way" }).waitFor();
  // The outcome is told on whatever page one is then.
  await page.goto(`${base}/console/policies`);
  await page.locator(".toast", { hasText: /^Stage / }).locator("a", { hasText: "Open the report" }).waitFor();

  // Nothing was revised: that is said, and nothing is asked.
  await page.goto(`${base}/console/jobs`);
  await task(page, "revise");
  await closeReport(page);
  await page.locator("dialog[open]", { hasText: "no vendor has revised what is staged here" }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();

  // Reconcile: a stray folder is named first, then cleared.
  const stray = path.join(packages, "stray-folder");
  fs.mkdirSync(stray);
  await page.goto(`${base}/console/jobs`);
  await task(page, "reconcile");
  assert.match(await closeReport(page), /stray-folder/);
  assert.ok(fs.existsSync(stray));
  await confirm(page);
  await closeReport(page);

  // Mend: a damaged file is found and put right.
  const [one] = (await api("GET", "/packages?limit=1")).items, file = (await api("GET", `/packages/${one.id}`)).versions[0].files[0].name;
  const damaged = path.join(packages, one.id, String(one.current_version), file);
  fs.chmodSync(damaged, 0o600);
  fs.writeFileSync(damaged, "broken");
  await task(page, "repair");
  assert.match(await closeReport(page, "failed"), new RegExp(file));
  await page.locator("dialog[open] h2", { hasText: "Mend it now?" }).waitFor();
  await confirm(page);
  await closeReport(page, /^(done|failed):/);
  await until("it is whole", async () => (await api("GET", `/packages/${one.id}`)).state === "staged");

  // A backup, without a passphrase only if one says so.
  await task(page, "backup");
  const backups = `${data}-backups`;
  await page.fill("dialog [name=folder]", backups);
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "passphrase" }).waitFor();
  await page.locator("dialog [name=plain]").check();
  await confirm(page);
  await page.waitForURL("**/console/jobs/*");
  await page.locator("h2", { hasText: "Report" }).waitFor();
  await jobDone("backup");
  assert.ok(fs.readdirSync(backups).length > 0);
  for (const outside of [backups, foreign]) fs.rmSync(outside, { recursive: true });
});
