// Core Services: settings, and changing the location step by step.
import { call } from "./api.js";
import { ask, attempt, element, tell, toast, withWays } from "./dialog.js";
import { askAndLook, lookFirst } from "./look.js";
import * as tasks from "./tasks.js";
import { bytes, plural, span } from "./words.js";

const reload = () => location.reload();

// What the preflight has found, the gravest first, with what each grade means.
const grades = [["refused", "in the way", "bad"], ["lacking", "lacking", "bad"], ["warning", "look at this", "part"], ["fine", "fine", "good"]];
const has = (report, grade) => report.items.some((item) => item.outcome === grade);

function findings({ report }) {
  const { versions = 0, "bytes-to-copy": toCopy = 0, seconds } = report.counts;
  const facts = [["To be moved", plural(versions, "package version")], ["To be copied", bytes(toCopy)], ["Time", seconds === undefined ? "none to speak of, or not known" : `about ${span(seconds)}`]];
  const rows = grades.flatMap(([grade, words, mood]) => report.items.filter((item) => item.outcome === grade).map((item) =>
    element("tr", {}, element("th", { scope: "row" }, item.item), element("td", {}, element("span", { class: mood }, words)), element("td", {}, ...withWays(item.reason ?? "")))));
  const head = element("thead", {}, element("tr", {}, ...["Looked at", "Found", "In words"].map((name) => element("th", { scope: "col" }, name))));
  return {
    body: element("div", {},
      element("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
      rows.length ? element("div", { class: "findings", tabindex: "0", role: "group", "aria-label": "Findings of the preflight" }, element("table", {}, head, element("tbody", {}, ...rows))) : null),
  };
}

function verdict(report) {
  if (has(report, "refused")) return { title: "Preflight: they cannot be moved so", text: "Not as things are: what is in the way has to go first. Nothing was changed.", action: null };
  const text = has(report, "lacking") ? "There is not enough room: the job would wait for it, and go on by itself. Nothing was changed yet."
    : has(report, "warning") ? "It can be done; look at the findings that are not fine. Nothing was changed yet." : "Nothing is in the way. Nothing was changed yet.";
  return { title: "Preflight: move them now?", text };
}

const move = (from) => askAndLook({
  form: {
    title: "Move packages to the default location", text: "First the preflight: room, rights, file systems, how long it would take. Packages are served all along, and the originals stay until they are pruned.", action: "Look first",
    fields: [
      { name: "link", label: "Do not copy: one more name for the same data (only within one file system; no second copy)", type: "checkbox" },
      { name: "restage", label: "Fetch anew what is missing or damaged at the old place", type: "checkbox" },
    ],
  },
  name: "Moving packages", path: "/locations/relocate", wish: ({ link, restage }) => ({ from, link, restage }),
  worth: (report) => report.counts.versions > 0, show: findings, question: verdict, action: "Move",
});

async function prune(id, path) {
  const preview = await call("POST", `/locations/${id}/prune/preview`, {});
  if (preview.originals === 0) {
    return tell(`Prune ${path}`, preview.young > 0 ? `Nothing may be removed yet: ${plural(preview.young, "original is", "originals are")} younger than the setting “Originals stay at least”.` : "There are no originals to remove.");
  }
  return lookFirst({
    name: `Prune ${path}`, path: `/locations/${id}/prune`, body: {}, real: { confirm: preview.originals }, worth: (report) => report.counts["would-be-removed"] > 0,
    question: (report) => ({ title: `Remove ${plural(report.counts["would-be-removed"], "original")} at ${path}?` }),
    text: ["Each goes only after its copy at the new place was read back and proved in the same run. After that there is no way back by undo."], action: "Prune", danger: true,
  });
}

async function undo(id, path) {
  const places = [...document.querySelectorAll("tr[data-path]")].filter((row) => row.dataset.id !== id).map((row) => ({ value: row.dataset.id, label: row.dataset.path }));
  const form = { title: `Go back to the originals at ${path}`, text: "Nothing is copied: what was moved away from there is served from there again, where the original is intact.", fields: [{ name: "from", label: "Moved to", options: places }], action: "Look first" };
  const made = await ask({ ...form, send: async ({ from }) => ({ from, job: await call("POST", `/locations/${from}/undo`, { to: id, dry_run: true }) }) });
  return made && lookFirst({
    name: "Going back", path: `/locations/${made.from}/undo`, body: { to: id }, job: made.job, worth: (report) => report.counts.versions > 0,
    question: (report) => ({ title: `Go back with ${plural(report.counts.versions, "package version")} now?` }), action: "Go back",
  });
}

// A location whose disk is dead, with all that is recorded there.
async function lost({ id, path, packages, originals }) {
  const given = [
    ...(packages > 0 ? [`${plural(Number(packages), "package that is served from there is", "packages that are served from there are")} missing from then on; what the vendor still publishes can be fetched anew`] : []),
    ...(originals > 0 ? [`${plural(Number(originals), "original there is", "originals there are")} given up, and with that the way back by undo`] : []),
  ];
  return ask({
    title: `Give up ${path}?`, text: ["Only for a location whose folder is gone for good; the server refuses while it answers. If originals of its packages lie at another location, go back to those first."], list: given, action: "Give it up", danger: true,
    send: async () => { await call("DELETE", `/locations/${id}?${new URLSearchParams({ lost: "true", ...(packages > 0 ? { confirm: packages } : {}) })}`); },
  });
}

const saidOf = (done) => done.notes?.length ? done.notes : "New packages go there from now on.";

// Once it is done, the page says so.
const then = async (work) => { if (await work) reload(); };

const work = {
  default: async (row) => {
    const done = await call("PUT", "/settings/package-location", { value: row.dataset.path });
    await tell("The default location has changed", saidOf(done));
    reload();
  },
  move: (row) => then(move(row.dataset.id)),
  undo: (row) => then(undo(row.dataset.id, row.dataset.path)),
  prune: (row) => then(prune(row.dataset.id, row.dataset.path)),
  lost: (row) => then(lost(row.dataset)),
  remove: async (row) => {
    if (!(await ask({ title: `Forget ${row.dataset.path}?`, text: "Nothing is recorded there any more. Its folder and what lies in it stay.", action: "Forget", danger: true }))) return;
    await call("DELETE", `/locations/${row.dataset.id}`);
    reload();
  },
  set: async (row) => {
    const { setting, value, meaning } = row.dataset;
    const done = await ask({ title: row.dataset.label, text: [meaning], fields: [{ name: "value", label: setting === "fetch.proxy" ? `Value (now ${value})` : "Value", value: setting === "fetch.proxy" ? "" : value, required: true }], action: "Set", send: (values) => call("PUT", `/settings/${encodeURIComponent(setting)}`, { value: values.value }) });
    if (!done) return;
    if (done.notes?.length) await tell(row.dataset.label, done.notes); else toast(`${row.dataset.label}: ${done.after}.`);
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
  await tell("The location has changed", saidOf(done));
  reload();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-task]");
  if (button) attempt(() => then(tasks[button.dataset.task]()));
});
