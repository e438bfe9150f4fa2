// One bulletin's page and one package's: all that is known, and live.
import { api, assert, base, confirm, finish, fs, jobDone, journey, packages as store, path, setUp, shot, until } from "./journey.mjs";

const act = async (page, action) => {
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: action }).click();
};

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const shown = await api("GET", "/bulletins/B-new");
  await page.goto(`${base}/console/bulletins/${shown.id}`);

  // What it supersedes, and by what it is superseded, are links to just that: bulletins and updates.
  await page.locator("dd a", { hasText: "B/old" }).click();
  await page.locator("h1", { hasText: "B/old" }).waitFor();
  await page.locator("#updates .tag a").click();
  await page.locator("dd code", { hasText: shown.software_updates[0].key }).waitFor();
  await page.locator("h3", { hasText: "Supersedes" }).waitFor();
  await page.locator(".said li", { hasText: "not in the catalogue" }).waitFor();
  await shot(page, "update-page");
  await page.locator(".said li a", { hasText: /^[0-9a-f-]{36}$/ }).click();
  await page.locator("h3", { hasText: "Superseded by" }).waitFor();
  await page.locator(".crumbs a", { hasText: "B/old" }).click();
  await page.locator("dd a", { hasText: "B-new" }).click();
  await page.locator("h1", { hasText: "B-new" }).waitFor();

  // Each update of a bulletin with many says its files, digests and rules when it is opened.
  const many = await api("GET", "/bulletins/B-many");
  await page.goto(`${base}/console/bulletins/${many.id}`);
  assert.equal(await page.locator("details.update").count(), 25);
  const last = page.locator("details.update").last();
  assert.equal(await last.locator("h3").count(), 0, "nothing is brought that nobody opened");
  await last.locator("summary").click();
  await last.locator("li", { hasText: /SHA-256 [0-9a-f]{64}/ }).waitFor();
  await last.locator("h3", { hasText: "Is installable when" }).waitFor();
  await shot(page, "bulletin-many");

  // The page is live: what is done to it shows where one stands, and what one has opened stays open.
  await page.goto(`${base}/console/bulletins/${shown.id}`);
  await page.evaluate(() => { window.sameOne = true; });
  const details = page.locator("details.update").first();
  await details.locator("summary").click();
  await details.locator("h3", { hasText: "Files" }).waitFor();
  const onDisk = page.locator("dd", { hasText: "packages staged" });
  await onDisk.filter({ hasText: "0 of 1" }).waitFor();
  await act(page, "Stage / Download Packages");
  await onDisk.filter({ hasText: "1 of 1" }).waitFor();
  await page.locator("#updates .state.staged").waitFor();
  await act(page, "Disable");
  await confirm(page);
  await page.locator("h1 .tag", { hasText: "disabled" }).waitFor();
  await act(page, "Enable");
  await page.locator("h1 .tag").waitFor({ state: "detached" });

  // Its own severity is what the question begins with.
  await api("PUT", "/settings/severity.levels", { value: "Urgent, Whenever" });
  await act(page, "Set custom severity…");
  await page.selectOption("dialog [name=severity]", "Urgent");
  await confirm(page);
  await page.locator("dd", { hasText: /^Urgent$/ }).waitFor();
  await act(page, "Set custom severity…");
  assert.equal(await page.inputValue("dialog [name=severity]"), "Urgent");
  await page.keyboard.press("Escape");

  // Distribute: what a policy that is there has already is not asked for.
  await act(page, "Distribute…");
  await page.fill("dialog [name=name]", "first");
  await confirm(page);
  await page.locator("dd a", { hasText: "first" }).waitFor();
  await act(page, "Distribute…");
  await page.selectOption("dialog [name=policy]", { label: "first" });
  for (const name of ["name", "enabled"]) assert.equal(await page.locator(`dialog [name=${name}]`).isVisible(), false);
  await confirm(page);
  await page.locator("dialog").waitFor({ state: "detached" });

  // What refers to it are links.
  await act(page, "What refers to it");
  for (const place of ["policies", "packages", "bulletins"]) await page.locator(`dialog li a[href^="/console/${place}/"]`).waitFor();
  await shot(page, "refers");
  await page.keyboard.press("Escape");

  // A deletion that a policy stands against says so in its dialog; when it is done, its history says so, too.
  const [{ package: old }] = (await api("GET", "/bulletins/B-new")).software_updates;
  await act(page, "Delete packages…");
  await confirm(page);
  await page.locator("dialog .error", { hasText: "first" }).waitFor();
  await page.check("dialog [name=although_needed]");
  await confirm(page);
  await jobDone("delete");
  await onDisk.filter({ hasText: "0 of 1" }).waitFor();
  const history = page.locator("section", { has: page.locator("#history-heading") });
  await history.locator("tr", { hasText: "package.delete" }).waitFor();
  for (const line of ["package is deleted", "put into policy first"]) await history.locator(".log tr", { hasText: line }).first().waitFor();
  assert.equal(await history.locator(`a[href="/console/packages/${old}"]`).count() > 0, true);
  assert.equal(await details.locator("h3", { hasText: "Files" }).isVisible(), true, "what was opened stays open");
  assert.equal(await page.evaluate(() => window.sameOne), true, "the page was never loaded anew");
  await shot(page, "bulletin-history");
  await page.locator("#all-changes").click();
  await page.locator(".trail tr", { hasText: "package.delete" }).waitFor();
  await page.fill("[name=action]", "bulletin");
  await page.keyboard.press("Tab");
  await page.waitForURL((address) => address.searchParams.get("action") === "bulletin" && address.searchParams.get("bulletin") === shown.id);
  await page.locator(".trail tr", { hasText: "bulletin.severity" }).waitFor();

  // A package's page is live, too, and says when there is no package any more.
  const staging = await api("POST", "/bulletins/stage", { bulletins: ["B-many"] });
  await until("they are staged", async () => (await api("GET", `/jobs/${staging.id}`)).state === "done");
  const [{ package: id }] = (await api("GET", "/bulletins/B-many")).software_updates;
  await page.goto(`${base}/console/packages/${id}`);
  const verified = await page.locator("dt:text-is('Last verified') + dd time").getAttribute("title");
  await act(page, "Verify");
  await until("the page says when it was verified", async () => (await page.locator("dt:text-is('Last verified') + dd time").getAttribute("title")) !== verified);
  // What would be mended is said first.
  const { current_version: version, versions: [{ files: [{ name: file }] }] } = await api("GET", `/packages/${id}`);
  fs.rmSync(path.join(store, id, String(version), file));
  await act(page, "Check and repair…");
  await page.locator("dialog[open] h2", { hasText: "Mend it now?" }).waitFor();
  assert.match(await page.locator("dialog[open]").textContent(), new RegExp(file));
  await confirm(page);
  await finish(page, /^(done|failed): /);
  const { current_version: mended } = await api("GET", `/packages/${id}`);
  assert.ok(fs.existsSync(path.join(store, id, String(mended), file)));
  await act(page, "Delete…");
  await confirm(page);
  await page.locator(".empty", { hasText: "This package has been deleted." }).waitFor();
  await page.locator(".empty a").click();
  await page.locator("h1", { hasText: "Software Packages" }).waitFor();

  // Everything that matches is distributed as it is staged: counted, asked, and refused when it is another number by then.
  await page.goto(`${base}/console/bulletins?state=current&sort=name&limit=1`);
  await page.locator("#check-all").check();
  await page.locator("#select-everything").click();
  await act(page, "Distribute…");
  await page.locator("dialog h2", { hasText: "Distribute 2 bulletins" }).waitFor();
  await page.locator("dialog p", { hasText: "26 updates" }).waitFor();
  await page.fill("dialog [name=name]", "all that is current");
  await shot(page, "distribute-all");
  await confirm(page);
  await page.locator(".toast a", { hasText: "Open the policy" }).click();
  await page.locator("h1", { hasText: "all that is current" }).waitFor();
  const { switches } = await api("GET", "/policies/all%20that%20is%20current");
  assert.equal(switches.length, 26);

  // They come in pages and are found by words; what is turned off stays in its page.
  await page.goto(`${page.url()}?limit=20`);
  await page.locator("#next-page").click();
  await page.locator(".pages", { hasText: "21 to 26 of 26" }).waitFor();
  assert.equal(await page.locator("#table tbody tr").count(), 6);
  await page.locator(`#switch-${switches[25].update}`).click();
  await page.locator(`#switch-${switches[25].update}`, { hasText: "On" }).waitFor();
  await page.locator(".pages", { hasText: "21 to 26 of 26" }).waitFor();
  await shot(page, "policy-page");
  await page.locator("#text").pressSequentially(switches[3].update_key);
  await page.locator(".pages", { hasText: "1 to 1 of 1" }).waitFor();
  await page.locator(`#switch-${switches[3].update}`).waitFor();
  // What the page asks for by itself, while a search is on its way, does not stand in the place of what was searched.
  const slow = (route) => Promise.all([page.waitForResponse((answer) => !answer.url().includes("nowhere")), new Promise((resolve) => { setTimeout(resolve, 200); })]).then(() => route.continue());
  await page.route(/text=[^&]*nowhere/, slow, { times: 1 });
  await page.locator("#text").pressSequentially(" nowhere");
  await page.locator(".empty", { hasText: "No update of it fits" }).waitFor();
});
