// One bulletin's page.
import { actions } from "./bulletins.js";
import { offer } from "./table.js";

const { id, name } = document.getElementById("actions").dataset;
offer(null, () => actions({ of: { bulletins: [id] }, count: 1, names: [name], id, after: () => location.reload() }));
