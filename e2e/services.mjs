// Core Services: another location, moving the packages there and back, pruning, giving a dead one up; what is set counts at once.
// A look that finds something in the way, or something damaged, names it and lets one go on with the rest.
import { api, assert, base, confirm, damage, data, finish, fs, journey, moveTo, packageOf, packages, path, setUp, shot, until } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const there = path.join(data, "second-location");
  const at = (place) => page.locator("tr", { has: page.locator(`code:text-is("${place}")`) });
  const asked = (title) => page.locator("dialog[open]", { has: page.locator("h2", { hasText: title }) });

  // A move that cannot be done so is refused by its preflight, with the findings.
  const memory = `/dev/shm/patchwharf-${process.pid}`;
  await moveTo(page, memory);
  await at(packages).locator("[data-do=move]").click();
  await page.locator("dialog [name=link]").check();
  await confirm(page);
  await asked("Preflight: they cannot be moved so").waitFor();
  assert.match(await page.locator("dialog[open] .findings").textContent(), /in the way.*different file systems.*Leave --link out.*the box “Do not copy”/s);
  await shot(page, "preflight-refused");
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  assert.equal((await api("GET", "/settings")).elsewhere.packages, 2);

  await moveTo(page, there);
  await shot(page, "services");
  await at(memory).locator("[data-do=remove]").click();
  await confirm(page);
  await at(memory).waitFor({ state: "detached" });
  fs.rmSync(memory, { recursive: true });

  // A folder that cannot be a location is refused with the reason.
  await page.click("#new-location");
  await page.fill("dialog [name=value]", "/");
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "cannot be a package location" }).waitFor();
  assert.equal(await page.inputValue("dialog [name=value]"), "/");
  await page.keyboard.press("Escape");

  // Which packages are still elsewhere is one click away.
  await at(packages).locator("a", { hasText: "2" }).click();
  await page.locator("#table tbody tr").nth(1).waitFor();
  assert.ok((await page.locator("#table").textContent()).includes(packages), "the location is named as a condition");
  await page.goBack();

  // Preflight, move, and what it leaves.
  await at(packages).locator("[data-do=move]").click();
  await confirm(page);
  const preflight = asked("Preflight: move them now?");
  await preflight.waitFor();
  for (const words of [/To be moved2 package versions/, /To be copied/, /room at .*fine.*are needed there/, /rights at .*fine/, /neither folder lies in the other/, /none is too long for a Windows computer/]) assert.match(await preflight.textContent(), words);
  await shot(page, "preflight");
  await confirm(page);
  await finish(page);
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

  // One copy has rotted: its original is kept and named, the other one goes after the question.
  const [bad, good] = [await packageOf("B-1"), await packageOf("B-2")];
  damage(bad, there);
  await page.reload();
  await at(packages).locator("[data-do=prune]").click();
  const prune = asked("Remove 1 original at");
  await prune.waitFor();
  assert.match(await prune.textContent(), /copy-damaged.*In the console: Patch Remediation Center, Refresh; Core Services, Go back to its originals/s);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await shot(page, "prune");
  await confirm(page);
  await finish(page, /^failed: 1 original/);
  assert.deepEqual([bad, good].map((one) => fs.existsSync(path.join(packages, one.id))), [true, false]);
  assert.ok(fs.existsSync(path.join(there, good.id)));

  // Once more there is nothing to remove, and nothing is asked.
  await at(packages).locator("[data-do=prune]").click();
  await page.locator("dialog[open] p", { hasText: "There is nothing to do." }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();

  // Back to the original of the one that has rotted.
  await at(packages).locator("[data-do=undo]").click();
  await page.selectOption("dialog [name=from]", { label: there });
  await confirm(page);
  await asked("Go back with 1 package version now?").waitFor();
  await confirm(page);
  await finish(page);
  assert.equal((await packageOf("B-1")).state, "staged");

  // The folder of the default is moved away by hand: it is not open, and not given up while it is the default.
  await page.goto(`${base}/console/services`);
  await at(packages).locator("[data-do=default]").click();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  fs.renameSync(there, `${there}-dead`);
  await until("it is seen to be gone", async () => { await page.reload(); return at(there).locator("[data-do=lost]").isVisible(); });
  await at(there).locator("[data-do=lost]").click();
  await asked(`Give up ${there}?`).locator("li", { hasText: "1 package that is served from there is missing" }).waitFor();
  await shot(page, "lost");
  await confirm(page);
  await at(there).waitFor({ state: "detached" });
  assert.equal((await packageOf("B-2")).state, "missing");
});
