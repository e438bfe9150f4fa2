// The system jobs: each that deletes, moves, mends or takes in something says first what it would do.
import { call } from "./api.js";
import { ask } from "./dialog.js";
import { askAndLook, lookFirst } from "./look.js";

const counted = (...names) => (report) => names.some((name) => report.counts[name] > 0);
const anything = (report) => report.items.length > 0;

export const check = async () => {
  const form = {
    title: "Check software update package integrity", text: "Database and store are compared in both directions, and every byte is proved. What would be mended, deleted or moved is shown first, and asked.", action: "Run now",
    fields: [
      { name: "light", label: "Light: lengths and time stamps only", type: "checkbox" },
      { name: "repair", label: "Mend what can be mended", type: "checkbox" },
      { name: "relocate", label: "Relocate existing packages if the default location has changed", type: "checkbox" },
      { name: "link", label: "With it: do not copy, one more name for the same data (only within one file system; no second copy)", type: "checkbox" },
      { name: "restage", label: "With it: fetch anew what is missing or damaged at the old place", type: "checkbox" },
      { name: "delete_unused", label: "Delete unused packages, by the rules that are set under Core Services", type: "checkbox" },
      { name: "dry_run", label: "Only say what would be done", type: "checkbox" },
    ],
  };
  const path = "/store/integrity-check";
  const made = await ask({
    ...form,
    send: async (values) => {
      const body = Object.fromEntries(Object.entries(values).filter(([, on]) => on));
      // What changes something is looked at first; what only looks is watched on its page.
      const changes = !values.dry_run && (values.repair || values.relocate || values.delete_unused);
      return { body, changes, job: await call("POST", path, changes ? { ...body, dry_run: true } : body) };
    },
  });
  if (!made) return;
  if (!made.changes) { location.assign(`/console/jobs/${made.job.id}`); return; }
  await lookFirst({
    name: "Check software update package integrity", path, body: made.body, job: made.job, leave: true, danger: true,
    worth: counted("planned", "versions", "would-be-deleted"), question: "Do this now?", action: "Do it",
  });
};

// What a check finds, of everything or of what is named, is mended.
export const repair = (name = "Mend what is damaged", of = {}) => lookFirst({
  name, path: "/store/integrity-check", body: { ...of, repair: true }, worth: counted("planned"), question: "Mend it now?", action: "Mend",
});

export const reconcile = () => lookFirst({
  name: "Reconcile store and database", path: "/store/reconcile", body: {}, worth: anything, question: "Reconcile now?", action: "Reconcile", danger: true,
});

// Everything that is current, enabled and not here yet.
export const download = () => lookFirst({
  name: "Download software update packages", path: "/store/download", body: {}, worth: counted("packages"), question: "Stage them now?", action: "Stage", leave: true,
});

// What vendors have revised since it was staged.
export const revise = () => lookFirst({
  name: "Revise software updates", path: "/store/revise", body: {}, worth: anything, question: "Revise them now?", action: "Revise",
});

const rule = (name, label) => ({ name, label, placeholder: "as set; 90d, 52w or off for this run" });

export const deleteUnused = () => askAndLook({
  form: {
    title: "Delete unused packages", action: "Look first",
    text: "Three rules say what is unused; each is off until somebody sets it, under Core Services or here for this run. What a policy needs stays.",
    fields: [
      rule("superseded_after", "Superseded for so long, and needed by no enabled policy"),
      rule("disabled_after", "In no policy, and its bulletin disabled for so long"),
      rule("without_policy_after", "In no policy, and staged so long ago"),
      { name: "also_supplied", label: "Also packages with files that were supplied by hand: they cannot be fetched again", type: "checkbox" },
    ],
  },
  name: "Delete unused packages", path: "/store/delete-unused", wish: (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value)),
  worth: counted("would-be-deleted"), question: "Delete them now?", action: "Delete", danger: true,
});

export const adopt = () => askAndLook({
  form: {
    title: "Adopt a folder", action: "Look first",
    text: "A folder of another server, a copy or a restored disk is taken in by content: files whose digests match a known update come into packages of this server, under its own GUIDs. Everything else is refused and named. Nothing in the folder is changed.",
    fields: [
      { name: "path", label: "Folder on the server", placeholder: "/srv/old-packages", required: true },
      { name: "way", label: "How the bytes come", options: [{ value: "share", label: "shared blocks where the disk can, else copied" }, { value: "link", label: "one more name for the same data, where that is safe" }, { value: "copy", label: "every byte copied" }] },
      { name: "trust", label: "Public keys of other servers whose manifests count, one a line (not needed where a catalogue names the files)", type: "textarea", rows: "2" },
      { name: "no_foreign_digests", label: "Do not hash what no update can need by its length", type: "checkbox" },
    ],
  },
  path: "/locations/adopt", wish: (values) => ({ ...values, trust: values.trust.split(/\s+/).filter(Boolean) }), of: (values) => ({ name: `Adopt ${values.path}` }),
  worth: counted("packages"), question: "Take them in now?", action: "Adopt",
});

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
