// What vendors, disks and errors say is text on every page: it never runs, and is no link that would.
import { api, assert, base, choose, journey, setUp, shot, until } from "./journey.mjs";

const everything = ["", "/bulletins", "/packages", "/policies", "/jobs", "/services", "/feeds", "/audit", "/account", "/no-such-page/<img src=x onerror=window.canary=9>"];
// Where each is planted; each must be seen, or nothing was tried.
const planted = { title: 1, description: 2, vendor: 3, address: 4, "name on the disk": 5, "reason of a refusal": 6, "name of a file": 7 };

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const seen = new Set();
  const look = async (place) => {
    const found = await page.evaluate(() => ({
      canary: window.canary,
      live: [...document.querySelectorAll("*")].filter((element) => [...element.attributes].some((attribute) => attribute.name.startsWith("on"))).length,
      inline: document.querySelectorAll("script:not([src]):not([type='application/json'])").length,
      images: document.querySelectorAll("img[src='x']").length,
      links: [...document.querySelectorAll("[href], [src], [action], [formaction]")].filter((element) => ["href", "src", "action", "formaction"].some((name) => /^\s*(javascript|data|vbscript):/i.test(element.getAttribute(name) ?? ""))).length,
      text: document.documentElement.textContent,
    }));
    const { text, ...rest } = found;
    assert.deepEqual(rest, { canary: undefined, live: 0, inline: 0, images: 0, links: 0 }, place);
    for (const [, number] of text.matchAll(/window\.canary=(\d)/g)) seen.add(Number(number));
  };

  const bulletins = (await api("GET", "/bulletins")).items.map(({ id }) => `/bulletins/${id}`);
  const stored = (await api("GET", "/packages")).items.map(({ id }) => `/packages/${id}`);
  const updates = (await Promise.all(bulletins.map((page) => api("GET", page)))).flatMap((one) => one.software_updates.map(({ id }) => `/updates/${id}`));
  const jobs = (await api("GET", "/jobs")).items.map(({ id }) => `/jobs/${id}`);
  assert.ok(bulletins.length && stored.length && jobs.length > 2);
  for (const place of [...everything, ...bulletins, ...updates, ...stored, ...jobs]) {
    await page.goto(`${base}/console${place}`);
    await page.locator("h1").waitFor();
    // Everything that can be opened is.
    await page.evaluate(() => { for (const details of document.querySelectorAll("details")) details.open = true; });
    await until("what was opened is there", () => page.evaluate(() => [...document.querySelectorAll("details.update")].every((details) => details.querySelector("h3"))));
    await look(place);
    if (everything.includes(place)) await shot(page, `hostile${place.split("<")[0].replaceAll("/", "-")}`);
  }

  // What is no address of a file is none: there is nothing to follow.
  assert.ok((await api("GET", "/bulletins/B-4")).software_updates[0].needs_file);

  // Records come by scripts, not by the server's pages.
  await page.goto(`${base}/console/log?text=canary`);
  await until("the log shows it", async () => /window\.canary=/.test(await page.locator("#records").textContent()));
  await look("the log");

  // So do menus and what is asked before an action.
  await page.goto(`${base}/console/bulletins`);
  await choose(page, "B-1", "What refers to it");
  await page.locator("dialog[open]").waitFor();
  await look("a dialog");

  for (const [what, number] of Object.entries(planted)) assert.ok(seen.has(number), `${what}: it is on no page`);
});
