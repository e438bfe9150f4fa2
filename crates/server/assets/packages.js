// Software packages: the table and one package's page.
import { administers, call, stages } from "./api.js";
import { columns } from "./columns.js";
import { ask, attempt } from "./dialog.js";
import { begin, start } from "./follow.js";
import "./supply.js";
import { Selection, offer } from "./table.js";
import { repair } from "./tasks.js";
import { views } from "./views.js";
import { althoughNeeded, deletion, plural, some } from "./words.js";

const OPERATOR = "An operator may do this.", ADMINISTRATOR = "An administrator may do this.";

function actions(rows, forget) {
  const of = { packages: rows.map((row) => row.id) };
  const count = plural(rows.length, "package");
  const allowed = (may, who) => ({ disabled: rows.length === 0 || !may, why: may ? undefined : who });
  return [
    { label: "Verify", ...allowed(stages(), OPERATOR), run: () => start(`Verify ${count}`, "/packages/verify", of) },
    { label: "Check and repair…", ...allowed(administers(), ADMINISTRATOR), run: () => attempt(() => repair(`Check and repair ${count}`, { of })) },
    "-",
    { label: "Delete…", ...allowed(administers(), ADMINISTRATOR), run: () => remove(of, count, rows, forget) },
  ];
}

async function remove(of, count, rows, forget) {
  await attempt(async () => {
    const preview = await call("POST", "/packages/delete/preview", { of });
    const named = rows.map((row) => row.bulletin ? `${row.name} (${row.bulletin})` : row.name);
    const begun = await ask({
      title: rows.length === 1 ? `Delete the package of ${named[0]}?` : `Delete ${count}?`, text: ["Rows and folders go. What a vendor still publishes can be staged again.", ...(rows.length > 1 ? [some(named).join(", ")] : [])],
      list: deletion(preview), action: "Delete", danger: true, fields: althoughNeeded(preview),
      send: (values) => begin(`Delete ${count}`, "/packages/delete", { of, although_needed: values.although_needed ?? false, confirm: preview.packages }),
    });
    if (begun) forget(of.packages);
  });
}

const toolbar = () => document.getElementById("actions").dataset;
if (toolbar().id) {
  offer(null, () => actions([toolbar()], () => {}));
} else {
  const selection = new Selection();
  offer(selection, () => actions([...selection.rows.values()], (ids) => selection.forget(ids)));
  views("packages");
  columns("packages");
}
