// Software packages: the table and one package's page.
import { administers, call, stages } from "./api.js";
import { ask, attempt } from "./dialog.js";
import { start } from "./follow.js";
import { Selection, offer } from "./table.js";
import { views } from "./views.js";
import { althoughNeeded, deletion, plural, some } from "./words.js";

function actions(rows) {
  const none = rows.length === 0;
  const of = { packages: rows.map((row) => row.id) };
  const count = plural(rows.length, "package");
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
    const named = rows.map((row) => row.bulletin ? `${row.name} (${row.bulletin})` : row.name);
    const values = await ask({
      title: rows.length === 1 ? `Delete the package of ${named[0]}?` : `Delete ${count}?`, text: ["Rows and folders go. What a vendor still publishes can be staged again.", ...(rows.length > 1 ? [some(named).join(", ")] : [])],
      list: deletion(preview), action: "Delete", danger: true, fields: althoughNeeded(preview),
    });
    if (values) await start(`Delete ${count}`, "/packages/delete", { of, although_needed: values.although_needed ?? false, confirm: preview.packages });
  });
}

const one = document.getElementById("actions").dataset;
if (one.id) {
  offer(null, () => actions([one]));
} else {
  const selection = new Selection();
  offer(selection, () => actions([...selection.rows.values()]));
  views("packages");
}
