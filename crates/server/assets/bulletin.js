// One bulletin's page.
import { actions } from "./bulletins.js";
import "./supply.js";
import { offer } from "./table.js";

// What stands there now: the page is live.
offer(null, () => {
  const { id, name, feed, custom } = document.getElementById("actions").dataset;
  return actions({ of: { bulletins: [id] }, count: 1, names: [name], severities: [custom], id, feed });
});
