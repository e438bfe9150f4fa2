// Saved views of a table: kept on the server for the account, so that they are there in every browser.
import { call } from "./api.js";
import { ask, attempt, toast } from "./dialog.js";

export function views(place) {
  const select = document.getElementById("views"), path = `/console/${place}`;
  if (!select) return;
  // A view begins at its first row, whatever page it was saved on.
  const here = () => new URL(document.getElementById("table").dataset.start, location.href).search.slice(1);
  const at = (name) => `/views/${place}/${encodeURIComponent(name)}`;
  select.addEventListener("change", (event) => {
    event.stopPropagation();
    const chosen = select.selectedOptions[0];
    if (chosen?.dataset.query !== undefined) location.assign(`${path}?${chosen.dataset.query}`);
  });
  document.getElementById("save-view").addEventListener("click", () => attempt(async () => {
    const saved = [...select.options].filter((option) => option.value);
    await ask({
      title: "Save this view", text: "Filter and order, for your account: in every browser in which you sign in. A name that there is already means this view from now on.", action: "Save",
      fields: [
        { name: "name", label: "Name", value: saved.find((option) => option.dataset.query === here())?.value ?? "" },
        ...(saved.length ? [{ name: "forget", label: "Or forget one", options: [{ value: "", label: "none" }, ...saved.map((option) => option.value)] }] : []),
      ],
      send: async (values) => {
        if (!values.name && !values.forget) throw new Error("A view wants a name.");
        if (values.forget) { await call("DELETE", at(values.forget)); saved.find((option) => option.value === values.forget)?.remove(); }
        if (values.name && values.name !== values.forget) {
          await call("PUT", at(values.name), { query: here() });
          const option = [...select.options].find((one) => one.value === values.name) ?? select.appendChild(new Option(values.name, values.name));
          option.dataset.query = here();
          toast(`Saved: ${values.name}.`);
        }
      },
    });
  }));
}
