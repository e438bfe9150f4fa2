// The pictures of the README: a small office's server. They are left where the other pictures are; what is good goes to
// docs/images, its colours reduced to 256.
import { api, base, confirm, data, fits, fs, jobDone, journey, packages, path, row, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  await api("PUT", "/settings/severity.levels", { value: "Urgent, This month, Whenever" });
  await api("POST", "/bulletins/severity", { of: { bulletins: ["MS26-041"] }, severity: "Urgent" });
  await api("POST", "/bulletins/stage", { bulletins: ["MS26-041", "MS26-039", "MS26-038", "MS26-036", "MS26-033"] });
  await jobDone("stage");
  await api("POST", "/policies", { name: "Workstations", of: { bulletins: ["MS26-041", "MS26-039"] }, enabled: true });

  await page.goto(`${base}/console/bulletins?sort=name&order=descending`);
  await row(page, "MS26-040").locator("input[type=checkbox]").check();
  await row(page, "MS26-037").locator("input[type=checkbox]").check();
  await row(page, "MS26-037").locator("td").nth(2).click({ button: "right" });
  await page.locator(".menu").waitFor();
  await fits(page, "bulletins");
  await shot(page, "picture-bulletins");
  await page.keyboard.press("Escape");

  await page.goto(`${base}/console/log?level=info`);
  await page.locator("#connection", { hasText: /^live$/ }).waitFor();
  await page.locator("#records tr", { hasText: "staged" }).first().waitFor();
  await shot(page, "picture-log");

  // A bit turned over behind the server's back.
  const shown = await api("GET", "/bulletins/MS26-039");
  const before = await api("GET", `/packages/${shown.software_updates[0].package}`);
  const file = path.join(packages, before.id, String(before.current_version), before.versions[0].files[0].name);
  const bytes = fs.readFileSync(file);
  bytes[100] ^= 1;
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, bytes);
  await api("POST", "/packages/verify", { packages: [before.id] });
  await jobDone("verify", 0, "failed");
  await page.goto(`${base}/console/packages/${before.id}`);
  await page.locator(".state.corrupt").first().waitFor();
  await fits(page, "package");
  await shot(page, "picture-package");
  await page.goto(`${base}/console`);
  await page.locator("h2", { hasText: "not whole" }).waitFor();
  await shot(page, "picture-dashboard");
  await api("POST", "/bulletins/refresh", { of: { bulletins: ["MS26-039"] }, complete: false });
  await jobDone("refresh-quick");

  await api("PUT", "/settings/package-location", { value: path.join(data, "second-location") });
  await page.goto(`${base}/console/services`);
  await page.locator("button[data-do=move]").click();
  await confirm(page);
  await page.locator("dialog[open] h2", { hasText: "Preflight: move them now?" }).waitFor();
  await shot(page, "picture-relocate");
});
