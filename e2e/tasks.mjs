// The system jobs of the console: each says first what it would do, and what is wrong does not end the flow.
import { api, assert, base, confirm, data, finish, fs, jobDone, journey, packageOf, packages, path, setUp, shot, until } from "./journey.mjs";

const task = (page, name) => page.locator(`[data-task=${name}]`).click();
const asked = (page, title) => page.locator("dialog[open]", { has: page.locator("h2", { hasText: title }) });

await journey(async (open) => {
  const page = await open();
  await setUp(page);

  // The check shows what it would touch before it touches it, also where it deletes by the way; what was typed stays.
  await page.goto(`${base}/console/jobs`);
  await task(page, "check");
  await page.locator("dialog [name=restage]").check();
  await page.locator("dialog [name=repair]").check();
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "give `relocate` too" }).waitFor();
  assert.ok(await page.locator("dialog [name=restage]").isChecked());
  await page.locator("dialog [name=restage]").uncheck();
  await page.locator("dialog [name=delete_unused]").check();
  await api("PUT", "/settings/unused.without-policy-after", { value: "0s" });
  await confirm(page);
  await asked(page, "Do this now?").locator("li", { hasText: "would-be-deleted" }).first().waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await page.keyboard.press("Escape");
  assert.equal((await api("GET", "/packages?limit=100")).items.length, 2, "a look deletes nothing");
  await api("PUT", "/settings/unused.without-policy-after", { value: "off" });

  // Delete unused: by a rule of this run. A value that is none is refused in the form.
  await task(page, "deleteUnused");
  await page.fill("dialog [name=without_policy_after]", "soon");
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "soon" }).waitFor();
  assert.equal(await page.inputValue("dialog [name=without_policy_after]"), "soon");
  await page.fill("dialog [name=without_policy_after]", "0s");
  await confirm(page);
  await asked(page, "Delete them now?").waitFor();
  assert.equal((await api("GET", "/packages?limit=100")).items.length, 2, "a look deletes nothing");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await confirm(page);
  await finish(page);
  await until("the unused are gone", async () => (await api("GET", "/packages?limit=100")).items.length === 0);
  // What it has done stands in its history at once.
  await page.locator("#table tr", { hasText: "delete-unused" }).first().waitFor();

  // All that is current and not here is fetched, by the system job.
  await task(page, "download");
  await asked(page, "Stage them now?").locator("p", { hasText: "3 packages would be staged" }).waitFor();
  await confirm(page);
  await page.waitForURL("**/console/jobs/*");
  await page.locator(".lead", { hasText: "3 packages staged" }).waitFor();
  await page.goto(`${base}/console/jobs`);
  await page.locator("#history-download").click();
  await page.locator("#table tr", { hasText: "download" }).first().waitFor();
  assert.doesNotMatch(await page.locator("#table").textContent(), /delete-unused/);
  await page.goto(`${base}/console/jobs`);
  await page.locator("#set-download").click();
  await page.locator("tr:target", { hasText: "download.every" }).waitFor();

  // Nothing was revised: that is said, and nothing is asked.
  await page.goto(`${base}/console/jobs`);
  await task(page, "revise");
  await page.locator("dialog[open]", { hasText: "no vendor has revised what is staged here" }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();

  // Reconcile: a stray folder and a package that is missing are named first; the second does not keep the first from being cleared.
  const stray = path.join(packages, "6f1c2b52-0000-4000-8000-000000000002", "1");
  fs.mkdirSync(stray, { recursive: true });
  const gone = await packageOf("B-2");
  fs.rmSync(path.join(packages, gone.id), { recursive: true });
  await task(page, "reconcile");
  const reconcile = asked(page, "Reconcile now?");
  await reconcile.waitFor();
  assert.match(await reconcile.textContent(), new RegExp(`${gone.id}.*6f1c2b52-0000-4000-8000-000000000002`, "s"));
  assert.ok(fs.existsSync(stray));
  await shot(page, "reconcile");
  await confirm(page);
  await finish(page, /^failed: /);
  assert.equal(fs.existsSync(stray), false);

  // Mend: what is missing, and a damaged file, are found and put right.
  const one = await packageOf("B-1"), file = one.versions[0].files[0].name;
  const damaged = path.join(packages, one.id, String(one.current_version), file);
  fs.chmodSync(damaged, 0o600);
  fs.writeFileSync(damaged, "broken");
  await task(page, "repair");
  const mend = asked(page, "Mend it now?");
  await mend.waitFor();
  assert.match(await mend.textContent(), new RegExp(file));
  assert.equal((await packageOf("B-1")).current_version, one.current_version, "a look mends nothing");
  await confirm(page);
  await finish(page, /^(done|failed): /);
  await until("both are whole", async () => (await packageOf("B-1")).state === "staged" && (await packageOf("B-2")).state === "staged");

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
  fs.rmSync(backups, { recursive: true });
});
