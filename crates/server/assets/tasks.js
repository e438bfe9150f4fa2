// The system jobs: each that deletes, moves or takes in something says first what it would do.
import { call } from "./api.js";
import { ask, tell } from "./dialog.js";
import { items, start, watch } from "./follow.js";
import { bytes, plural, some } from "./words.js";

// Looks first, by a dry run whose report is shown; then asks, and does it.
async function lookFirst({ name, path, body, question, action, danger = false, worth = () => true, finds = false }) {
  const looked = await watch(`${name}: what would be done`, () => call("POST", path, { ...body, dry_run: true }));
  // A look that is to find damage, and has, ends as failed: that is what there is to do.
  const found = finds && looked?.state === "failed" && items(looked).length > 0;
  if (looked?.state !== "done" && !found) return undefined;
  if (!worth(looked)) return tell(name, ["There is nothing to do.", looked.report?.summary]);
  const lines = items(looked), list = lines.length > 200 ? [...lines.slice(0, 200), `and ${lines.length - 200} more; the report has them`] : lines;
  if (!(await ask({ title: question, text: looked.report?.summary ?? "", list, action, danger }))) return undefined;
  return watch(name, () => call("POST", path, { ...body, dry_run: false }));
}

export async function check() {
  const values = await ask({
    title: "Check software update package integrity", text: "Database and store are compared in both directions, and every byte is proved.", action: "Run now",
    fields: [
      { name: "light", label: "Light: lengths and time stamps only", type: "checkbox" },
      { name: "repair", label: "Mend what can be mended", type: "checkbox" },
      { name: "relocate", label: "Relocate existing packages if the default location has changed", type: "checkbox" },
      { name: "delete_unused", label: "Delete unused packages, by the rules that are set under Core Services", type: "checkbox" },
      { name: "dry_run", label: "Only say what would be done", type: "checkbox" },
    ],
    send: (chosen) => call("POST", "/store/integrity-check", Object.fromEntries(Object.entries(chosen).filter(([, on]) => on))),
  });
  if (values) location.assign(`/console/jobs/${values.id}`);
}

// What a check has found, mended.
export const repair = () => lookFirst({
  name: "Mend what is damaged", path: "/store/integrity-check", body: { repair: true }, question: "Mend it now?", action: "Mend", finds: true,
});

export const reconcile = () => lookFirst({
  name: "Reconcile store and database", path: "/store/reconcile", body: {}, question: "Reconcile now?", action: "Reconcile", danger: true,
});

// What vendors have revised since it was staged.
export const revise = () => lookFirst({
  name: "Revise software updates", path: "/store/revise", body: {}, question: "Revise them now?", action: "Revise", worth: (job) => items(job).length > 0,
});

export async function deleteUnused() {
  const rule = (name, label) => ({ name, label, placeholder: "as set; 90d, 52w or off for this run" });
  const values = await ask({
    title: "Delete unused packages", action: "Look first",
    text: "Three rules say what is unused; each is off until somebody sets it, under Core Services or here for this run. What a policy needs stays.",
    fields: [
      rule("superseded_after", "Superseded for so long, and needed by no enabled policy"),
      rule("disabled_after", "In no policy, and its bulletin disabled for so long"),
      rule("without_policy_after", "In no policy, and staged so long ago"),
      { name: "also_supplied", label: "Also packages with files that were supplied by hand: they cannot be fetched again", type: "checkbox" },
    ],
  });
  if (!values) return undefined;
  const body = Object.fromEntries(Object.entries(values).filter(([, value]) => value));
  return lookFirst({ name: "Delete unused packages", path: "/store/delete-unused", body, question: "Delete them now?", action: "Delete", danger: true, worth: (job) => items(job).length > 0 });
}

export async function adopt() {
  const values = await ask({
    title: "Adopt a folder", action: "Look first",
    text: "A folder of another server, a copy or a restored disk is taken in by content: files whose digests match a known update come into packages of this server, under its own GUIDs. Everything else is refused and named. Nothing in the folder is changed.",
    fields: [
      { name: "path", label: "Folder on the server", placeholder: "/srv/old-packages", required: true },
      { name: "way", label: "How the bytes come", options: [{ value: "share", label: "shared blocks where the disk can, else copied" }, { value: "link", label: "one more name for the same data, where that is safe" }, { value: "copy", label: "every byte copied" }] },
      { name: "trust", label: "Public keys of other servers whose manifests count, one a line (not needed where a catalogue names the files)", type: "textarea", rows: "2" },
      { name: "no_foreign_digests", label: "Do not hash what no update can need by its length", type: "checkbox" },
    ],
  });
  if (!values) return undefined;
  const trust = values.trust.split(/\s+/).filter(Boolean);
  return lookFirst({ name: `Adopt ${values.path}`, path: "/locations/adopt", body: { ...values, trust }, question: "Take them in now?", action: "Adopt" });
}

export async function backup() {
  await ask({
    title: "Make a backup", action: "Back up",
    text: "Database, keys, configuration and packages go into a folder of the server, best on another disk. Contents that are there from earlier backups are not copied again.",
    fields: [
      { name: "folder", label: "Folder on the server", placeholder: "/srv/backups", required: true },
      { name: "passphrase_file", label: "File on the server with the passphrase that seals keys and database", placeholder: "/root/backup-passphrase" },
      { name: "plain", label: "Without a passphrase: the folder is as safe as the server", type: "checkbox" },
      { name: "keep", label: "Keep so many backups, remove older ones; empty: all", type: "number", min: "1" },
      { name: "quick", label: "Believe files that are there by their length", type: "checkbox" },
    ],
    send: async (values) => {
      const job = await call("POST", "/backups", { folder: values.folder, plain: values.plain, quick: values.quick, passphrase_file: values.passphrase_file || null, keep: values.keep ? Number(values.keep) : null });
      location.assign(`/console/jobs/${job.id}`);
    },
  });
}

// Everything that is current, enabled and not here yet.
export async function download() {
  const filter = { state: "current,enabled,not-downloaded" };
  let seen;
  try { seen = await call("POST", "/bulletins/preview", { filter }); } catch (error) {
    if (error.problem?.code === "nothing-selected") return tell("Download software update packages", "Every current bulletin that is enabled is downloaded.");
    throw error;
  }
  const count = seen.bulletins;
  const sure = await ask({ title: `Stage ${plural(count, "bulletin")}?`, text: `All that are current, enabled and not downloaded: ${plural(seen.missing, "update")} without a package, ${bytes(seen.missing_bytes)} to fetch at most.`, list: some(seen.names, count), action: "Stage" });
  if (sure) await start(`Stage ${plural(count, "bulletin")}`, "/bulletins/stage", { filter, confirm: count });
  return undefined;
}
