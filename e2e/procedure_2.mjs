// Procedure 2 of the article, complete refresh: disable; delete the bulletin's packages, although a policy is bound to them; their
// folders are gone from the drive; stage again: new packages with new GUIDs, and the policy is bound to them.
import { api, assert, base, choose, confirm, distribute, fs, jobDone, journey, packageOf, packages, path, row, setUp, shot, until } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const policy = await distribute(page, "B-2", "servers");
  const old = await packageOf("B-2"), folder = path.join(packages, old.id);

  await page.goto(`${base}/console/bulletins?sort=name`);
  await choose(page, "B-2", "Disable…");
  await confirm(page);
  await row(page, "B-2").locator(".tag", { hasText: "disabled" }).waitFor();

  // What needs them is named; nothing goes until somebody says that it goes although it is needed.
  await choose(page, "B-2", "Delete packages…");
  const dialog = page.locator("dialog[open]");
  await dialog.locator("li", { hasText: "needed by policy servers" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await shot(page, "procedure-2-delete");
  await dialog.locator("[name=although_needed]").check();
  await confirm(page);
  await jobDone("delete");
  assert.equal(fs.existsSync(folder), false, "the folder went with the row");
  assert.equal((await api("GET", "/policies/servers")).switches[0].enabled, true, "its switch stays on");

  await page.goto(`${base}/console/bulletins?sort=name`);
  await choose(page, "B-2", "Stage / Download Packages");
  await row(page, "B-2").locator("td.state .good").waitFor();
  const made = await packageOf("B-2");
  assert.notEqual(made.id, old.id, "a new GUID");
  assert.ok(fs.existsSync(path.join(packages, made.id)));
  await choose(page, "B-2", "Enable");
  await until("it is offered again", async () => (await api("GET", "/bulletins/B-2")).enabled);

  // The policy, as it was, is bound to the new package.
  await page.goto(`${base}/console/policies/${policy.id}`);
  await page.locator("td .good", { hasText: "ready" }).waitFor();
  assert.equal(await page.locator("td a", { hasText: "version" }).getAttribute("href"), `/console/packages/${made.id}`);
  await shot(page, "procedure-2");
});
