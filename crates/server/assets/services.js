// Core Services: settings, and changing the location step by step.
import { call } from "./api.js";
import { ask, attempt, element, tell, toast } from "./dialog.js";
import { watch } from "./follow.js";
import * as tasks from "./tasks.js";
import { bytes, plural, span } from "./words.js";

const reload = () => location.reload();

// What the server notes, with this page's buttons in the place of the command line's words.
const notes = (done, otherwise) => done.notes?.length ? done.notes.map((note) => note.replace(/`patchwharf location relocate[^`]*` moves them/, "“Move its packages…” moves them")) : otherwise;

// What the preflight has found, the gravest first, with what each grade means.
const grades = [["refused", "in the way", "bad"], ["lacking", "lacking", "bad"], ["warning", "look at this", "part"], ["fine", "fine", "good"]];

function findings(report) {
  const { versions = 0, "bytes-to-copy": toCopy = 0, seconds } = report.counts ?? {};
  const facts = [["To be moved", plural(versions, "package version")], ["To be copied", bytes(toCopy)], ["Time", seconds === undefined ? "none to speak of, or not known" : `about ${span(seconds)}`]];
  const rows = grades.flatMap(([grade, words, mood]) => (report.items ?? []).filter((item) => item.outcome === grade).map((item) =>
    element("tr", {}, element("th", { scope: "row" }, item.item), element("td", {}, element("span", { class: mood }, words)), element("td", {}, item.reason ?? ""))));
  const head = element("thead", {}, element("tr", {}, ...["Looked at", "Found", "In words"].map((name) => element("th", { scope: "col" }, name))));
  return element("div", {},
    element("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
    rows.length ? element("div", { class: "findings", tabindex: "0", role: "group", "aria-label": "Findings of the preflight" }, element("table", {}, head, element("tbody", {}, ...rows))) : null);
}

async function move(from) {
  const values = await ask({
    title: "Move packages to the default location", text: ["First the preflight: room, rights, file systems, how long it would take. Packages are served all along, and the originals stay until they are pruned."], action: "Look first",
    fields: [
      { name: "link", label: "Do not copy: one more name for the same data (only within one file system; no second copy)", type: "checkbox" },
      { name: "restage", label: "Fetch anew what is missing or damaged at the old place", type: "checkbox" },
    ],
  });
  if (!values) return;
  const body = { from, link: values.link, restage: values.restage };
  const looked = await watch("Preflight", () => call("POST", "/locations/relocate", { ...body, dry_run: true }), { brief: true });
  if (looked?.state !== "done") return;
  const { report } = looked, found = (grade) => (report.items ?? []).some((item) => item.outcome === grade);
  if (!(report.counts?.versions > 0)) { await tell("Preflight", report.summary); return; }
  const inTheWay = found("refused");
  const text = inTheWay ? "Not as things are: what is in the way has to go first. Nothing was changed."
    : found("lacking") ? "There is not enough room: the job would wait for it, and go on by itself. Nothing was changed yet."
    : found("warning") ? "It can be done; look at the findings that are not fine. Nothing was changed yet." : "Nothing is in the way. Nothing was changed yet.";
  const title = inTheWay ? "Preflight: they cannot be moved so" : "Preflight: move them now?";
  if (!(await ask({ title, text, body: findings(report), action: inTheWay ? null : "Move" }))) return;
  await watch("Moving packages", () => call("POST", "/locations/relocate", { ...body, dry_run: false }));
  reload();
}

async function prune(id, path) {
  const looked = await watch(`Prune ${path}: what would go`, () => call("POST", `/locations/${id}/prune`, { dry_run: true }));
  if (looked?.state !== "done") return;
  const preview = await call("POST", `/locations/${id}/prune/preview`, {});
  const count = preview.originals ?? preview.count ?? 0;
  if (!(await ask({ title: `Remove ${count} originals at ${path}?`, text: ["Each goes only after its copy at the new place was read back and proved in the same run. After that there is no way back by undo."], list: [looked.report?.summary ?? ""], action: "Prune", danger: true }))) return;
  await watch("Pruning", () => call("POST", `/locations/${id}/prune`, { dry_run: false, confirm: count }));
  reload();
}

async function undo(id, path) {
  const source = [...document.querySelectorAll("tr[data-id]")].filter((row) => row.dataset.id !== id).map((row) => ({ value: row.dataset.id, label: row.dataset.path }));
  const values = await ask({ title: `Go back to the originals at ${path}`, text: "Nothing is copied: what was moved away from there is served from there again, where the original is intact.", fields: [{ name: "from", label: "Moved to", options: source }], action: "Look first" });
  if (!values) return;
  const looked = await watch("What would be done", () => call("POST", `/locations/${values.from}/undo`, { to: id, dry_run: true }));
  if (looked?.state !== "done" || !(await ask({ title: "Go back now?", text: looked.report?.summary ?? "", action: "Go back" }))) return;
  await watch("Going back", () => call("POST", `/locations/${values.from}/undo`, { to: id, dry_run: false }));
  reload();
}

const work = {
  default: async (row) => {
    const done = await call("PUT", "/settings/package-location", { value: row.dataset.path });
    await tell("The default location has changed", notes(done, "New packages go there from now on."));
    reload();
  },
  move: (row) => move(row.dataset.id),
  undo: (row) => undo(row.dataset.id, row.dataset.path),
  prune: (row) => prune(row.dataset.id, row.dataset.path),
  remove: async (row) => {
    if (!(await ask({ title: `Forget ${row.dataset.path}?`, text: "Nothing is recorded there any more. Its folder and what lies in it stay.", action: "Forget", danger: true }))) return;
    await call("DELETE", `/locations/${row.dataset.id}`);
    reload();
  },
  set: async (row) => {
    const { setting, value, meaning } = row.dataset;
    const done = await ask({ title: row.dataset.label, text: [meaning], fields: [{ name: "value", label: setting === "fetch.proxy" ? `Value (now ${value})` : "Value", value: setting === "fetch.proxy" ? "" : value, required: true }], action: "Set", send: (values) => call("PUT", `/settings/${encodeURIComponent(setting)}`, { value: values.value }) });
    if (!done) return;
    if (done.notes?.length) await tell(row.dataset.label, notes(done)); else toast(`${row.dataset.label}: ${done.after}.`);
    reload();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) attempt(() => work[button.dataset.do](button.closest("tr")));
});

document.getElementById("new-location")?.addEventListener("click", async () => {
  const done = await ask({
    title: "Change the package location", text: "An absolute path on the server: a folder that is empty or not there yet, or a location of this deployment. New packages go there; the others stay where they are until they are moved.", action: "Change",
    fields: [{ name: "value", label: "Folder", placeholder: "/srv/packages", required: true }],
    send: (values) => call("PUT", "/settings/package-location", { value: values.value }),
  });
  if (!done) return;
  await tell("The location has changed", notes(done, "New packages go there from now on."));
  reload();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-task]");
  if (button) attempt(async () => { if (await tasks[button.dataset.task]()) reload(); });
});
