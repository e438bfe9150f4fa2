// Procedure 5 of the article, foreign folders: a folder of another server is not taken as it is. What a known update names is taken
// in by content, under GUIDs of this server; the rest is refused by name.
import { api, assert, base, confirm, data, finish, fs, jobDone, journey, packages, path, setUp, shot } from "./journey.mjs";

await journey(async (open) => {
  const page = await open();
  await setUp(page);
  const [own] = (await api("GET", "/packages?limit=1")).items;
  const detail = await api("GET", `/packages/${own.id}`);
  const folder = path.join(packages, own.id, String(own.current_version));
  const foreign = `${data}-foreign`, guid = "6f1c2b52-0000-4000-8000-000000000001";
  fs.mkdirSync(path.join(foreign, guid), { recursive: true });
  for (const file of detail.versions[0].files) fs.copyFileSync(path.join(folder, file.name), path.join(foreign, guid, `renamed-${file.name}`));
  fs.writeFileSync(path.join(foreign, guid, "stranger.exe"), "what no catalogue names");
  // Deeper than anybody looks: what cannot be read is named, and takes nothing away from the rest.
  fs.mkdirSync(path.join(foreign, ...Array(70).fill("d")), { recursive: true });

  // The own package is deleted, so that there is something to take in.
  await page.goto(`${base}/console/packages`);
  await page.locator(`#check-${own.id}`).check();
  await page.click("#menu-button");
  await page.locator(".menu button", { hasText: "Delete" }).click();
  await confirm(page);
  await jobDone("delete");
  assert.equal(fs.existsSync(path.join(packages, own.id)), false);

  // A folder that is not there is refused in the form, and what was typed stays.
  const is = async () => (await api("GET", "/packages?limit=100")).items.find((one) => one.update_key === own.update_key);
  await page.goto(`${base}/console/jobs`);
  await page.locator("[data-task=adopt]").click();
  await page.fill("dialog [name=path]", "not/absolute");
  await page.selectOption("dialog [name=way]", "copy");
  await confirm(page);
  await page.locator("dialog[open] .error", { hasText: "absolute path" }).waitFor();
  assert.deepEqual([await page.inputValue("dialog [name=path]"), await page.inputValue("dialog [name=way]")], ["not/absolute", "copy"]);
  await page.fill("dialog [name=path]", foreign);
  await shot(page, "procedure-5-adopt");
  await confirm(page);

  const question = page.locator("dialog[open]", { has: page.locator("h2", { hasText: "Take them in now?" }) });
  await question.waitFor();
  for (const named of [/stranger\.exe: foreign/, /more folders than are entered/, /1 package would be adopted/]) assert.match(await question.textContent(), named);
  assert.equal(await is(), undefined, "a look changes nothing");
  await shot(page, "procedure-5");
  await confirm(page);
  assert.match(await finish(page, /^failed: 1 package adopted/), /stranger\.exe/);
  const adopted = await is();
  assert.equal(adopted.state, "staged");
  assert.ok(![own.id, guid].includes(adopted.id), "the GUID is of this server, and new");
  assert.equal(fs.existsSync(path.join(packages, guid)), false, "a folder of another server is nothing here");
  assert.equal(fs.readFileSync(path.join(foreign, guid, "stranger.exe"), "utf8"), "what no catalogue names");
  fs.rmSync(foreign, { recursive: true });
});
