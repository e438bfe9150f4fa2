// Actions on bulletins: the same for the table and for one bulletin's page.
import { administers, call, stages } from "./api.js";
import { ask, attempt, tell, toast } from "./dialog.js";
import { refresh, start } from "./follow.js";
import { Selection, offer } from "./table.js";

const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

// `chosen` has: of (as the API takes it), count, names, policies, packages, id (of a single one).
export function actions(chosen) {
  const none = chosen.count === 0;
  const reader = { disabled: none || !stages(), why: stages() ? undefined : "An operator may do this." };
  const many = plural(chosen.count, "bulletin");
  const named = chosen.names.slice(0, 20).concat(chosen.count > 20 ? [`and ${chosen.count - 20} more`] : []);
  const touches = [`${many}, which ${plural(chosen.policies, "policy entry").replace("entrys", "entries")} refer to`];
  const change = async (path, what) => attempt(async () => {
    const done = await call("POST", path, chosen.of);
    toast(`${what}: ${plural(done.changed, "bulletin")} changed, ${plural(done.policies, "policy").replace("policys", "policies")} concerned.`);
    refresh();
    chosen.after?.();
  });
  const sure = async (title, text, action, work) => { if (await ask({ title, text, list: named, action, danger: true })) work(); };
  return [
    { label: "Enable", ...reader, run: () => change("/bulletins/enable", "Enabled") },
    { label: "Disable…", ...reader, run: () => sure(`Disable ${many}?`, [...touches, "They are no longer offered to computers. Files and policies stay; enabling brings them back as they were."], "Disable", () => change("/bulletins/disable", "Disabled")) },
    "-",
    { label: "Stage / Download Packages", ...reader, run: () => start(`Stage ${many}`, "/bulletins/stage", chosen.of) },
    { label: "Refresh", ...reader, run: () => start(`Refresh ${many}`, "/bulletins/refresh", { of: chosen.of, complete: false }) },
    { label: "Complete refresh…", ...reader, run: () => sure(`Refresh ${many} completely?`, [...touches, "New packages with new GUIDs, every file fetched anew. The old ones are served until the new ones are proved; policies follow."], "Refresh completely", () => start(`Complete refresh of ${many}`, "/bulletins/refresh", { of: chosen.of, complete: true })) },
    { label: "Recreate packages…", ...reader, run: () => sure(`Recreate the packages of ${many}?`, [...touches, "New GUIDs over the files that verify; only what does not verify is fetched."], "Recreate", () => start(`Recreate packages of ${many}`, "/bulletins/recreate", chosen.of)) },
    "-",
    { label: "List software updates", disabled: chosen.count !== 1, run: () => location.assign(`/console/bulletins/${chosen.id}#updates`) },
    { label: "Distribute…", ...reader, run: () => distribute(chosen) },
    { label: "Set custom severity…", ...reader, run: () => severity(chosen, many, named) },
    { label: "What refers to it", disabled: chosen.count !== 1, run: () => refers(chosen) },
    "-",
    { label: "Delete packages…", disabled: none || !administers() || !chosen.of.bulletins, why: administers() ? undefined : "An administrator may do this.", run: () => remove(chosen) },
  ];
}

async function severity(chosen, many, named) {
  const values = await ask({ title: `Custom severity of ${many}`, text: "Empty takes it away.", list: named, fields: [{ name: "severity", label: "Severity" }], action: "Set" });
  if (!values) return;
  await attempt(async () => {
    const done = await call("POST", "/bulletins/severity", { of: chosen.of, severity: values.severity || null });
    toast(`Custom severity: ${plural(done.changed, "bulletin")} changed.`);
    refresh();
    chosen.after?.();
  });
}

async function refers(chosen) {
  await attempt(async () => {
    const found = await call("GET", `/bulletins/${chosen.id}/refers`);
    const list = [
      ...found.policies.map((policy) => `policy ${policy.name}`),
      ...found.packages.map((id) => `package ${id}`),
      ...found.jobs.map((id) => `job ${id}`),
      ...(found.superseded_by ? [`superseded by ${found.superseded_by}`] : []),
      ...found.supersedes.map((name) => `supersedes ${name}`),
    ];
    await tell(`What refers to ${chosen.names[0]}`, list.length ? [] : "Nothing refers to it.", list);
  });
}

