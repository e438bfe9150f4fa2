// One policy's page.
import { call } from "./api.js";
import { ask, attempt } from "./dialog.js";

const policy = document.getElementById("policy");
if (policy) {
  const { id, name, rule } = policy.dataset;
  const path = `/policies/${id}`;
  const work = {
    enable: () => call("PATCH", path, { enabled: true }),
    disable: async () => (await ask({ title: `Turn ${name} off?`, text: "Nothing of it is offered to computers until it is turned on again. What is installed stays.", action: "Turn off", danger: true })) && call("PATCH", path, { enabled: false }),
    rule: () => call("PATCH", path, { on_revision: rule === "ask" ? "automatic" : "ask" }),
    accept: () => call("POST", `${path}/accept`, {}),
    recreate: async () => {
      if (!(await ask({ title: `Recreate ${name}?`, text: "The same name and switches under a new id, each bound to its update's package of now.", action: "Recreate" }))) return false;
      const made = await call("POST", `${path}/recreate`);
      location.assign(`/console/policies/${made.id}`);
      return false;
    },
    delete: async () => {
      if (!(await ask({ title: `Delete ${name}?`, text: "Updates and packages stay. Nothing of it is offered to computers any more.", action: "Delete", danger: true }))) return false;
      await call("DELETE", path);
      location.assign("/console/policies");
      return false;
    },
    switch: (button) => call("POST", `${path}/switches`, { of: { updates: [button.dataset.update] }, enabled: button.dataset.on !== "true" }),
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) attempt(async () => { if (await work[button.dataset.do](button)) location.reload(); });
  });
}
