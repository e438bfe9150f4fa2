// Core Services: another location, moving the packages there, pruning the originals; the integrity check.
import { api, assert, base, confirm, data, fs, journey, packages, path, setUp, shot, until } from "./journey.mjs";

const finish = async (page, word) => {
  await page.locator("dialog[open] [role=status]", { hasText: word }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
};

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const there = path.join(data, "second-location");
  await page.goto(`${base}/console/services`);
  await page.click("#new-location");
  await page.fill("dialog [name=value]", there);
  await confirm(page);
  await page.locator("dialog[open] h2", { hasText: "The location has changed" }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  await page.locator("#elsewhere").waitFor();
  await shot(page, "services");

  // A folder that cannot be a location is refused with the reason.
  await page.click("#new-location");
  await page.fill("dialog [name=value]", "/");
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "cannot be a package location" }).waitFor();
  assert.equal(await page.inputValue("dialog [name=value]"), "/");
  await page.keyboard.press("Escape");

  // Preflight, move, and what it leaves.
  const old = page.locator("tr", { has: page.locator("code", { hasText: packages }) }).first();
  await old.locator("button[data-do=move]").click();
  await confirm(page);
  const preflight = page.locator("dialog[open]", { has: page.locator("h2", { hasText: "Preflight: move them now?" }) });
  await preflight.waitFor();
  for (const words of [/To be moved2 package versions/, /To be copied/, /room at .*fine.*are needed there/, /rights at .*fine/, /neither folder lies in the other/, /none is too long for a Windows computer/]) assert.match(await preflight.textContent(), words);
  await shot(page, "preflight");
  await confirm(page);
  await finish(page, "done");
  await until("everything has moved", async () => (await api("GET", "/settings")).elsewhere.packages === 0);
  const guid = fs.readdirSync(there).find((name) => /^[0-9a-f-]{36}$/.test(name));
  assert.ok(guid && fs.existsSync(path.join(packages, guid)), "the originals stay");

  // What is set counts at once; a proxy's password is nowhere to be seen.
  await page.reload();
  const change = async (name, value) => {
    await page.locator(`tr[data-setting="${name}"] button`).click();
    await page.fill("dialog [name=value]", value);
    await confirm(page);
    await page.locator(`tr[data-setting="${name}"]`, { hasText: value.replace(/:[^:@]*@/, ":***@") }).waitFor();
  };
  await change("severity.levels", "Urgent, This month");
  await change("fetch.proxy", "http://anna:canary-word@127.0.0.1:9");
  assert.doesNotMatch(await page.content(), /canary-word/);
  await change("fetch.proxy", "off");
  await page.locator("tr[data-setting='retention.audit'] button").click();
  await page.fill("dialog [name=value]", "1d");
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "write 30d or more" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#settings-heading").scrollIntoViewIfNeeded();
  await shot(page, "settings");

  // Prune: first what would go, then after a question.
  await page.reload();
  await old.locator("button[data-do=prune]").click();
  await finish(page, "done");
  await confirm(page);
  await finish(page, "done");
  assert.equal(fs.existsSync(path.join(packages, guid)), false);
  assert.ok(fs.existsSync(path.join(there, guid)));

  // The system job, with its report.
  await page.goto(`${base}/console/jobs`);
  await page.click("#run-check");
  await page.locator("dialog label", { hasText: "Relocate existing packages if the default location has changed" }).waitFor();
  await confirm(page);
  await page.waitForURL("**/console/jobs/*");
  await page.locator("h2", { hasText: "Report" }).waitFor();
  await shot(page, "job");
});