async function distribute(chosen) {
  if (!chosen.of.bulletins) return tell("Distribute", "Select bulletins one by one or by page; a policy over everything that matches a filter is not made by accident.");
  await attempt(async () => {
    const policies = (await call("GET", "/policies")).items;
    const values = await ask({
      title: `Distribute ${plural(chosen.count, "bulletin")}`, list: chosen.names.slice(0, 20), action: "Distribute",
      fields: [
        { name: "policy", label: "Extend a policy, or make a new one", options: [{ value: "", label: "a new policy" }, ...policies.map((policy) => ({ value: policy.id, label: policy.name }))] },
        { name: "name", label: "Name of the new policy" },
        { name: "enabled", label: "Turn it on", type: "checkbox", value: true },
      ],
    });
    if (!values) return;
    const of = { bulletins: chosen.of.bulletins };
    const policy = values.policy
      ? (await call("POST", `/policies/${values.policy}/switches`, { of, enabled: true }), { id: values.policy, name: "The policy" })
      : await call("POST", "/policies", { name: values.name, of, enabled: values.enabled });
    toast("Distributed.", { href: `/console/policies/${policy.id}`, text: "Open the policy" });
    refresh();
  });
}

async function remove(chosen) {
  await attempt(async () => {
    const of = { bulletins: chosen.of.bulletins };
    const preview = await call("POST", "/packages/delete/preview", { of });
    const facts = Object.entries(preview).filter(([, value]) => typeof value === "number").map(([key, value]) => `${key.replaceAll("_", " ")}: ${value}`);
    const needed = (preview.policies ?? preview.refers?.policies ?? []).map((policy) => `needed by policy ${policy.name}`);
    const values = await ask({
      title: `Delete the packages of ${plural(chosen.count, "bulletin")}?`, text: "Rows and folders go. They can be staged again from the vendor.", list: [...facts, ...needed], action: "Delete", danger: true,
      fields: needed.length ? [{ name: "although_needed", label: "Although a policy needs them (its switch stays on and shows “package missing”)", type: "checkbox" }] : [],
    });
    if (values) await start("Delete packages", "/packages/delete", { of, although_needed: values.although_needed ?? false, confirm: preview.packages });
  });
}

function views() {
  const select = document.getElementById("views"), key = `views-${select?.dataset.place}`;
  if (!select) return;
  const read = () => JSON.parse(localStorage.getItem(key) ?? "[]");
  const show = () => select.replaceChildren(new Option("choose", ""), ...read().map((view) => new Option(view.name, view.query)));
  show();
  select.addEventListener("change", (event) => { event.stopPropagation(); if (select.value) location.assign(`/console/bulletins${select.value}`); });
  document.getElementById("save-view").addEventListener("click", async () => {
    const values = await ask({ title: "Save this view", text: "Filter and order are kept in this browser. An empty name forgets the view of this filter.", fields: [{ name: "name", label: "Name" }], action: "Save" });
    if (!values) return;
    const query = new URL(document.getElementById("table").dataset.here, location.href).search;
    const rest = read().filter((view) => view.name !== values.name && view.query !== query);
    localStorage.setItem(key, JSON.stringify(values.name ? [...rest, { name: values.name, query }] : rest));
    show();
  });
}

if (document.querySelector("table.rows, #filter")) {
  const selection = new Selection();
  offer(selection, () => {
    const rows = [...selection.rows.values()];
    const all = selection.everything;
    return actions({
      of: all ? { filter: JSON.parse(selection.holder.dataset.filter) } : { bulletins: rows.map((row) => row.id) },
      count: selection.size,
      names: all ? [] : rows.map((row) => row.name),
      policies: rows.reduce((sum, row) => sum + Number(row.policies), 0),
      packages: rows.reduce((sum, row) => sum + Number(row.packages), 0),
      id: rows[0]?.id,
    });
  });
  views();
}
