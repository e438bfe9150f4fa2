// Feeds: rules as rows, tried before they are saved, in words afterwards; the schedule, and what is staged by itself.
import { api, assert, base, confirm, data, journey, jobDone, path, setUp, shot, until } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  await page.goto(`${base}/console/feeds`);
  const row = page.locator("#table tr", { has: page.locator("th a", { hasText: "vendor" }) });
  assert.match(await row.textContent(), /everything/);
  await shot(page, "feeds");
  await row.locator("a", { hasText: "Rules and schedule" }).click();
  await page.locator("#feed-form").waitFor();
  await page.waitForLoadState();
  assert.equal(await page.locator(".rule-row").count(), 0);

  // By keyboard alone: a rule is added and filled in; a severity is chosen, not written.
  await page.locator("#rules [data-rule=add]").focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.name), "kind", "one goes on with the new row");
  await page.keyboard.press("Tab");
  await page.keyboard.type("severity");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.name), "grade");
  await page.keyboard.type("critical");
  await page.keyboard.press("Tab");
  await page.locator("#rules [data-rule=add]").click();
  const second = page.locator("#rules .rule-row").nth(1);
  await second.locator("[name=kind]").selectOption("exclude");
  await second.locator("[name=field]").selectOption("name");
  await second.locator("[name=values]").fill("B-8*\nB-9*");

  // What they would take is said before anything is kept.
  await page.click("#try");
  await page.locator("#preview .good", { hasText: "1 update in 1 bulletin would be taken: 1 file, 19.5 KiB. 2 would be left out." }).waitFor();
  assert.match(await page.locator("#preview").textContent(), /Nothing would be staged by itself/);
  assert.deepEqual((await api("GET", "/feeds/vendor")).rules.include, []);
  await page.locator("[name=auto][value=all]").check();
  await page.locator("[name=unit]").selectOption("60");
  await page.fill("[name=number]", "6");
  assert.equal(await page.locator("[name=when][value=every]").isChecked(), true);
  await page.click("#feed-form [type=submit]");
  await page.locator("dialog[open] h2", { hasText: "Use these rules?" }).waitFor();
  assert.match(await page.locator("dialog[open]").textContent(), /1 update would be staged by itself: 19\.5 KiB/);
  await shot(page, "feed-rules");
  await confirm(page);
  await page.locator(".toast", { hasText: "vendor was changed" }).waitFor();
  const feed = await api("GET", "/feeds/vendor");
  assert.deepEqual(feed.rules, { include: [{ field: "severity", pattern: "critical" }], exclude: [{ field: "name", pattern: "B-8*" }, { field: "name", pattern: "B-9*" }] });
  assert.deepEqual([feed.auto_stage, feed.schedule_minutes], [{ include: [], exclude: [] }, 360]);

  // The page reads back what it wrote, and the table says it in words.
  await page.reload();
  await shot(page, "feed");
  assert.equal(await page.locator("#rules .rule-row").count(), 2);
  assert.equal(await page.locator("#rules [name=values]").nth(1).inputValue(), "B-8*\nB-9*");
  await page.goto(`${base}/console/feeds`);
  await row.locator("td", { hasText: "only severity critical; not name B-8* or B-9*" }).waitFor();

  // A rule that can never fit is refused where it stands; one that is removed is gone.
  await page.goto(`${base}/console/feeds/vendor`);
  await page.locator("#rules .rule-row").first().locator("[data-rule=remove]").click();
  await page.locator("#rules .rule-row [name=values]").fill("x".repeat(501));
  await page.click("#feed-form [type=submit]");
  await page.locator("#feed-error", { hasText: "can never fit" }).waitFor();
  await page.locator("#rules .rule-row [data-rule=remove]").click();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.rule), "add");
  await page.locator("[name=when][value=demand]").check();
  await page.click("#feed-form [type=submit]");
  await confirm(page);
  await until("the rules are gone", async () => { const now = await api("GET", "/feeds/vendor"); return now.schedule_minutes === null && now.rules.include.length + now.rules.exclude.length === 0; });

  // A signed apt archive by form: what is refused is said in it, and what was typed stays; the keyring is a file.
  await page.goto(`${base}/console/feeds`);
  const archive = process.env.CONSOLE_ARCHIVE;
  await page.click("#add-apt-feed");
  for (const [name, value] of [["name", "debian"], ["url", archive], ["suite", "bookworm security"], ["architectures", "amd64"]]) await page.fill(`dialog [name=${name}]`, value);
  await page.setInputFiles("dialog [name=keyring]", path.join(data, "archive.gpg"));
  await shot(page, "feed-apt");
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "is no suite" }).waitFor();
  assert.equal(await page.inputValue("dialog [name=name]"), "debian");
  await page.fill("dialog [name=suite]", "bookworm-security");
  await confirm(page);
  const debian = page.locator("#table tr", { has: page.locator("th a", { hasText: "debian" }) });
  await debian.locator("[data-do=import]").click();
  await debian.locator("td .good").waitFor();
  assert.equal((await api("GET", "/feeds/debian")).bulletins, 2);

  // Another address: the keyring that it has proves that one, too.
  await debian.locator("th a").click();
  await page.locator("[data-do=source]").click();
  assert.equal(await page.inputValue("dialog [name=suite]"), "bookworm-security");
  await page.fill("dialog [name=url]", `${archive}-moved`);
  await confirm(page);
  await page.locator("dd", { hasText: `${archive}-moved` }).waitFor();
  const asked = Date.now() - 1000;
  await page.locator("[data-do=import]").click();
  await jobDone("import", asked);
});
