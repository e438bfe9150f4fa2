// Procedure 1 of the article, quick refresh: disable the bulletin, stage it again, watch the log until the download is complete,
// recreate the policy that is bound to it.
import { api, assert, base, choose, confirm, damage, distribute, journey, packageOf, row, setUp, shot, until } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const policy = await distribute(page, "B-1", "workstations");
  const before = await packageOf("B-1");
  damage(before);

  await page.goto(`${base}/console/bulletins?sort=name`);
  await choose(page, "B-1", "Disable…");
  await page.locator("dialog[open]", { hasText: "workstations" }).waitFor();
  await confirm(page);
  await row(page, "B-1").locator(".tag", { hasText: "disabled" }).waitFor();
  assert.equal((await api("GET", "/policies/workstations")).switches[0].state, "withdrawn", "it is not offered meanwhile");

  // Staged again while it is disabled; the log says when it is complete.
  const log = await open({ storageState: await page.context().storageState() });
  await log.goto(`${base}/console/log?bulletin=B-1`);
  await log.locator("#connection", { hasText: "live" }).waitFor();
  await choose(page, "B-1", "Stage / Download Packages");
  await log.locator("#records tr", { hasText: /B-1 .*: mended/ }).first().waitFor();
  await shot(log, "procedure-1-log");
  await page.locator(".toast", { hasText: "Stage 1 bulletin: 1 package staged" }).waitFor();
  const after = await packageOf("B-1");
  assert.deepEqual([after.id, after.current_version, after.state], [before.id, before.current_version + 1, "staged"]);

  await choose(page, "B-1", "Enable");
  await until("it is offered again", async () => (await api("GET", "/policies/workstations")).switches[0].state === "ready");

  // The policy is recreated: another id, the same name, bound to what is there now.
  await page.goto(`${base}/console/policies`);
  await page.locator("a", { hasText: "workstations" }).click();
  await page.locator("[data-do=recreate]").click();
  await confirm(page);
  await page.waitForURL((url) => url.pathname.startsWith("/console/policies/") && !url.pathname.endsWith(policy.id));
  await page.locator("td .good", { hasText: "ready" }).waitFor();
  assert.match(await page.locator("tbody tr").textContent(), /version 2/);
  const made = await api("GET", "/policies/workstations");
  assert.notEqual(made.id, policy.id);
  assert.equal(made.switches[0].package, after.id);
  await shot(page, "procedure-1");
});
