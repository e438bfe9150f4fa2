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

  // A page without its main part is seen to be blank.
  await page.locator("main").evaluate((main) => { main.style.visibility = "hidden"; });
  await assert.rejects(shot(page, "blank"), /blank is blank/);

  // The first load, of a browser that has nothing yet; of the log with more records than it shows at first.
  for (let turn = 0; turn < 40; turn += 1) for (const verb of ["disable", "enable"]) await api("POST", `/bulletins/${verb}`, { filter: {} });
  for (const [place, ready] of [["/bulletins", "#table tbody tr"], ["/log", "#records tr:nth-child(100)"]]) {
    const first = await open({ storageState });
    let bytes = 0;
    const session = await first.context().newCDPSession(first);
    await session.send("Network.enable");
    session.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
    // A stream does not finish: its events are counted, with what stands around each.
    session.on("Network.eventSourceMessageReceived", (event) => { bytes += Buffer.byteLength(event.data) + event.eventName.length + event.eventId.length + 24; });
    await first.goto(`${base}/console${place}`);
    await first.locator(ready).first().waitFor();
    await first.waitForLoadState("load");
    console.log(`FIGURES console: first load of ${place} ${(bytes / 1024).toFixed(1)} KiB`);
    assert.ok(bytes > 10 * 1024 && bytes < 100 * 1024, `the first load of ${place} is ${bytes} bytes`);
    await first.context().close();
  }
  const fresh = await open({ storageState });
  await fresh.goto(`${base}/console/bulletins`);
  await fresh.locator("h1").waitFor();

  // What is typed into a search is one step back, not one a letter.
  await fresh.locator("#text").pressSequentially("B");
  await fresh.waitForURL("**text=B&**");
  await fresh.locator("#text").pressSequentially("-1");
  await fresh.waitForURL("**text=B-1&**");
  await fresh.goBack();
  await fresh.waitForURL((url) => url.pathname === "/console/bulletins" && !url.searchParams.get("text"));
  await fresh.locator("h1").waitFor();

  // New rows come as they stay: no frame shows a time of another zone, or a box without its check.
  await fresh.goto(`${base}/console/packages`);
  await fresh.locator("#check-all").check();
  const frames = await fresh.evaluate(() => new Promise((resolve) => {
    const old = document.getElementById("table"), seen = { frames: 0, raw: 0, unchecked: 0 };
    let after = 0;
    const look = () => {
      const table = document.getElementById("table");
      seen.frames += 1;
      seen.raw += table.querySelectorAll("time:not([data-local])").length;
      seen.unchecked += table.querySelectorAll("tbody input[type=checkbox]:not(:checked)").length;
      if (table !== old) after += 1;
      if (after < 5) requestAnimationFrame(look); else resolve({ ...seen, times: table.querySelectorAll("time").length });
    };
    requestAnimationFrame(look);
    window.htmx.trigger(old, "refresh");
  }));
  // Where the rows come before the first frame, five are seen, all with new rows.
  assert.ok(frames.times > 0 && frames.frames >= 5, JSON.stringify(frames));
  assert.deepEqual([frames.raw, frames.unchecked], [0, 0], "rows flicker when they are new");
  await fresh.goto(`${base}/console/bulletins`);
  await fresh.locator("h1").waitFor();

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
  await fresh.goto(`${base}/console/updates/${packages.items[0].update}`);
  await fresh.locator("h3", { hasText: "Files" }).waitFor();
  await shot(fresh, "update");

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
