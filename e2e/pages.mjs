// Every page: dark, light, on a tablet, on paper; used by everybody, from nowhere else, and small.
import { api, assert, base, fits, fs, journey, packages as store, path, setUp, shot, until } from "./journey.mjs";

const places = ["", "/bulletins", "/packages", "/policies", "/jobs", "/log", "/services", "/feeds", "/feeds/vendor", "/audit", "/account"];

await journey(async (open) => {
  const first = await open();
  await setUp(first);
  const storageState = await first.context().storageState();
  const page = await open({ storageState, colorScheme: "dark" });
  for (const place of places) {
    await page.goto(`${base}/console${place}`);
    await page.locator("h1").waitFor();
    await shot(page, `dark${place.replaceAll("/", "-")}`);
    await fits(page, place);
  }
  const tablet = await open({ storageState, viewport: { width: 820, height: 1100 } });
  for (const place of places) {
    await tablet.goto(`${base}/console${place}`);
    await tablet.locator("h1").waitFor();
    await shot(tablet, `tablet${place.replaceAll("/", "-")}`);
    await fits(tablet, place);
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

  // A damaged package, with its reason, still fits; the report of the check is made for paper, and so are audit and packages.
  const whole = await api("GET", `/packages/${packages.items[0].id}`);
  const file = path.join(store, whole.id, String(whole.current_version), whole.versions[0].files[0].name);
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, "broken");
  const check = await api("POST", "/store/integrity-check", {});
  await until("the check ends", async () => (await api("GET", `/jobs/${check.id}`)).ended_at);
  for (const [wide, width] of [["", 1280], ["-tablet", 820]]) {
    await fresh.setViewportSize({ width, height: 900 });
    for (const place of [`/packages`, `/packages/${whole.id}`, `/jobs/${check.id}`]) {
      await fresh.goto(`${base}/console${place}`);
      await fresh.locator("h1").waitFor();
      await fits(fresh, place);
    }
    await shot(fresh, `report${wide}`);
  }
  await fresh.setViewportSize({ width: 700, height: 990 });
  await fresh.emulateMedia({ media: "print" });
  for (const [name, place] of [["job", `/jobs/${check.id}`], ["audit", "/audit"], ["packages", "/packages"]]) {
    await fresh.goto(`${base}/console${place}`);
    await fresh.evaluate(() => dispatchEvent(new Event("beforeprint")));
    await fits(fresh, `${place} on paper`);
    assert.equal(await fresh.locator("nav, .toolbar, button").evaluateAll((all) => all.filter((one) => one.checkVisibility()).length), 0, `${place}: nothing to press on paper`);
    assert.match(await fresh.locator(".printed").innerText(), /anna, .*\/console\//);
    await shot(fresh, `paper-${name}`);
  }
});
