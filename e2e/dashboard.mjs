// The dashboard's charts: what was staged over time, free space and how it goes on.
import { assert, journey, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  await page.locator("h2", { hasText: "Staged over 30 days" }).waitFor();
  const charts = page.locator("svg.chart");
  assert.equal(await charts.count(), 2);
  assert.match(await charts.first().getAttribute("aria-label"), /1\.0 MiB staged on .*, 58\.6 KiB now\./);
  assert.match(await charts.nth(1).getAttribute("aria-label"), /full in \d+ days at this pace/);
  assert.equal(await page.locator("svg.chart .ahead").count(), 1);
  // A disk that is full in days is no "everything is well", however much is free today.
  assert.match(await page.locator(".note.bad").first().innerText(), /full in \d+ days at this pace\. Delete what nothing uses/);
  assert.equal(await page.locator(".well").count(), 0);
  await charts.first().scrollIntoViewIfNeeded();
  await shot(page, "charts");
});
