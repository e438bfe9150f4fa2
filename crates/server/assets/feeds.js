// Feeds: add, import, rules with their preview, remove.
import { administers, call } from "./api.js";
import { ask, attempt, tell } from "./dialog.js";
import { refresh, start, watch } from "./follow.js";
import { bytes, deletion, plural } from "./words.js";

async function rules(row, button) {
  const values = await ask({ title: `Rules of ${row.dataset.name}`, text: "Which updates are taken, as JSON. Try shows what they would take of the catalogue as the vendor has it now; nothing is changed by that.", fields: [{ name: "rules", label: "Rules", type: "textarea", value: button.dataset.rules, rows: "12" }], action: "Try" });
  if (!values) return;
  let wanted;
  try { wanted = JSON.parse(values.rules || "{}"); } catch (error) { await tell("The rules are no JSON", error.message); return; }
  const tried = await watch("What the rules take", () => call("POST", `/feeds/${row.dataset.id}/preview`, { rules: wanted }));
  if (tried?.state !== "done" || !administers()) return;
  const counts = tried.report.counts;
  if (!(await ask({ title: "Use these rules?", text: `${counts.updates ?? 0} updates in ${counts.bulletins ?? 0} bulletins, ${bytes(counts.bytes ?? 0)}; ${counts["left-out"] ?? 0} left out. They count from the next import on.`, action: "Use them" }))) return;
  await call("PATCH", `/feeds/${row.dataset.id}`, { rules: wanted });
  refresh();
}

async function remove(row) {
  const preview = await call("GET", `/feeds/${row.dataset.id}/removal`);
  const facts = [`${plural(preview.bulletins, "bulletin")} would no longer be listed`, ...(preview.deletion.packages ? deletion(preview.deletion) : ["it has no packages"])];
  await ask({
    title: `Remove ${row.dataset.name}?`, list: facts, action: "Remove", danger: true,
    fields: preview.deletion.packages ? [{ name: "packages", label: "Its packages", options: [{ value: "refuse", label: "there must be none" }, { value: "keep", label: "keep them" }, { value: "purge", label: "delete them first" }] }] : [],
    send: async (values) => {
      const query = new URLSearchParams({ packages: values.packages ?? "refuse" });
      if (values.packages === "purge") query.set("confirm", preview.deletion.packages);
      await call("DELETE", `/feeds/${row.dataset.id}?${query}`);
      refresh();
    },
  });
}

async function schedule(row) {
  await ask({
    title: `When ${row.dataset.name} is imported`, action: "Set",
    fields: [{ name: "minutes", label: "Minutes between imports; empty: on demand only", type: "number", min: "5", value: row.dataset.minutes }],
    send: async (values) => {
      await call("PATCH", `/feeds/${row.dataset.id}`, { schedule_minutes: values.minutes ? Number(values.minutes) : null });
      refresh();
    },
  });
}

const work = { import: (row) => start(`Import ${row.dataset.name}`, `/feeds/${row.dataset.id}/import`, {}), rules, schedule, remove };
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) attempt(() => work[button.dataset.do](button.closest("tr"), button));
});

document.getElementById("add-feed")?.addEventListener("click", async () => {
  await ask({
    title: "Add a feed", text: "A vendor's catalogue of bulletins in the SDP format, by its address. A signed apt archive wants its suite and its keyring too, which the command line takes: patchwharf feed add apt.", action: "Add",
    fields: [
      { name: "name", label: "Name", required: true }, { name: "url", label: "Address of the catalogue", required: true, placeholder: "https://vendor.example/catalogue.cab" },
      { name: "minutes", label: "Minutes between imports; empty: on demand", type: "number", min: "5" },
      { name: "accept", label: "Offer packages that the vendor pins by SHA-1 only", type: "checkbox" },
    ],
    send: async (values) => {
      await call("POST", "/feeds", { name: values.name, source: { kind: "sdp", url: values.url }, schedule_minutes: values.minutes ? Number(values.minutes) : null, accept_sha1: values.accept });
      refresh();
    },
  });
});
