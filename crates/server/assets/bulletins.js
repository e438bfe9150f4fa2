// Actions on bulletins: the same for the table and for one bulletin's page.
import { administers, call, stages } from "./api.js";
import { columns } from "./columns.js";
import { ask, attempt, element, tell, toast } from "./dialog.js";
import { begin, refresh, start } from "./follow.js";
import { althoughNeeded, bytes, deletion, plural, some } from "./words.js";
import { Selection, offer } from "./table.js";
import { views } from "./views.js";

// `chosen` has: of (as the API takes it), count, names, severities (the custom ones), id and feed (of a single one).
export function actions(chosen) {
  const none = chosen.count === 0;
  const reader = { disabled: none || !stages(), why: stages() ? undefined : "An operator may do this." };
  const change = async (path, what, of) => {
    const done = await call("POST", path, of);
    toast(`${what}: ${plural(done.changed, "bulletin")} changed, ${plural(done.policies, "policy entry", "policy entries")} concerned.`);
    refresh();
  };
  // What the server counts is what is asked about, and what is done: for a filter only if it is still so many.
  const sure = (title, text, action, work, danger = true) => attempt(async () => {
    const seen = await call("POST", "/bulletins/preview", chosen.of), many = plural(seen.bulletins, "bulletin");
    const of = { ...chosen.of, confirm: seen.bulletins };
    const policies = seen.policies.map((policy) => policy.name);
    const needs = policies.length ? `${plural(policies.length, "policy refers", "policies refer")} to ${seen.bulletins === 1 ? "it" : "them"}: ${some(policies, policies.length, 10).join(", ")}.` : "No policy refers to any of it.";
    const question = { title: title(many), text: [...text(seen), needs], list: some(seen.names, seen.bulletins), action, danger };
    if (await ask(question)) await work(of, many);
  });
  const size = (seen) => `${plural(seen.updates, "update")} with files of ${bytes(seen.size_bytes)}`;
  // A few rows that one sees are staged or mended at once: nothing is lost by that. Many, or what one does not see, is a question.
  const few = !chosen.of.filter && chosen.count <= 20;
  const stage = (of, many) => start(`Stage ${many}`, "/bulletins/stage", of);
  const mend = (of, many) => start(`Refresh ${many}`, "/bulletins/refresh", { of, complete: false });
  const shown = plural(chosen.count, "bulletin");
  const single = { disabled: chosen.count !== 1, why: chosen.count === 1 ? undefined : "Select one bulletin." };
  return [
    { label: "Enable", ...reader, run: () => few ? attempt(() => change("/bulletins/enable", "Enabled", chosen.of)) : sure((many) => `Enable ${many}?`, () => ["They are offered to computers again, as they were."], "Enable", (of) => change("/bulletins/enable", "Enabled", of), false) },
    { label: "Disable…", ...reader, run: () => sure((many) => `Disable ${many}?`, () => ["They are no longer offered to computers. Files and policies stay; enabling brings them back as they were."], "Disable", (of) => change("/bulletins/disable", "Disabled", of)) },
    "-",
    { label: few ? "Stage / Download Packages" : "Stage / Download Packages…", ...reader, run: () => few ? stage(chosen.of, shown) : sure((many) => `Stage ${many}?`, (seen) => [`${size(seen)}. ${seen.missing === 0 ? "Each has a package: it is looked at, and mended where it is not whole." : `${plural(seen.missing, "update has", "updates have")} no package yet: ${bytes(seen.missing_bytes)} to fetch at most.`}`], "Stage", stage, false) },
    { label: few ? "Refresh" : "Refresh…", ...reader, run: () => few ? mend(chosen.of, shown) : sure((many) => `Refresh ${many}?`, (seen) => [`Every file of their packages is hashed (${size(seen)}); what is not whole is fetched anew.`], "Refresh", mend, false) },
    { label: "Complete refresh…", ...reader, run: () => sure((many) => `Refresh ${many} completely?`, (seen) => [`New packages with new GUIDs, every file fetched anew: ${size(seen)}. The old ones are served until the new ones are proved; policies follow.`], "Refresh completely", (of, many) => start(`Complete refresh of ${many}`, "/bulletins/refresh", { of, complete: true })) },
    { label: "Recreate packages…", ...reader, run: () => sure((many) => `Recreate the packages of ${many}?`, (seen) => [`New GUIDs over the files that verify (${size(seen)}); only what does not verify is fetched.`], "Recreate", (of, many) => start(`Recreate packages of ${many}`, "/bulletins/recreate", of)) },
    "-",
    { label: "List software updates", ...single, run: () => location.assign(`/console/bulletins/${chosen.id}#updates`) },
    { label: "Distribute…", ...reader, run: () => distribute(chosen) },
    { label: "Set custom severity…", ...reader, run: () => severity(chosen) },
    { label: "What refers to it", ...single, run: () => refers(chosen) },
    "-",
    { label: "Delete packages…", disabled: none || !administers() || !chosen.of.bulletins, why: !administers() ? "An administrator may do this." : chosen.of.bulletins ? undefined : "Select bulletins one by one or by page.", run: () => remove(chosen) },
  ];
}

