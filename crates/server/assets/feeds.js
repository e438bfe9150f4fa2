// Feeds: add, import, remove; in their table and on the page of one.
import { call } from "./api.js";
import { ask, attempt, toast } from "./dialog.js";
import { refresh, start } from "./follow.js";
import { deletion, plural } from "./words.js";

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
      if (row.id === "feed") location.assign("/console/feeds"); else refresh();
    },
  });
}

const work = { import: (row) => start(`Import ${row.dataset.name}`, `/feeds/${row.dataset.id}/import`, {}), remove };
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) attempt(() => work[button.dataset.do](button.closest("[data-id]")));
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
      const made = await call("POST", "/feeds", { name: values.name, source: { kind: "sdp", url: values.url }, schedule_minutes: values.minutes ? Number(values.minutes) : null, accept_sha1: values.accept });
      toast(`${made.name} was added.`, { href: `/console/feeds/${made.id}#rules`, text: "Choose what it takes" });
      refresh();
    },
  });
});
