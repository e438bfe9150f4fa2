// Signing in and out, roles, a session that ends.
import { api, assert, base, journey, late, password, setUp, shot, signIn, until } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  assert.match(await page.locator("h1").textContent(), /attention/);
  await page.click("#sign-out");
  await page.waitForURL("**/console/sign-in");
  await shot(page, "sign-in");
  await signIn(page, "anna", "not the password");
  await page.locator(".error:visible", { hasText: "Name or password is wrong" }).waitFor();

  // Enter before the script is there: the password does not get into an address, and one is signed in once it is.
  const hasty = await open(), come = await late(hasty, "door.js"), addresses = [];
  hasty.on("request", (request) => addresses.push(request.url()));
  await hasty.goto(`${base}/console/sign-in`, { waitUntil: "commit" });
  await hasty.fill("[name=name]", "anna");
  await hasty.fill("[name=password]", password);
  await hasty.keyboard.press("Enter");
  come();
  await hasty.waitForURL("**/console");
  assert.ok(!addresses.some((one) => one.includes("password")), "a password in an address");
  await hasty.close();

  // Where one wanted to go is where one arrives.
  await page.goto(`${base}/console/jobs?kind=import`);
  await page.fill("[name=name]", "Anna");
  await page.fill("[name=password]", password);
  await page.click("button.primary");
  await page.waitForURL("**/console/jobs?kind=import");

  // An auditor is added in the browser, and can read but not act.
  await page.goto(`${base}/console/account`);
  await page.click("#new-account");
  await page.fill("dialog [name=name]", "otto");
  await page.selectOption("dialog [name=role]", "auditor");
  await page.locator("dialog[open] button[value=yes]").click();
  const link = await page.locator("dialog[open] input[readonly]").inputValue();
  await shot(page, "link");
  const other = await open();
  await other.goto(link);
  await other.fill("[name=password]", password);
  await other.fill("[name=again]", password);
  await other.click("button.primary");
  await other.waitForURL("**/console");
  await other.goto(`${base}/console/bulletins`);
  await other.locator("#table tbody tr td").nth(2).click({ button: "right" });
  const stage = other.locator(".menu button", { hasText: "Stage" });
  assert.equal(await stage.isDisabled(), true);
  await other.keyboard.press("Escape");
  const refused = await other.evaluate(async () => (await fetch("/api/v1/bulletins/stage", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"filter":{}}' })).status);
  assert.equal(refused, 403, "the server decides, whatever the page offers");

  // Its session ends on the server: the page says so by itself.
  await api("PATCH", "/accounts/otto", { role: "operator" });
  await other.goto(`${base}/console/jobs`);
  await other.waitForURL("**/console/sign-in?back=*");

  // Sign-out everywhere ends the other browsers, too.
  const second = await open();
  await signIn(second, "anna");
  await second.waitForURL("**/console");
  await page.goto(`${base}/console/account`);
  await page.click("#sign-out-everywhere");
  await page.waitForURL("**/console/sign-in");
  await until("the other session ends", async () => { await second.goto(`${base}/console/log`); return second.url().includes("sign-in"); });
});