const severity = (chosen) => attempt(async () => {
  const [seen, core] = await Promise.all([call("POST", "/bulletins/preview", chosen.of), call("GET", "/settings")]);
  const levels = core.settings.find((setting) => setting.name === "severity.levels")?.value ?? "any";
  // What all of them have now stands there; where that differs or is not known, nothing is set by mere Enter.
  const now = new Set(chosen.severities), known = now.size === 1 ? [...now][0] : null;
  const listed = levels === "any" ? [] : levels.split(",").map((level) => level.trim());
  const options = [...(known === null ? [{ value: "?", label: "choose" }] : []), { value: "", label: "none" }, ...listed, ...(known && !listed.includes(known) ? [known] : [])];
  const field = levels === "any" ? { name: "severity", label: "Severity", value: known ?? "" } : { name: "severity", label: "Severity", options, value: known ?? "?" };
  await ask({
    title: `Custom severity of ${plural(seen.bulletins, "bulletin")}`, text: levels === "any" ? "Empty takes it away." : "The levels are set under Core Services.", list: some(seen.names, seen.bulletins), fields: [field], action: "Set",
    send: async (values) => {
      if (levels !== "any" && values.severity === "?") throw new Error("Choose a level, or none.");
      const done = await call("POST", "/bulletins/severity", { of: { ...chosen.of, confirm: seen.bulletins }, severity: values.severity || null });
      toast(`Custom severity: ${plural(done.changed, "bulletin")} changed.`);
      refresh();
    },
  });
});

const refers = (chosen) => attempt(async () => {
  const found = await call("GET", `/bulletins/${chosen.id}/refers`);
  const line = (what, place, name, text = name) => element("span", {}, `${what} `, element("a", { href: `/console/${place}/${encodeURIComponent(name)}` }, text));
  const bulletin = (what, name) => line(what, "bulletins", `${chosen.feed}/${name}`, name);
  const list = [
    ...found.policies.map((policy) => line("policy", "policies", policy.id, policy.name)),
    ...found.packages.map((id) => line("package", "packages", id)),
    ...found.jobs.map((id) => line("job", "jobs", id)),
    ...(found.superseded_by ? [bulletin("superseded by", found.superseded_by)] : []),
    ...found.supersedes.map((name) => bulletin("supersedes", name)),
  ];
  await tell(`What refers to ${chosen.names[0]}`, list.length ? [] : "Nothing refers to it.", list);
});

const distribute = (chosen) => attempt(async () => {
  const [seen, policies] = await Promise.all([call("POST", "/bulletins/preview", chosen.of), call("GET", "/policies")]);
  const isNew = (values) => !values.policy;
  await ask({
    title: `Distribute ${plural(seen.bulletins, "bulletin")}`, text: `${plural(seen.updates, "update")}: a switch for each. Nothing is staged by this.`, list: some(seen.names, seen.bulletins), action: "Distribute",
    fields: [
      { name: "policy", label: "Extend a policy, or make a new one", options: [{ value: "", label: "a new policy" }, ...policies.items.map((policy) => ({ value: policy.id, label: policy.name }))] },
      { name: "name", label: "Name of the new policy", required: true, when: isNew },
      { name: "enabled", label: "Turn it on", type: "checkbox", value: true, when: isNew },
    ],
    send: async (values) => {
      const of = { ...chosen.of, confirm: seen.bulletins };
      const policy = values.policy
        ? (await call("POST", `/policies/${values.policy}/switches`, { of, enabled: true }), { id: values.policy })
        : await call("POST", "/policies", { name: values.name, of, enabled: values.enabled });
      toast("Distributed.", { href: `/console/policies/${policy.id}`, text: "Open the policy" });
      refresh();
    },
  });
});

async function remove(chosen) {
  await attempt(async () => {
    const of = { bulletins: chosen.of.bulletins };
    const preview = await call("POST", "/packages/delete/preview", { of });
    const what = chosen.count === 1 ? chosen.names[0] : plural(chosen.count, "bulletin");
    await ask({
      title: `Delete the packages of ${what}?`, text: ["Rows and folders go. They can be staged again from the vendor.", ...(chosen.count > 1 ? [some(chosen.names).join(", ")] : [])],
      list: deletion(preview), action: "Delete", danger: true, fields: althoughNeeded(preview),
      send: (values) => begin(`Delete the packages of ${what}`, "/packages/delete", { of, although_needed: values.although_needed ?? false, confirm: preview.packages }),
    });
  });
}

if (document.querySelector("table.rows, #filter")) {
  const selection = new Selection({ everything: true });
  offer(selection, () => {
    const rows = [...selection.rows.values()];
    const all = selection.everything;
    return actions({
      of: all ? { filter: JSON.parse(selection.holder.dataset.filter) } : { bulletins: rows.map((row) => row.id) },
      count: selection.size,
      names: all ? [] : rows.map((row) => row.name),
      severities: all ? [] : rows.map((row) => row.custom),
      id: rows[0]?.id,
      feed: rows[0]?.feed,
    });
  });
  views("bulletins");
  columns("bulletins");
}
