// The log viewer: to a time, around a record, back and forth, by names, as a file; streams rest while nobody looks.
import { api, assert, base, fs, journey, setUp, shot, until } from "./journey.mjs";

// Scrolling to a button may load by itself what the button would have.
const press = async (page, button) => { if (await page.locator(button).isVisible()) await page.locator(button).click({ timeout: 2000 }).catch(() => {}); };

const numbers = (page) => page.locator("#records tr").evaluateAll((rows) => rows.map((row) => Number(row.id.slice(7))));

// As if the tab were in the background.
const hide = (page, hidden) => page.evaluate((hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, hidden);

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  // Something to read: many records, one of which has a name.
  for (let turn = 0; turn < 90; turn += 1) for (const verb of ["disable", "enable"]) await api("POST", `/bulletins/${verb}`, { filter: {} });
  const all = (await api("GET", "/logs?limit=1000")).items;
  assert.ok(all.length > 300, `${all.length} records`);
  await page.goto(`${base}/console/log`);
  await page.locator("#connection", { hasText: "live" }).waitFor();
  await page.locator(`#record-${all.at(-1).number}`).waitFor();

  // It fits into the window.
  assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), "the viewer is higher than the window");
  await shot(page, "log-live");

  // Back to the first record, each once and in order.
  await until("the first record", async () => {
    await press(page, "#older");
    return (await numbers(page))[0] === 1;
  });
  const shown = await numbers(page);
  assert.deepEqual(shown, [...new Set(shown)].sort((a, b) => a - b));

  // The context of a record: everything around it, whatever the filter was; and back.
  const one = all.find((record) => record.message.includes("disabled") && record.number > 50);
  await page.goto(`${base}/console/log?text=disabled`);
  await page.locator("#connection", { hasText: "live" }).waitFor();
  await until("the record is shown", async () => {
    if (await page.locator(`#record-${one.number}`).count()) return true;
    await press(page, "#older");
    return false;
  });
  await page.locator(`#record-${one.number} [data-around]`).click();
  await page.locator("#place", { hasText: `before and after record ${one.number}` }).waitFor();
  const around = await numbers(page);
  assert.deepEqual(around.slice(around.indexOf(one.number) - 3, around.indexOf(one.number) + 4), [-3, -2, -1, 0, 1, 2, 3].map((step) => one.number + step));
  assert.equal(await page.locator(`#record-${one.number}.mark`).count(), 1);
  assert.equal(await page.inputValue("[name=text]"), "", "the form does not say what is not shown");
  assert.equal(await page.locator("#download").getAttribute("href"), "/api/v1/logs/download?");
  await shot(page, "log-context");
  await page.goBack();
  await page.locator("#connection", { hasText: "live" }).waitFor();
  assert.equal(await page.inputValue("[name=text]"), "disabled");
  assert.match(await page.locator("#download").getAttribute("href"), /text=disabled/);
  assert.ok((await page.locator("#records tr td.text").allTextContents()).every((text) => text.includes("disabled")));

  // To a time: what was logged from then on, and on to the live end.
  await page.goto(`${base}/console/log`);
  const at = new Date(Math.floor(Date.parse(all[100].at) / 1000) * 1000);
  const local = new Date(at.valueOf() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  const jumpTo = (time) => page.locator("#jump-at").evaluate((field, value) => { field.value = value; }, time);
  await jumpTo(local);
  await page.locator("#jump button").click();
  await page.locator("#place", { hasText: "From" }).waitFor();
  await page.locator("#records tr").first().waitFor();
  const first = all.find((record) => Date.parse(record.at) >= at.valueOf());
  assert.equal((await numbers(page))[0], first.number);
  await until("the live end", async () => {
    await press(page, "#newer");
    return (await page.locator("#connection").textContent()) === "live";
  });
  await api("POST", "/bulletins/disable", { bulletins: ["B-1"] });
  await until("a new record comes", async () => (await numbers(page)).at(-1) > all.at(-1).number);
  await page.fill("[name=text]", "bulletin enabled");
  await page.press("[name=text]", "Enter");
  await page.locator("#connection", { hasText: /^live$/ }).waitFor();
  await jumpTo("2099-01-01T00:00:00");
  await page.locator("#jump button").click();
  await page.locator("#place", { hasText: "Nothing that fits was logged" }).waitFor();
  await page.locator("#connection", { hasText: /^live$/ }).waitFor();
  await page.locator("#no-record").waitFor();
  assert.deepEqual(await numbers(page), [], "what is older is not what was asked for");
  await api("POST", "/bulletins/enable", { bulletins: ["B-1"] });
  await page.locator("#records tr", { hasText: "enabled" }).first().waitFor();
  assert.equal(await page.locator("#no-record").isVisible(), false);

  // What is no record, and one that is not kept, are told.
  await page.goto(`${base}/console/log?around=abc`);
  await page.locator("#connection", { hasText: "around" }).waitFor();
  await page.goto(`${base}/console/log?around=999999`);
  await page.locator("#place", { hasText: "Record 999999 is not kept any more" }).waitFor();

  // By names: a bulletin's, a job's kind.
  await page.goto(`${base}/console/log`);
  await page.fill("[name=bulletin]", "B-2");
  await page.locator("#log-filter button").click();
  await until("only what is about B-2", async () => { const texts = await page.locator("#records tr td.text").allTextContents(); return texts.length > 0 && texts.every((text) => text.includes("B-2")); });
  assert.ok(page.url().includes("bulletin=B-2"));
  await page.fill("[name=bulletin]", "no-such");
  await page.locator("#log-filter button").click();
  await page.locator("#connection", { hasText: "no-such" }).waitFor();
  assert.equal(await page.locator("#known-jobs option").count(), 0, "jobs are asked for when somebody looks for one");
  await page.locator("[name=job]").focus();
  await page.locator('#known-jobs option[label], #known-jobs option:has-text("import")').first().waitFor({ state: "attached" });

  // As a file, filtered.
  await page.goto(`${base}/console/log?text=disabled`);
  await page.locator("#connection", { hasText: "live" }).waitFor();
  const [file] = await Promise.all([page.waitForEvent("download"), page.locator("#download").click()]);
  assert.match(file.suggestedFilename(), /^patchwharf-log-.*\.jsonl$/);
  const lines = fs.readFileSync(await file.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.length > 100 && lines.every((line) => line.message.includes("disabled")), `${lines.length} lines`);

  // What nobody sees holds no connection: with eight viewers in the background the console still answers. Seen again, a
  // viewer goes on where it was.
  await hide(page, true);
  await api("POST", "/bulletins/enable", { bulletins: ["B-1"] });
  await api("POST", "/bulletins/disable", { bulletins: ["B-1"] });
  const before = (await numbers(page)).at(-1);
  const others = [];
  for (let tab = 0; tab < 8; tab += 1) {
    const other = await page.context().newPage();
    await other.addInitScript(() => Object.defineProperty(document, "hidden", { value: true, configurable: true }));
    await other.goto(`${base}/console/log`);
    others.push(other);
  }
  await others[0].goto(`${base}/console/jobs`);
  await others[0].locator("h1").waitFor();
  await hide(page, false);
  await until("what was missed comes", async () => (await numbers(page)).at(-1) > before);
  const end = await numbers(page);
  assert.equal(end.length, new Set(end).size);

  // Signed out in another tab, or by an administrator: the viewer does not stand there as if it were live.
  await page.goto(`${base}/console/log`);
  await page.locator("#connection", { hasText: "live" }).waitFor();
  await api("POST", "/accounts/anna/sign-out");
  await page.waitForURL(/sign-in\?back=/);
});
