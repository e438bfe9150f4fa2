// Which columns of a table are shown: those that the window has room for, or those that somebody chose in this browser.
import { ask, tell } from "./dialog.js";

export function columns(place) {
  const button = document.getElementById("columns-button"), main = document.getElementById("main");
  if (!button) return;
  const key = `columns-${place}`;
  let chosen = null;
  try { chosen = JSON.parse(localStorage.getItem(key))?.filter((name) => /^[a-z]+$/.test(name)) ?? null; } catch { /* none are kept */ }
  // The table is new every few seconds; what stands around it says what it shows.
  const apply = () => {
    main.classList.remove(...[...main.classList].filter((name) => name === "picked" || name.startsWith("show-")));
    if (chosen) main.classList.add("picked", ...chosen.map((name) => `show-${name}`));
  };
  const keep = (names) => {
    chosen = names;
    try { if (names) localStorage.setItem(key, JSON.stringify(names)); else localStorage.removeItem(key); } catch { /* for this page only */ }
    apply();
  };
  const offered = () => [...document.querySelectorAll("#table thead th")].flatMap((head) => {
    const name = [...head.classList].find((one) => one.startsWith("c-"))?.slice(2);
    return name ? [{ name, label: head.textContent.trim(), type: "checkbox", value: head.checkVisibility(), when: (values) => !values.fitting }] : [];
  });
  button.addEventListener("click", async () => {
    const fields = offered();
    if (!fields.length) { await tell("Columns", "There are no rows now."); return; }
    const values = await ask({
      title: "Columns", text: "Kept in this browser. What is wider than the window is reached by scrolling sideways.", action: "Show",
      fields: [{ name: "fitting", label: "As many as the window has room for", type: "checkbox", value: !chosen }, ...fields],
    });
    if (values) keep(values.fitting ? null : fields.map((field) => field.name).filter((name) => values[name]));
  });
  apply();
}
