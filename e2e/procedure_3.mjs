// Procedure 3 of the article, change of location: what is staged from then on goes to the new place; the rest stays where it is.
import { api, assert, base, choose, data, fs, journey, moveTo, packageOf, packages, path, row, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const before = await packageOf("B-1"), there = path.join(data, "new-location");
  await moveTo(page, there);
  assert.match(await page.locator("#elsewhere").textContent(), /2 packages are still at other locations/);
  assert.match(await page.locator("tr", { has: page.locator(`code:text-is("${there}")`) }).textContent(), /default/);
  await shot(page, "procedure-3");

  await page.goto(`${base}/console/bulletins?sort=name`);
  await choose(page, "B-3", "Stage / Download Packages");
  await row(page, "B-3").locator("td.state .good").waitFor();
  const made = await packageOf("B-3"), file = made.versions[0].files[0].name;
  assert.ok(fs.existsSync(path.join(there, made.id, "1", file)), "a new package goes to the new place");
  assert.equal(fs.existsSync(path.join(packages, made.id)), false);

  // Those that were there stay, and are whole.
  assert.ok(fs.existsSync(path.join(packages, before.id)));
  await page.goto(`${base}/console/packages/${made.id}`);
  await page.locator("dd code", { hasText: there }).first().waitFor();
  await page.goto(`${base}/console/packages/${before.id}`);
  await page.locator("dd code", { hasText: packages }).first().waitFor();
  assert.equal((await api("GET", `/packages/${before.id}`)).state, "staged");
});
