// A browser at the console of a test's server: what every journey needs.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const env = (name) => process.env[name] ?? assert.fail(`${name} is not set`);
export const base = env("CONSOLE_URL");
export const data = env("CONSOLE_DATA");
export const packages = env("CONSOLE_PACKAGES");
const shots = env("CONSOLE_SHOTS");
const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const password = "four quite long words";
const patience = 60000;
// What browser and htmx write down of requests that had no answer, or that of something that is gone: pages say so themselves.
const answered = /Failed to load resource|^htmx:(sendError|afterRequest), |^Response Status Error Code 404 /;
// Where pages may come from: the server, and ways to it.
const ways = [base];

// Over HTTPS the local authority of the data folder vouches for the server: node trusts it (NODE_EXTRA_CA_CERTS), and of the
// browser it is asked to take this one key, which is known, and no other.
const pins = process.env.CONSOLE_PIN ? [`--ignore-certificate-errors-spki-list=${process.env.CONSOLE_PIN}`] : [];

// As the holder of the data folder: to look at what the pages did.
export async function api(method, route, body) {
  const token = fs.readFileSync(path.join(data, "admin.token"), "utf8").trim();
  const response = await fetch(`${base}/api/v1${route}`, { method, headers: { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}) }, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${route}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

export async function until(what, look, patient = patience) {
  const end = Date.now() + patient;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function journey(steps) {
  const browser = await chromium.launch({
    executablePath: env("CHROMIUM"),
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...pins],
  });
  const faults = [];
  try {
    const open = async (options = {}) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
      context.setDefaultTimeout(patience);
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(`script failed: ${error.message}`));
      page.on("console", (message) => { if (message.type() === "error" && !answered.test(message.text())) faults.push(`console: ${message.text()}`); });
      page.on("dialog", (dialog) => { faults.push(`a script of somebody else ran: ${dialog.message()}`); dialog.dismiss(); });
      page.on("request", (request) => { if (!ways.some((way) => request.url().startsWith(way)) && !/^(data|blob):/.test(request.url())) faults.push(`asked elsewhere: ${request.url()}`); });
      return page;
    };
    await steps(open);
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
  }
}

// By the link of the first start.
export async function setUp(page, name = "anna") {
  await page.goto(fs.readFileSync(path.join(data, "set-up.link"), "utf8").trim());
  await page.fill("[name=name]", name);
  await page.fill("[name=password]", password);
  await page.fill("[name=again]", password);
  await page.click("button.primary");
  await page.waitForURL("**/console");
}

// As where the network is slow: a script of the pages comes when it is let go.
export async function late(page, script) {
  let letGo;
  const gone = new Promise((resolve) => { letGo = resolve; });
  await page.route(`**/assets/${script}*`, async (route) => { await gone; await route.continue(); });
  return letGo;
}

export async function signIn(page, name, word = password) {
  await page.goto(`${base}/console/sign-in`);
  await page.fill("[name=name]", name);
  await page.fill("[name=password]", word);
  await page.click("button.primary");
}

