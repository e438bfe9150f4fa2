// Feeds: add, import, change where one comes from, remove; in their table and on the page of one.
import { call } from "./api.js";
import { ask, attempt, toast } from "./dialog.js";
import { bare, fieldsOf, sourceOf } from "./source.js";
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

// A catalogue that has lost most of its updates, or is older than the last one, is taken only by who means it.
const held = async (row) => {
  const sure = await ask({ title: `Import ${row.dataset.name} all the same?`, text: [row.dataset.error, "Packages and policies stay, whatever the catalogue lists."], action: "Import", danger: true });
  if (sure) await start(`Import ${row.dataset.name}`, `/feeds/${row.dataset.id}/import`, { confirm_shrink: true });
};

// Where it comes from and what proves it. A keyring that is not given anew stays.
async function source(row) {
  const feed = await call("GET", `/feeds/${row.dataset.id}`), kind = feed.source.kind;
  const pinned = feed.ca_sha256?.length ? [{ name: "machine", label: "Trust the authorities of the machine again, not only those of the feed", type: "checkbox" }] : [];
  const done = await ask({
    title: `Where ${feed.name} comes from`, text: "It counts from the next import on. What was taken before stays until then.", action: "Change",
    fields: [{ name: "name", label: "Name", required: true, value: feed.name }, ...fieldsOf(kind, feed.source), ...pinned],
    send: async (values) => {
      const { ca, ...made } = await sourceOf(kind, values);
      await call("PATCH", `/feeds/${feed.id}`, { ...(values.name === feed.name ? {} : { name: values.name }), source: made, ...(ca ? { ca } : values.machine ? { ca: null } : {}) });
    },
  });
  if (done) location.reload();
}

const work = { import: (row) => start(`Import ${row.dataset.name}`, `/feeds/${row.dataset.id}/import`, {}), held, source, remove };
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) attempt(() => work[button.dataset.do](button.closest("[data-id]")));
});

const adds = {
  sdp: { title: "Add a feed", text: "A vendor's catalogue of bulletins in the SDP format, by its address or its path on the server." },
  apt: { title: "Add an apt feed", text: "A signed apt archive. Its keyring proves every index; a list of advisories names bulletins by DSA with their CVEs." },
};

document.addEventListener("click", async (event) => {
  const kind = event.target.closest("[data-add]")?.dataset.add;
  if (!kind) return;
  await ask({
    ...adds[kind], action: "Add",
    fields: [
      { name: "name", label: "Name", required: true }, ...fieldsOf(kind),
      { name: "minutes", label: "Minutes between imports; empty: on demand", type: "number", min: "5" },
      { name: "accept", label: "Offer packages that the vendor pins by SHA-1 only", type: "checkbox" },
    ],
    send: async (values) => {
      const { ca, ...source } = await sourceOf(kind, values);
      const made = await call("POST", "/feeds", bare({ name: values.name, source, ca, schedule_minutes: values.minutes ? Number(values.minutes) : undefined, accept_sha1: values.accept }));
      toast(`${made.name} was added.`, { href: `/console/feeds/${made.id}#rules`, text: "Choose what it takes" });
      refresh();
    },
  });
});
