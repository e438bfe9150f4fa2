// The log viewer where it is hard: filters that follow each other, more records than it keeps, a pause, a server that refuses,
// a connection that breaks.
import { api, assert, base, gate, jobDone, journey, setUp, shot, until } from "./journey.mjs";

const live = /^live$/;
const numbers = (page) => page.locator("#records tr").evaluateAll((rows) => rows.map((row) => Number(row.id.slice(7))));
const levels = (page) => page.locator("#records tr").evaluateAll((rows) => [...new Set(rows.map((row) => row.className))]);
const texts = (page) => page.locator("#records td.text").allTextContents();
const isLive = (page) => page.locator("#connection", { hasText: live }).waitFor();
const streams = (page) => page.evaluate(() => window.streams.filter((one) => one.readyState !== EventSource.CLOSED).map((one) => decodeURIComponent(new URL(one.url).search)));

// So many times three records, each with a name.
async function write(times) {
  for (let turn = 0; turn < times; turn += 1) await api("POST", `/bulletins/${turn % 2 ? "enable" : "disable"}`, { filter: {} });
}

// What is shown is a piece of the log without a hole.
async function isWhole(page) {
  const shown = await numbers(page), all = (await api("GET", `/logs?after=${shown[0] - 1}&limit=1000`)).items.map((record) => record.number);
  assert.deepEqual(shown, all.slice(0, shown.length));
}

const scrollTo = (page, share) => page.evaluate((share) => { const box = document.getElementById("log-scroll"); box.scrollTop = share * (box.scrollHeight - box.clientHeight); }, share);

