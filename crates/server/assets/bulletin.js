// One bulletin's page.
import { actions } from "./bulletins.js";
import { offer } from "./table.js";

const { id, name, policies, packages } = document.getElementById("actions").dataset;
offer(null, () => actions({ of: { bulletins: [id] }, count: 1, names: [name], policies: Number(policies), packages: Number(packages), id, after: () => location.reload() }));
