// Every page: dark, light, on a tablet, on paper; used by everybody, from nowhere else, and small.
import { api, assert, base, journey, setUp, shot } from "./journey.mjs";

const places = ["", "/bulletins", "/packages", "/policies", "/jobs", "/log", "/services", "/feeds", "/audit", "/account"];

await journey(async (open) => {
  const first = await open();
  await setUp(first);
  const storageState = await first.context().storageState();
  const page = await open({ storageState, colorScheme: "dark" });
  for (const place of places) {
    await page.goto(`${base}/console${place}`);
    await page.locator("h1").waitFor();
    await shot(page, `dark${place.replace("/", "-")}`);
  }
  const tablet = await open({ storageState, viewport: { width: 820, height: 1100 } });
  for (const place of places) {
    await tablet.goto(`${base}/console${place}`);
    await tablet.locator("h1").waitFor();
    await shot(tablet, `tablet${place.replace("/", "-")}`);
  }

  // The first load, of a browser that has nothing yet.
  const fresh = await open({ storageState });
  let bytes = 0;
  const session = await fresh.context().newCDPSession(fresh);
  await session.send("Network.enable");
  session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  await fresh.goto(`${base}/console/bulletins`, { waitUntil: "networkidle" });
  console.log(`FIGURES console: first load of the Patch Remediation Center ${(bytes / 1024).toFixed(1)} KiB`);
  assert.ok(bytes < 100 * 1024, `the first load is ${bytes} bytes`);

  // The skip link, the menu of places and the main part can be reached by the keyboard.
  await fresh.keyboard.press("Tab");
  assert.equal(await fresh.evaluate(() => document.activeElement.className), "skip");
  await fresh.keyboard.press("Enter");
  assert.equal(await fresh.evaluate(() => document.activeElement.id), "main");

  // A job that ended, and a package, have pages, too.
  const jobs = await api("GET", "/jobs?limit=1");
  await fresh.goto(`${base}/console/jobs/${jobs.items[0].id}`);
  await fresh.locator("h2", { hasText: "Report" }).waitFor();
  await shot(fresh, "job-page");
  const packages = await api("GET", "/packages?limit=1");
  await fresh.goto(`${base}/console/packages/${packages.items[0].id}`);
  await shot(fresh, "package");
});
