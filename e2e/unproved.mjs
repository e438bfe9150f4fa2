// Packages whose rows were made again from their manifests: nobody vouches for them, and no page says that they are good.
import { api, assert, base, fits, journey, row, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const [first] = (await api("GET", "/packages")).items;
  assert.equal(first.unproved, true);
  const good = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--good"));
  const isGood = (state) => state.evaluate((shown, colour) => { const probe = document.createElement("i"); probe.style.color = colour; document.body.append(probe); const same = getComputedStyle(probe).color === getComputedStyle(shown).color; probe.remove(); return same; }, good);

  await page.goto(`${base}/console/packages`);
  const line = page.locator(`#row-${first.id}`);
  await line.locator(".tag", { hasText: "unproved, not served" }).waitFor();
  assert.equal(await isGood(line.locator(".state.staged")), false);
  await fits(page, "packages");
  await shot(page, "unproved");
  await page.check("[name=unproved]");
  await page.waitForURL("**unproved=true");
  await line.waitFor();

  await page.goto(`${base}/console/packages/${first.id}`);
  assert.equal(await page.locator(".tag", { hasText: "unproved, not served" }).count(), 2, "the package and its version");
  assert.equal(await page.locator(".tag", { hasText: /^served$/ }).count(), 0);
  for (const state of await page.locator(".state.staged").all()) assert.equal(await isGood(state), false);
  await shot(page, "unproved-package");

  await page.goto(`${base}/console/bulletins/${first.bulletin}`);
  await page.locator("#updates .tag", { hasText: "unproved, not served" }).waitFor();
  assert.equal(await isGood(page.locator("#updates .state.staged").first()), false);
  await page.goto(`${base}/console/bulletins?sort=name`);
  await row(page, first.bulletin_name).locator(".why", { hasText: "unproved, not served" }).waitFor();
  assert.equal(await row(page, first.bulletin_name).locator(".good").count(), 0);
});