await journey(async (open) => {
  const page = await open();
  // Which streams a page has is seen from outside.
  await page.context().addInitScript(() => {
    window.streams = [];
    const Real = window.EventSource;
    window.EventSource = class extends Real { constructor(...all) { super(...all); window.streams.push(this); } };
  });
  await setUp(page);
  await write(20);

  // A filter after another: one stream, and nothing that does not fit.
  await page.goto(`${base}/console/log`);
  await isLive(page);
  await page.fill("[name=bulletin]", "B-2");
  await page.press("[name=bulletin]", "Enter");
  await until("only what is about B-2", async () => { const shown = await texts(page); return shown.length > 0 && shown.every((text) => text.includes("B-2")); });
  assert.equal((await streams(page)).length, 1, "Enter in a changed field is one wish");
  await page.fill("[name=bulletin]", "");
  await page.press("[name=bulletin]", "Enter");
  await page.selectOption("[name=level]", "error");
  await until("one stream, of errors", async () => { const all = await streams(page); return all.length === 1 && all[0].includes("level=error") && !all[0].includes("bulletin"); });
  const other = await page.context().newPage();
  await other.goto(`${base}/console/log?text=bulletin`);
  await isLive(other);
  await other.locator("#records tr").first().waitFor();
  const [before] = (await numbers(other)).slice(-1);
  await write(2);
  await until("the records come elsewhere", async () => (await numbers(other)).at(-1) > before);
  assert.deepEqual((await levels(page)).filter((level) => level !== "error"), []);
  await page.locator("#no-record").waitFor();
  await shot(page, "log-nothing");

  // A look-up that is slow does not win over what was asked for after it.
  let asked = 0, released;
  const release = new Promise((resolve) => { released = resolve; });
  await page.route("**/api/v1/bulletins/B-2", async (route) => { asked += 1; await release; await route.continue(); });
  await page.fill("[name=bulletin]", "B-2");
  await page.press("[name=bulletin]", "Enter");
  await until("the name is looked up", () => asked > 0);
  await page.fill("[name=bulletin]", "");
  await page.press("[name=bulletin]", "Enter");
  await isLive(page);
  const answered = page.waitForResponse("**/api/v1/bulletins/B-2");
  released();
  await answered;
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 0)));
  assert.deepEqual((await streams(page)).map((query) => query.includes("bulletin")), [false]);
  await page.unroute("**/api/v1/bulletins/B-2");

  // Filters together: what the API says of them.
  await api("POST", "/bulletins/stage", { bulletins: ["B-1"] });
  const job = (await jobDone("stage")).id;
  const staged = (await api("GET", "/bulletins/B-1")).software_updates.find((update) => update.package);
  const { at: since } = await until("the log has the job", async () => (await api("GET", "/logs?limit=1000")).items.find((record) => record.job === job));
  for (const wish of [{ job, level: "info" }, { job, text: "staged", level: "info" }, { package: staged.package, text: "stage" }, { bulletin: "B-1", text: "disabled", level: "info" }]) {
    await page.goto(`${base}/console/log?${new URLSearchParams(wish)}`);
    await isLive(page);
    const bulletin = wish.bulletin ? { bulletin: (await api("GET", `/bulletins/${wish.bulletin}`)).id } : {};
    await until(`what fits ${JSON.stringify(wish)}`, async () => {
      const fits = (await api("GET", `/logs?${new URLSearchParams({ ...wish, ...bulletin, limit: 100 })}`)).items.map((record) => record.number);
      return fits.length > 0 && JSON.stringify(await numbers(page)) === JSON.stringify(fits);
    });
  }
  await page.goto(`${base}/console/log?${new URLSearchParams({ from: since, job, level: "info" })}`);
  await page.locator("#place", { hasText: "From" }).waitFor();
  await page.locator("#records tr").first().waitFor();
  assert.deepEqual(await levels(page).then((all) => all.filter((level) => !["info", "warn", "error"].includes(level))), []);
  // What a field says is found, as it is shown.
  const told = (await texts(page)).find((text) => / [a-z_]+=\S{3}/.test(text));
  const field = / ([a-z_]+=\S{3,30})/.exec(told)[1];
  await page.goto(`${base}/console/log?${new URLSearchParams({ text: field })}`);
  await page.locator("#records td.text", { hasText: field }).first().waitFor();

  // From a record to everything that its job wrote.
  await page.goto(`${base}/console/log?package=${staged.package}`);
  await page.locator(`#records [data-job="${job}"]`).first().click();
  await page.waitForURL(`**/console/log?job=${job}`);
  await isLive(page);
  assert.equal(await page.inputValue("[name=job]"), job);
  await page.goBack();
  await page.waitForURL("**/console/log?package=*");

  // Few rows are kept, so that there is soon more than that.
  await page.route("**/assets/log.js*", async (route) => {
    const response = await route.fetch(), script = await response.text(), body = script.replace("MOST = 5000, FIRST = 100, STEP = 200", "MOST = 150, FIRST = 60, STEP = 60");
    assert.notEqual(body, script);
    await route.fulfill({ response, body });
  });
  await page.goto(`${base}/console/log`);
  await isLive(page);
  await page.locator("#records tr").first().waitFor();

  // Paused, what comes is held, and comes in its order.
  await page.click("#pause");
  const still = await numbers(page);
  await write(5);
  await page.locator("#pause", { hasText: /Go on \(\d+ new\)/ }).waitFor();
  assert.deepEqual(await numbers(page), still, "paused, nothing moves");
  await shot(page, "log-paused");
  await page.click("#pause");
  await until("what was held comes", async () => (await numbers(page)).at(-1) > still.at(-1));
  await isWhole(page);
  // More than can be held is read from where it was left.
  await page.click("#pause");
  const left = (await numbers(page)).at(-1);
  await write(60);
  await page.locator("#pause", { hasText: "Go on (more than 150 new)" }).waitFor();
  await scrollTo(page, 0.5);
  await page.click("#pause");
  await until("what follows comes", async () => (await numbers(page)).at(-1) > left);
  assert.ok((await numbers(page)).includes(left + 1), "what comes first after the pause is there");
  await isWhole(page);

  // Who reads further up keeps what is read, however much comes.
  await page.goto(`${base}/console/log`);
  await isLive(page);
  await until("there are rows", async () => (await numbers(page)).length >= 60);
  await scrollTo(page, 0.5);
  await write(70);
  await page.locator("#connection", { hasText: "not live: more came" }).waitFor();
  assert.ok((await numbers(page)).length <= 150);
  assert.equal((await streams(page)).length, 0);
  await isWhole(page);
  await until("the live end", async () => {
    if (await page.locator("#newer").isVisible()) await page.locator("#newer").click({ timeout: 2000 }).catch(() => {});
    return live.test(await page.locator("#connection").textContent());
  });
  await isWhole(page);
  await page.unroute("**/assets/log.js*");

  // Back to the beginning: the button goes for good, whatever comes.
  await page.goto(`${base}/console/log?bulletin=B-1&text=bulletin+disabled`);
  await isLive(page);
  await page.locator("#records tr").first().waitFor();
  await until("the beginning", async () => {
    if (!(await page.locator("#older").isVisible())) return true;
    await page.locator("#older").click({ timeout: 2000 }).catch(() => {});
    return false;
  });
  const length = (await numbers(page)).length;
  assert.ok(length > 60, `${length} records`);
  await write(1);
  await until("a record comes", async () => (await numbers(page)).length > length);
  assert.equal(await page.locator("#older").isVisible(), false);

  // A server that is busy is asked again; a filter that is none is not.
  let busy = true;
  await page.route("**/api/v1/logs/events*", (route) => busy ? route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ title: "Busy", detail: "The database is busy.", code: "busy", status: 503 }) }) : route.continue());
  await page.goto(`${base}/console/log`);
  await page.locator("#connection", { hasText: "not live: The database is busy. It is tried again." }).waitFor();
  busy = false;
  await isLive(page);
  await page.goto(`${base}/console/log?job=nonsense`);
  await page.locator("#connection", { hasText: /^stopped: ./ }).waitFor();
  await page.fill("[name=job]", "");
  await page.locator("#log-filter button").click();
  await isLive(page);
  await page.unroute("**/api/v1/logs/events*");

  // A job's page goes on in the same way.
  await page.route("**/api/v1/jobs/*/events", (route) => route.fulfill({ status: 502, body: "" }), { times: 2 });
  await page.goto(`${base}/console/bulletins?sort=name`);
  const silent = await api("POST", "/bulletins/stage", { bulletins: ["B-3"] });
  await page.goto(`${base}/console/jobs/${silent.id}`);
  await until("the page tells the end", async () => /Report/.test(await page.locator("main").textContent()));
  await page.unroute("**/api/v1/jobs/*/events");

  // A log that began anew, and one whose next records are gone, are said.
  const record = JSON.stringify({ number: 3, at: "2026-01-01T00:00:00Z", level: "info", source: "a::b", message: "the first of the new ones" });
  await page.route("**/api/v1/logs/events*", (route) => route.fulfill({ status: 200, contentType: "text/event-stream", body: `event: restarted\nid: 2\ndata: {}\n\nevent: record\nid: 3\ndata: ${record}\n\n` }), { times: 1 });
  await page.goto(`${base}/console/log`);
  await page.locator("#place", { hasText: "began anew" }).waitFor();
  await page.locator("#record-3").waitFor();
  await page.unroute("**/api/v1/logs/events*");
  await page.route("**/api/v1/logs/events*", (route) => route.fulfill({ status: 200, contentType: "text/event-stream", body: 'event: cut\ndata: {"after":7}\n\n' }), { times: 1 });
  await page.goto(`${base}/console/log`);
  await page.locator("#place", { hasText: "after record 7 is not kept" }).waitFor();
  await page.unroute("**/api/v1/logs/events*");

  // The connection breaks: it is said, and what came meanwhile comes once, in order.
  const way = await gate();
  await page.goto(`${way.url}/console/log`);
  await isLive(page);
  await page.locator("#records tr").first().waitFor();
  const last = (await numbers(page)).at(-1);
  way.cut();
  await page.locator("#connection", { hasText: /connecting again|does not answer/ }).waitFor();
  await write(10);
  await way.mend();
  await isLive(page);
  await until("what was missed comes", async () => (await numbers(page)).at(-1) > last + 20);
  await isWhole(page);
  way.cut();
});