// A way to the server that can be cut, as a network is, and mended.
export async function gate() {
  const target = new URL(base), open = new Set();
  const listen = (port) => new Promise((resolve) => {
    const server = net.createServer((near) => {
      const far = net.connect(Number(target.port), target.hostname);
      for (const [one, other] of [[near, far], [far, near]]) {
        open.add(one);
        one.on("error", () => {}).on("close", () => { open.delete(one); other.destroy(); }).pipe(other);
      }
    });
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
  let server = await listen(0);
  const { port } = server.address(), url = `http://127.0.0.1:${port}`;
  ways.push(url);
  const cut = () => { server.close(); for (const one of open) one.destroy(); };
  return { url, cut, mend: async () => { server = await listen(port); } };
}

// The part of the window that the page is about: the frame around it would hide that it is blank.
async function middle(page) {
  const { width, height } = page.viewportSize(), box = await page.locator("main").boundingBox();
  const [left, top] = [Math.max(0, box.x), Math.max(0, box.y)];
  return { x: left, y: top, width: Math.min(width, box.x + box.width) - left, height: Math.min(height, box.y + box.height) - top };
}

// A picture that is neither blank nor of another size than the window, and a page that everybody can use.
export async function shot(page, name) {
  const size = page.viewportSize();
  const main = await page.screenshot({ clip: await middle(page) });
  assert.ok(main.length > 6000, `the main part of ${name} is blank: ${main.length} bytes`);
  const picture = await page.screenshot({ path: path.join(shots, `${name}.png`) });
  assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [size.width, size.height], name);
  assert.ok(picture.length > 9000, `${name} is blank: ${picture.length} bytes`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels wider than the window`);
  await page.evaluate(axe);
  // Nothing is exchanged meanwhile: new parts would take over what the checker writes into the old ones.
  await page.evaluate(() => {
    window.still = (event) => event.preventDefault();
    for (const name of ["htmx:beforeRequest", "htmx:beforeSwap"]) document.addEventListener(name, window.still);
  });
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  // What the checker leaves behind would be taken over by the next rows.
  await page.evaluate(() => {
    document.querySelectorAll('[style=""]').forEach((one) => one.removeAttribute("style"));
    for (const name of ["htmx:beforeRequest", "htmx:beforeSwap"]) document.removeEventListener(name, window.still);
  });
  const told = found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
  assert.deepEqual(told, [], `${name} cannot be used by everybody`);
}

// Nothing is read by scrolling sideways: neither the page nor a table in it.
export async function fits(page, name) {
  const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll("#table, .grid, .scroll")].filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => `${one.id || one.className || one.tagName}: ${one.scrollWidth} of ${one.clientWidth}`));
  assert.deepEqual(wide, [], `${name} at ${page.viewportSize().width} pixels scrolls sideways`);
}

export const row = (page, name) => page.locator("#table tbody tr", { has: page.locator(`th a:text-is("${name}")`) });

// Right-click on a row, then an action of the menu.
export async function choose(page, name, action) {
  await row(page, name).locator("td").nth(2).click({ button: "right" });
  await page.locator(".menu button", { hasText: action }).first().click();
}

export const confirm = (page) => page.locator("dialog[open] button[value=yes]").click();

// A job that a dialog shows has ended so; what the dialog says of it.
export async function finish(page, word = /^done: /) {
  await page.locator("dialog[open] [role=status]", { hasText: word }).waitFor();
  const text = await page.locator("dialog[open]").textContent();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  return text;
}

// The package of a bulletin's first update that has one.
export async function packageOf(bulletin) {
  const shown = await api("GET", `/bulletins/${bulletin}`);
  return api("GET", `/packages/${shown.software_updates.find((update) => update.package).package}`);
}

// Turns a bit of a package's first file over, behind the server's back.
export function damage(one, place = packages) {
  const file = path.join(place, one.id, String(one.current_version), one.versions[0].files[0].name);
  const bytes = fs.readFileSync(file);
  bytes[100] ^= 1;
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, bytes);
}

// A policy over one bulletin, made where one distributes.
export async function distribute(page, bulletin, name) {
  await page.goto(`${base}/console/bulletins?sort=name`);
  await choose(page, bulletin, "Distribute…");
  await page.fill("dialog [name=name]", name);
  await confirm(page);
  await page.locator(".toast a", { hasText: "Open the policy" }).waitFor();
  return api("GET", `/policies/${name}`);
}

// Core Services: new packages go elsewhere from now on.
export async function moveTo(page, there) {
  await page.goto(`${base}/console/services`);
  await page.click("#new-location");
  await page.fill("dialog [name=value]", there);
  await confirm(page);
  await page.locator("dialog[open] h2", { hasText: "The location has changed" }).waitFor();
  await page.locator("dialog[open] button", { hasText: "Close" }).click();
  await page.locator("#elsewhere").waitFor();
}

// The newest job of a kind has ended as it should.
export async function jobDone(kind, after = 0, state = "done") {
  const ended = await until(`a ${kind} job ends`, async () => {
    const page = await api("GET", `/jobs?kind=${kind}&limit=20`);
    const jobs = page.items.filter((job) => Date.parse(job.created_at) >= after);
    return jobs[0]?.ended_at ? jobs[0] : null;
  });
  assert.equal(ended.state, state, JSON.stringify(ended));
  return ended;
}

export { assert, fs, path };
