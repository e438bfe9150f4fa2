// Procedure 4 of the article, relocation: the integrity check with its box ticked moves what is at the old path, codebases follow.
// One original is missing: nothing is guessed, it is named with the ways out. The originals go last, by a prune.
import { api, assert, base, choose, confirm, data, fs, jobDone, journey, moveTo, packageOf, packages, path, row, setUp, shot, until } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const [lost, kept] = [await packageOf("B-1"), await packageOf("B-2")], there = path.join(data, "new-location");
  // What its codebase brings, whole; an answer that is not read would keep this journey waiting for the connection's end.
  const served = async (one) => {
    const [file] = one.versions[0].files, token = fs.readFileSync(path.join(data, "admin.token"), "utf8").trim();
    const answer = await fetch(`${base}/packages/${one.id}/${one.current_version}/${file.name}`, { headers: { Authorization: `Bearer ${token}` } });
    return (await answer.arrayBuffer()).byteLength === file.size_bytes && answer.ok;
  };
  await moveTo(page, there);
  fs.rmSync(path.join(packages, lost.id), { recursive: true });

  const relocate = async () => {
    await page.goto(`${base}/console/jobs`);
    await page.click("#run-check");
    await page.locator("dialog[open] [name=relocate]").check();
    await shot(page, "procedure-4-check");
    await confirm(page);
    return page.locator("dialog[open]", { has: page.locator("h2", { hasText: "Do this now?" }) });
  };

  // Jobs and Tasks: the box is ticked; what would be done is shown first, and the missing one is named.
  const question = await relocate();
  await question.waitFor();
  assert.match(await question.textContent(), /B-1 .*nothing/s);
  assert.match(await question.textContent(), /2 package versions .* would be moved/);
  assert.equal(fs.existsSync(path.join(there, kept.id)), false, "a look moves nothing");
  await shot(page, "procedure-4-look");
  const asked = Date.now() - 1000;
  await confirm(page);
  await page.waitForURL("**/console/jobs/*");
  await page.locator("h2", { hasText: "Report" }).waitFor();
  await jobDone("integrity-check", asked, "failed");

  // The ways out are named, also in this console's words.
  const line = page.locator("table.report tr", { hasText: "restore the files" });
  assert.match(await line.textContent(), /B-1 .*either restore the files in .* and run this again, or fetch it anew/s);
  assert.match(await line.locator(".ways").textContent(), /Patch Remediation Center, Refresh.*the box “Fetch anew what is missing or damaged at the old place”/);
  await shot(page, "procedure-4");
  const moved = await api("GET", `/packages/${kept.id}`);
  assert.ok(moved.versions[0].path.startsWith(there), "the other one has moved");
  assert.ok(fs.existsSync(path.join(packages, kept.id)), "its original stays");
  assert.ok(await served(kept), "its codebase has followed");
  assert.equal(fs.existsSync(path.join(there, lost.id)), false);

  // The way out that the article names, stage again; then the check once more.
  await page.goto(`${base}/console/bulletins?sort=name`);
  await row(page, "B-1").locator(".bad").waitFor();
  await choose(page, "B-1", "Stage / Download Packages");
  await row(page, "B-1").locator("td.state .good").waitFor();
  assert.ok(fs.existsSync(path.join(packages, lost.id, "2")), "it is whole again where it was");
  const again = await relocate();
  await again.waitFor();
  const once = Date.now() - 1000;
  await confirm(page);
  await page.waitForURL("**/console/jobs/*");
  await jobDone("integrity-check", once);
  assert.ok(fs.existsSync(path.join(there, lost.id, "2")), "and has followed to the new place");

  // The new place is checked first, and then the old one goes.
  await page.goto(`${base}/console/jobs`);
  await page.click("#run-check");
  await confirm(page);
  await page.waitForURL("**/console/jobs/*");
  await page.locator("h2", { hasText: "Report" }).waitFor();
  assert.match(await page.locator(".lead").textContent(), /everything is as it should be|nothing is wrong any more/);
  await page.goto(`${base}/console/services`);
  await page.locator("tr", { has: page.locator(`code:text-is("${packages}")`) }).locator("[data-do=prune]").click();
  await page.locator("dialog[open] h2", { hasText: "Remove 2 originals at" }).waitFor();
  assert.ok(fs.existsSync(path.join(packages, kept.id)), "a look removes nothing");
  await confirm(page);
  await page.locator("dialog[open] [role=status]", { hasText: /^done: / }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  await until("the original is gone", async () => !fs.existsSync(path.join(packages, kept.id)));
  assert.ok(await served(kept));
});
