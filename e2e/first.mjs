// A server that is new: the dashboard says what to do first.
import { assert, base, journey, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  await page.locator("h2", { hasText: "First steps" }).waitFor();
  assert.doesNotMatch(await page.locator("main").textContent(), /Everything is well/);
  await shot(page, "first-steps");
  await page.locator("#main a", { hasText: "Add a feed" }).click();
  await page.locator("#add-feed").waitFor();
});
