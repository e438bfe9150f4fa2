// The Patch Remediation Center: stage, watch, damage, refresh, recreate, disable, distribute.
import { api, assert, base, choose, confirm, fs, jobDone, journey, packages, path, row, setUp, shot, until } from "./journey.mjs";

const packageOf = async (bulletin) => {
  const shown = await api("GET", `/bulletins/${bulletin}`);
  return api("GET", `/packages/${shown.software_updates.find((update) => update.package).package}`);
};

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  await page.goto(`${base}/console/bulletins?sort=name`);

  // A vendor's text is text.
  assert.equal(await page.evaluate(() => window.canary), undefined);
  assert.equal(await page.locator("#table img").count(), 0);
  assert.match(await page.locator("#table").textContent(), /<img src=x onerror=/);

  // Stage by right-click, and watch it finish in the row and in the log viewer.
  const log = await open({ storageState: await page.context().storageState() });
  await log.goto(`${base}/console/log?text=staged`);
  await log.locator("#connection", { hasText: "live" }).waitFor();
  await choose(page, "B-1", "Stage / Download Packages");
  // The vendor takes its time: the row says what goes on, and how far it is.
  const progress = row(page, "B-1").locator("td.state .doing progress");
  await until("the row shows how far it is", async () => { const value = await progress.evaluate((bar) => bar.value, null, { timeout: 1000 }).catch(() => 0); return value > 0 && value < 100; });
  // The outcome is told where it was asked for, for some seconds.
  const toast = page.locator(".toast", { hasText: "Stage 1 bulletin: 1 package staged" }).waitFor();
  await shot(page, "bulletins-under-way");
  await row(page, "B-1").locator("td.state .good").waitFor();
  await toast;
  await log.locator("#records tr", { hasText: "staged" }).first().waitFor();
  await shot(page, "bulletins");
  await shot(log, "log");

  // The same by keyboard alone: a row's box, `m`, arrows, Enter.
  await row(page, "B-2").locator("input[type=checkbox]").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("m");
  await page.locator(".menu").waitFor();
  await shot(page, "menu");
  for (let at = 0; at < 2; at += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await row(page, "B-2").locator("td.state .good").waitFor();

  // Damage behind the server's back: corrupt with its reason, then mended.
  const before = await packageOf("B-1");
  const file = path.join(packages, before.id, String(before.current_version), before.versions[0].files[0].name);
  const bytes = fs.readFileSync(file);
  bytes[100] ^= 1;
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, bytes);
  await page.goto(`${base}/console/packages`);
  await page.locator(`#check-${before.id}`).check();
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: "Verify" }).click();
  await page.locator(`#row-${before.id} .state.corrupt`).waitFor();
  assert.match(await page.locator(`#row-${before.id} .reason`).textContent(), /expected 20000 bytes with SHA-256 [0-9a-f]{64}, found SHA-256 [0-9a-f]{64}/);
  await shot(page, "packages");
  await page.goto(`${base}/console`);
  await page.locator("h2", { hasText: "not whole" }).waitFor();
  await shot(page, "dashboard");
  await page.goto(`${base}/console/bulletins?sort=name`);
  await row(page, "B-1").locator(".bad").waitFor();
  await choose(page, "B-1", "Refresh");
  await row(page, "B-1").locator("td.state .good").waitFor();
  assert.equal((await packageOf("B-1")).current_version, before.current_version + 1);

  // Distribute: a policy over the selection.
  await choose(page, "B-1", "Distribute…");
  await page.fill("dialog [name=name]", "workstations");
  await confirm(page);
  await page.locator(".toast a", { hasText: "Open the policy" }).click();
  await page.locator("h1", { hasText: "workstations" }).waitFor();
  await shot(page, "policy");

  // The complete refresh: a new GUID, and the policy follows.
  await page.goto(`${base}/console/bulletins?sort=name`);
  await choose(page, "B-1", "Complete refresh…");
  assert.match(await page.locator("dialog[open]").textContent(), /New packages with new GUIDs/);
  await confirm(page);
  await jobDone("refresh-complete");
  const complete = await packageOf("B-1");
  assert.notEqual(complete.id, before.id);
  const policy = await api("GET", "/policies/workstations");
  assert.equal(policy.switches[0].package, complete.id);

  // Recreate packages.
  await page.reload();
  await choose(page, "B-1", "Recreate packages…");
  await confirm(page);
  await jobDone("recreate");
  await shot(page, "recreated");
  assert.notEqual((await packageOf("B-1")).id, complete.id);

  // Disable and enable.
  await page.reload();
  await choose(page, "B-1", "Disable…");
  await confirm(page);
  await row(page, "B-1").locator(".tag", { hasText: "disabled" }).waitFor();
  await shot(page, "disabled");
  assert.equal((await api("GET", "/policies/workstations")).switches[0].state, "withdrawn");
  await choose(page, "B-1", "Enable");
  await until("it is enabled", async () => (await api("GET", "/bulletins/B-1")).enabled);

  // What refers to it, and the bulletin's page with its history.
  await choose(page, "B-1", "What refers to it");
  await page.locator("dialog[open] li", { hasText: "policy workstations" }).waitFor();
  await page.keyboard.press("Escape");
  await row(page, "B-1").locator("th a").click();
  await page.locator("h2", { hasText: "History" }).waitFor();
  assert.match(await page.locator("main").textContent(), /bulletin\.disable/);
  await shot(page, "bulletin");

  // The manual procedure of old: disable, delete the packages, stage again.
  await page.goto(`${base}/console/bulletins?sort=name`);
  const old = (await packageOf("B-2")).id;
  await choose(page, "B-2", "Delete packages…");
  await confirm(page);
  await jobDone("delete");
  assert.equal(fs.existsSync(path.join(packages, old)), false);
  await page.reload();
  await choose(page, "B-2", "Stage / Download Packages");
  await row(page, "B-2").locator("td.state .good").waitFor();
  assert.notEqual((await packageOf("B-2")).id, old);
});
