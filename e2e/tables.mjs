// Tables: going back, selections that mean what they say, places that are kept, polls that say what they are.
import { api, assert, base, confirm, fits, journey, late, row, setUp, shot, signIn, until } from "./journey.mjs";

const chosen = (page) => page.locator("#chosen");

await journey(async (open) => {
  const page = await open();
  await setUp(page);

  // Back, after the table alone was new, is the whole page, and it still works.
  await page.goto(`${base}/console/bulletins?sort=name`);
  await page.locator("#sort-severity").click();
  await page.waitForURL("**sort=severity**");
  await row(page, "B-1").locator("th a").click();
  await page.locator("h2", { hasText: "History" }).waitFor();
  await page.goBack();
  await row(page, "B-1").waitFor();
  await page.evaluate(() => { window.before = true; });
  await page.goBack();
  await page.waitForURL("**sort=name");
  await until("the page is a new one", () => page.evaluate(() => window.before === undefined && document.readyState === "complete").catch(() => false));
  for (const part of ["nav", "h1", "#filter", "#menu-button"]) assert.equal(await page.locator(part).count(), 1, `${part} is there after going back`);
  await row(page, "B-1").locator("input[type=checkbox]").check();
  await page.keyboard.press("m");
  await page.locator(".menu").waitFor();
  await page.keyboard.press("Escape");
  for (const place of ["packages", "jobs", "audit"]) {
    const whole = await page.evaluate(async (path) => { const response = await fetch(path, { headers: { "HX-Request": "true", "HX-History-Restore-Request": "true" } }); return [await response.text(), response.headers.get("vary")]; }, `/console/${place}`);
    assert.match(whole[0], /<nav/, `${place} is whole when the history asks for it`);
    assert.match(whole[1], /HX-Request/i);
  }

  // Another filter: nothing is chosen any more.
  await page.goto(`${base}/console/bulletins?sort=name`);
  await page.locator("#check-all").check();
  await chosen(page).filter({ hasText: "3 selected" }).waitFor();
  await page.selectOption("[name=severity]", "critical");
  await chosen(page).filter({ hasText: "nothing selected" }).waitFor();
  await row(page, "B-1").locator("input[type=checkbox]").check();
  await chosen(page).filter({ hasText: /^1 selected$/ }).waitFor();

  // What is ticked before the scripts are there stays ticked.
  for (const [ticks, says] of [[["#check-all"], "3 selected"], [["[id^=check-]:not(#check-all) >> nth=0", "[id^=check-]:not(#check-all) >> nth=2"], "2 selected"]]) {
    const hasty = await page.context().newPage(), come = await late(hasty, "table.js");
    await hasty.goto(`${base}/console/bulletins?sort=name`, { waitUntil: "commit" });
    for (const tick of ticks) await hasty.locator(tick).check();
    come();
    await chosen(hasty).filter({ hasText: says }).waitFor();
    await hasty.close();
  }

  // What is chosen then is asked for.
  const early = await page.context().newPage(), come = await late(early, "htmx.min.js");
  await early.goto(`${base}/console/bulletins?sort=name`, { waitUntil: "commit" });
  await early.selectOption("[name=severity]", "critical");
  come();
  await row(early, "B-2").waitFor({ state: "detached" });
  await row(early, "B-1").waitFor();
  await early.close();

  // What a question names is what the server counts, and it is done to just that.
  await page.goto(`${base}/console/bulletins?sort=name&limit=2`);
  await page.locator("#check-all").check();
  await page.locator("#select-everything").click();
  await chosen(page).filter({ hasText: "all 3 that match selected" }).waitFor();
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: "Stage / Download" }).click();
  const question = page.locator("dialog[open]");
  await question.locator("h2", { hasText: "Stage 3 bulletins?" }).waitFor();
  assert.match(await question.textContent(), /3 updates with files of 78\.1 KiB\. 1 update has no package yet: 19\.5 KiB to fetch at most\..*No policy refers.*B-1.*B-3/s);
  await shot(page, "stage-all");
  await page.keyboard.press("Escape");
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: "Disable" }).click();
  await question.locator("h2", { hasText: "Disable 3 bulletins?" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel", "what is dangerous is not what Enter does");
  await page.keyboard.press("Enter");
  assert.equal((await api("GET", "/bulletins/B-1")).enabled, true);

  // Everything stays everything on the next page, begun on whichever; and whoever takes one row out has the rest of what one sees.
  for (const begin of [async () => {
    await page.locator("#check-all").check();
    await page.locator("#select-everything").click();
    await page.locator("#next-page").click();
    await row(page, "B-3").waitFor();
    await chosen(page).filter({ hasText: "all 3 that match selected" }).waitFor();
  }, async () => {
    await page.locator("#next-page").click();
    await row(page, "B-3").waitFor();
    await page.reload();
    await page.locator("#check-all").check();
    await page.locator("#select-everything", { hasText: /^select all that match$/ }).click();
    await chosen(page).filter({ hasText: "all that match selected" }).waitFor();
  }]) {
    await page.goto(`${base}/console/bulletins?sort=name&limit=2`);
    await begin();
    assert.equal(await row(page, "B-3").locator("input[type=checkbox]").isChecked(), true);
    await page.click("#menu-button");
    await page.locator(".menu button", { hasText: "Disable" }).click();
    await question.locator("h2", { hasText: "Disable 3 bulletins?" }).waitFor();
    await confirm(page);
    await until("all three are disabled", async () => (await api("GET", "/bulletins")).items.every((one) => !one.enabled));
    await api("POST", "/bulletins/enable", { filter: {} });
  }
  await row(page, "B-3").locator("input[type=checkbox]").uncheck();
  await chosen(page).filter({ hasText: "nothing selected" }).waitFor();
  await page.locator("#first-page").click();
  await row(page, "B-1").waitFor();

  // The menu key is for the row that one is at, as the right button is.
  await row(page, "B-1").locator("input[type=checkbox]").check();
  await row(page, "B-2").locator("input[type=checkbox]").focus();
  await page.keyboard.press("m");
  await page.locator(".menu").waitFor();
  await chosen(page).filter({ hasText: /^1 selected$/ }).waitFor();
  assert.equal(await row(page, "B-2").getAttribute("aria-selected"), "true");
  assert.equal(await row(page, "B-1").getAttribute("aria-selected"), "false");
  await page.keyboard.press("Escape");

  // What the fields do not show is shown, kept by the form, and can be taken away.
  await page.goto(`${base}/console/bulletins?cve=CVE-2026-0001&sort=name&order=descending`);
  await page.locator(".conditions", { hasText: "CVE CVE-2026-0001" }).waitFor();
  await page.selectOption("[name=state]", "enabled");
  await page.waitForURL((address) => ["cve=CVE-2026-0001", "sort=name", "order=descending", "state=enabled"].every((one) => address.search.includes(one)));
  await page.locator("#sort-severity").click();
  await page.waitForURL("**sort=severity**");
  await page.selectOption("[name=state]", "");
  await page.waitForURL((address) => address.searchParams.get("sort") === "severity" && !address.searchParams.get("state"));
  assert.equal(await row(page, "B-2").count(), 0, "the CVE still holds");
  await shot(page, "conditions");
  await page.locator(".conditions a").click();
  await row(page, "B-2").waitFor();
  assert.equal(await page.locator(".conditions").count(), 0);
  await page.goto(`${base}/console/packages?state=corrupt&state=missing`);
  assert.equal(await page.inputValue("[name=state]"), "corrupt,missing");
  await page.check("[name=weak]");
  await page.waitForURL((address) => address.searchParams.get("state") === "corrupt,missing" && address.searchParams.get("weak") === "true");

  // Packages are chosen by the page: the toolbar promises no more than the dialog does.
  await page.goto(`${base}/console/packages?limit=1`);
  await page.locator("#check-all").check();
  await chosen(page).filter({ hasText: /^1 selected$/ }).waitFor();
  assert.equal(await page.locator("#select-everything").count(), 0);
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: "Delete" }).click();
  await question.locator("li", { hasText: "1 package of 2, with" }).waitFor();
  assert.match(await question.textContent(), /Delete the package of .* \(B-[12]\)\?.* KiB become free/s);
  await page.keyboard.press("Escape");

  // A deletion that is refused keeps its dialog; what is deleted is not selected any more.
  const needed = (await api("GET", "/bulletins/B-2")).software_updates[0].package;
  await api("POST", "/policies", { name: "needs it", of: { bulletins: ["B-2"] }, enabled: true });
  await page.goto(`${base}/console/packages`);
  await page.locator(`#check-${needed}`).check();
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: "Delete" }).click();
  await question.locator("li", { hasText: "needed by policy needs it" }).waitFor();
  await confirm(page);
  await question.locator(".error", { hasText: "needs it" }).waitFor();
  await page.check("dialog[open] [name=although_needed]");
  await confirm(page);
  await page.locator(".toast", { hasText: "1 package deleted" }).waitFor();
  await chosen(page).filter({ hasText: "nothing selected" }).waitFor();
  await page.locator(`#row-${needed}`).waitFor({ state: "detached" });
  await api("DELETE", "/policies/needs%20it");
  const again = await api("POST", "/bulletins/stage", { bulletins: ["B-2"] });
  await until("it is staged again", async () => (await api("GET", `/jobs/${again.id}`)).state === "done");

  // Rows that could not be had anew say of when they are.
  await page.route("**/console/packages*", (route) => route.abort());
  await page.evaluate(() => window.htmx.trigger("#table", "refresh"));
  await page.locator("#table .old", { hasText: "The server does not answer. What stands here is of" }).waitFor();
  await page.unroute("**/console/packages*");
  await page.evaluate(() => window.htmx.trigger("#table", "refresh"));
  await page.locator("#table .old").waitFor({ state: "detached" });

  // What asks only once says so, too.
  await page.goto(`${base}/console/audit`);
  await page.route("**/console/audit/chain", (route) => route.abort());
  await page.locator("#chain button").click();
  await page.locator(".toast.bad", { hasText: "The server does not answer. Load the page again." }).waitFor();
  await page.unroute("**/console/audit/chain");

  // The focus on a link of a row outlives new rows; a look that nobody asked for says so.
  await page.goto(`${base}/console/bulletins?sort=name`);
  const link = row(page, "B-2").locator("th a");
  await link.focus();
  const polled = page.waitForRequest((request) => request.url().includes("/console/bulletins") && request.headers()["hx-request"] === "true");
  await page.evaluate(() => { document.getElementById("table").dataset.old = ""; window.htmx.ajax("GET", document.getElementById("table").dataset.here, { source: "#table", target: "#table", swap: "outerHTML" }); });
  assert.equal((await polled).headers()["x-patchwharf-poll"], "1");
  await until("the rows are new", () => page.evaluate(() => document.getElementById("table").dataset.old === undefined));
  assert.equal(await page.evaluate(() => document.activeElement.id), await link.getAttribute("id"));
  const asked = page.waitForRequest((request) => request.url().includes("sort=severity"));
  await page.locator("#sort-severity").click();
  assert.equal((await asked).headers()["x-patchwharf-poll"], undefined, "what somebody clicked is a use");

  // Nonsense in an address is a page with the menu, not a failure.
  await page.goto(`${base}/console/bulletins?at=18446744073709551615&limit=2`);
  await page.locator("#table tbody tr").first().waitFor();
  for (const [address, words] of [["/bulletins?limit=0", "cannot be understood"], ["/bulletins/no-such", "nothing here"], ["/jobs/no-uuid", "nothing here"], ["/nowhere/at/all", "nothing here"]]) {
    await page.goto(`${base}/console${address}`);
    await page.locator("h1", { hasText: words }).waitFor();
    await page.locator("nav a", { hasText: "Feeds" }).waitFor();
  }
  await shot(page, "problem");
  await page.goto(`${base}/console/`);
  await page.locator("h1", { hasText: "attention" }).waitFor();

  // A refused dialog keeps what was typed, and a field that must be filled says so.
  await page.goto(`${base}/console/feeds`);
  await page.click("#add-feed");
  await confirm(page);
  assert.equal(await page.locator("dialog[open] [name=name]").evaluate((field) => field.matches(":invalid")), true);
  await page.fill("dialog [name=name]", "vendor");
  await page.fill("dialog [name=url]", "https://vendor.example/catalogue.cab");
  await confirm(page);
  await page.locator("dialog[open] .error p").waitFor();
  assert.equal(await page.inputValue("dialog [name=url]"), "https://vendor.example/catalogue.cab");
  await shot(page, "refused");
  await page.fill("dialog [name=name]", "another");
  await confirm(page);
  await page.locator("#table tr", { hasText: "another" }).locator("td", { hasText: "never imported" }).waitFor();

  // A saved view is the account's: it is there in another browser, and gone when it is forgotten.
  await page.goto(`${base}/console/bulletins?sort=name&limit=2`);
  await page.locator("#next-page").click();
  await row(page, "B-3").waitFor();
  await page.click("#save-view");
  await page.fill("dialog [name=name]", "two by two");
  await confirm(page);
  await page.locator(".toast", { hasText: "Saved: two by two." }).waitFor();
  await page.goto(`${base}/console/bulletins`);
  await page.selectOption("#views", "two by two");
  await page.waitForURL("**sort=name&limit=2");
  await row(page, "B-1").waitFor();
  await page.click("#save-view");
  await page.selectOption("dialog [name=forget]", "two by two");
  await page.fill("dialog [name=name]", "");
  await confirm(page);
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.goto(`${base}/console/bulletins?severity=critical&sort=name`);
  await page.click("#save-view");
  await page.fill("dialog [name=name]", "grave ones");
  await confirm(page);
  await page.locator(".toast", { hasText: "Saved: grave ones." }).waitFor();
  const elsewhere = await open();
  await signIn(elsewhere, "anna");
  await elsewhere.waitForURL("**/console");
  await elsewhere.goto(`${base}/console/bulletins`);
  await elsewhere.selectOption("#views", "grave ones");
  await elsewhere.waitForURL("**severity=critical**");
  await row(elsewhere, "B-1").waitFor();
  assert.equal(await row(elsewhere, "B-2").count(), 0);
  await elsewhere.click("#save-view");
  assert.equal(await elsewhere.inputValue("dialog [name=name]"), "grave ones");
  await elsewhere.selectOption("dialog [name=forget]", "grave ones");
  await confirm(elsewhere);
  await elsewhere.locator("dialog").waitFor({ state: "detached" });
  await elsewhere.reload();
  assert.equal(await elsewhere.locator("#views option").count(), 1);

  // Days that a vendor names are the same days west of Greenwich.
  const west = await open({ storageState: await page.context().storageState(), timezoneId: "America/Los_Angeles", locale: "en-GB" });
  await west.goto(`${base}/console/bulletins?sort=name`);
  const day = row(west, "B-1").locator("td.day time").last();
  await west.waitForFunction(() => document.querySelector("td.day time[data-local]"));
  const [said, shown] = await day.evaluate((time) => [time.dateTime.slice(8, 10), time.textContent]);
  assert.equal(Number.parseInt(shown, 10), Number(said), `${shown} is the day ${said}`);

  // Columns: all of them where there is room; where there is not, those that one chooses, in this browser from then on.
  const heads = (some) => some.locator("#table thead th").evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()).filter(Boolean));
  const every = ["Bulletin", "Severity", "Custom severity", "Downloaded, proved", "Policies", "Updates", "Packages", "Released", "Revised", "Description"];
  await page.goto(`${base}/console/bulletins?sort=name`);
  assert.deepEqual(await heads(page), every);
  await fits(page, "all columns");
  const tablet = await open({ storageState: await page.context().storageState(), viewport: { width: 820, height: 1100 } });
  await tablet.goto(`${base}/console/bulletins?sort=name`);
  const roomy = await heads(tablet);
  assert.ok(roomy.length < every.length);
  await tablet.click("#columns-button");
  assert.equal(await tablet.locator("dialog[open] [name=released]").isVisible(), false, "as many as there is room for");
  await tablet.uncheck("dialog[open] [name=fitting]");
  for (const name of ["severity", "revised", "description"]) await tablet.uncheck(`dialog[open] [name=${name}]`);
  for (const name of ["released", "updates", "packages"]) await tablet.check(`dialog[open] [name=${name}]`);
  await shot(tablet, "columns");
  await confirm(tablet);
  const picked = ["Bulletin", "Custom severity", "Downloaded, proved", "Policies", "Updates", "Packages", "Released"];
  assert.deepEqual(await heads(tablet), picked);
  await tablet.reload();
  await until("they are kept", async () => (await heads(tablet)).join() === picked.join());
  await fits(tablet, "columns that were chosen");
  await tablet.click("#columns-button");
  await tablet.check("dialog[open] [name=fitting]");
  await confirm(tablet);
  assert.deepEqual(await heads(tablet), roomy);

  // What an administrator calls them, and what is on disk, are sorted too.
  await api("POST", "/bulletins/severity", { of: { bulletins: ["B-3"] }, severity: "Urgent" });
  for (const [by, first] of [["custom-severity", "B-3"], ["downloaded", "B-2"]]) {
    await page.goto(`${base}/console/bulletins`);
    await page.locator(`#sort-${by}`).click();
    await page.locator(`th[aria-sort=ascending] #sort-${by}`).waitFor();
    await page.locator(`#sort-${by}`).click();
    await page.locator(`th[aria-sort=descending] #sort-${by}`).waitFor();
    assert.equal(await page.locator("#table tbody th a").first().textContent(), first);
  }

  // On paper everything is dark on light, also for who reads light on dark.
  const paper = await open({ storageState: await page.context().storageState(), colorScheme: "dark" });
  await paper.goto(`${base}/console/bulletins`);
  await paper.emulateMedia({ media: "print", colorScheme: "dark" });
  assert.deepEqual(await paper.locator("#table td").nth(3).evaluate((cell) => [getComputedStyle(cell).color, getComputedStyle(cell.closest("table")).backgroundColor]), ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
});
