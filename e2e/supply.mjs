// A file that no address brings is fetched by hand and given on the bulletin's page; another file is refused and named.
import { api, assert, base, confirm, data, fs, journey, path, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const right = path.join(data, "by-hand.exe"), wrong = `${right}.wrong`;
  fs.writeFileSync(wrong, fs.readFileSync(right).reverse());
  const give = async (file) => {
    await page.goto(`${base}/console/bulletins/B-9`);
    await page.locator("[data-supply]").click();
    await page.setInputFiles("dialog [name=file]", file);
    await confirm(page);
  };
  await give(wrong);
  await page.locator("dialog[open] [role=status]", { hasText: /^failed: .*SHA-256/ }).waitFor();
  await shot(page, "supply-refused");
  assert.equal((await api("GET", "/bulletins/B-9")).downloaded, false);
  await give(right);
  await page.locator("dialog[open] [role=status]", { hasText: /^done: 1 package staged/ }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  await page.locator(".state.staged").waitFor();
  assert.equal(await page.locator("[data-supply]").count(), 0);
});
