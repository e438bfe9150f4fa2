// What a role may do, and a session that ends because nobody was there: the page says so, and one comes back to it.
import { api, assert, base, journey, password, setUp, shot, signIn, until } from "./journey.mjs";

// Longer than a session lasts without anybody (a minute), and until that is noticed.
const LONG = 150000;

await journey(async (open) => {
  const page = await open();
  await setUp(page);

  // Nobody is there: what pages ask for by themselves does not count.
  const log = await page.context().newPage();
  await page.goto(`${base}/console/bulletins?sort=name`);
  await page.locator("#table tbody tr").first().waitFor();
  await log.goto(`${base}/console/log?text=bulletin`);
  await log.locator("#connection", { hasText: /^live$/ }).waitFor();

  // Meanwhile an operator, in another browser: may stage, and neither delete nor set anything.
  const account = await api("POST", "/accounts", { name: "olga", role: "operator" });
  const other = await open();
  await other.goto(base + (await api("POST", `/accounts/${account.id}/link`)).path);
  await other.fill("[name=password]", password);
  await other.fill("[name=again]", password);
  await other.click("button.primary");
  await other.waitForURL("**/console");
  await other.goto(`${base}/console/bulletins?sort=name`);
  await other.locator("#table tbody tr td").nth(2).click({ button: "right" });
  const may = (name) => other.locator(".menu button", { hasText: name }).first().isEnabled();
  assert.equal(await may("Stage"), true);
  assert.equal(await may("Delete packages"), false);
  await shot(other, "operator-menu");
  await other.keyboard.press("Escape");
  for (const place of ["/services", "/feeds", "/account"]) {
    await other.goto(`${base}/console${place}`);
    await other.locator("h1").waitFor();
    for (const button of ["#new-location", "[data-do=set]", "[data-do=move]", "#add-feed", "#new-account"]) assert.equal(await other.locator(button).count(), 0, `an operator sees ${button} at ${place}`);
  }
  await other.goto(`${base}/console/services`);
  await shot(other, "operator-services");
  const refused = await other.evaluate(async () => (await fetch("/api/v1/settings/severity.levels", { method: "PUT", headers: { "Content-Type": "application/json" }, body: '{"value":"A"}' })).status);
  assert.equal(refused, 403, "the server decides, whatever the page offers");

  // The session has expired: each page goes to the door by itself, and from there back.
  for (const [one, back] of [[page, "/console/bulletins?sort=name"], [log, "/console/log?text=bulletin"]]) {
    await until(`${back} goes to the door`, () => one.url().includes("/console/sign-in?back="), LONG);
    assert.equal(new URL(one.url()).searchParams.get("back"), back);
  }
  await shot(page, "expired");
  await page.fill("[name=name]", "anna");
  await page.fill("[name=password]", password);
  await page.click("button.primary");
  await page.waitForURL("**/console/bulletins?sort=name");
  await page.locator("#table tbody tr").first().waitFor();
  await shot(page, "back-again");
});
