// Software packages: the table and one package's page.
import { administers, call, stages } from "./api.js";
import { ask, attempt } from "./dialog.js";
import { start } from "./follow.js";
import { Selection, offer } from "./table.js";

function actions(rows) {
  const none = rows.length === 0;
  const of = { packages: rows.map((row) => row.id) };
  const count = `${rows.length} package${rows.length === 1 ? "" : "s"}`;
  return [
    { label: "Verify", disabled: none || !stages(), run: () => start(`Verify ${count}`, "/packages/verify", of) },
    { label: "Check and repair", disabled: none || !administers(), run: () => start(`Check ${count}`, "/store/integrity-check", { of, repair: true }) },
    "-",
    { label: "Delete…", disabled: none || !administers(), run: () => remove(of, count, rows) },
  ];
}

async function remove(of, count, rows) {
  await attempt(async () => {
    const preview = await call("POST", "/packages/delete/preview", { of });
    const needed = (preview.policies ?? preview.refers?.policies ?? []).map((policy) => `needed by policy ${policy.name}`);
    const values = await ask({
      title: `Delete ${count}?`, text: "Rows and folders go. What a vendor still publishes can be staged again.", list: [...rows.slice(0, 20).map((row) => row.name), ...needed], action: "Delete", danger: true,
      fields: needed.length ? [{ name: "although_needed", label: "Although a policy needs them (its switch stays on and shows “package missing”)", type: "checkbox" }] : [],
    });
    if (values) await start("Delete packages", "/packages/delete", { of, although_needed: values.although_needed ?? false, confirm: preview.packages });
  });
}

const one = document.getElementById("actions").dataset;
if (one.id) {
  offer(null, () => actions([one]));
} else {
  const selection = new Selection();
  offer(selection, () => actions([...selection.rows.values()]));
}
