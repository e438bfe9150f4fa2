// One policy's page. The page is made anew every few seconds: what it says is read when it is wanted.
import { call } from "./api.js";
import { ask, attempt } from "./dialog.js";
import { refresh } from "./follow.js";
import { plural } from "./words.js";

const of = () => document.getElementById("policy").dataset;
const path = () => `/policies/${of().id}`;

// Asks, sends, and goes where there is something to see; what the server refuses is said in the dialog.
const sure = (question, send, danger = true) => ask({ ...question, danger, send });
const holds = () => plural(Number(of().updates), "update");

const work = {
  enable: () => call("PATCH", path(), { enabled: true }),
  disable: () => sure({ title: `Turn ${of().name} off?`, text: `Nothing of it (${holds()}) is offered to computers until it is turned on again. What is installed stays.`, action: "Turn off" }, () => call("PATCH", path(), { enabled: false })),
  rule: () => call("PATCH", path(), { on_revision: of().rule === "ask" ? "automatic" : "ask" }),
  accept: () => call("POST", `${path()}/accept`, {}),
  recreate: async () => {
    const made = await sure({ title: `Recreate ${of().name}?`, text: `The same name and ${holds()} under a new id, each bound to its update's package of now.`, action: "Recreate" }, () => call("POST", `${path()}/recreate`), false);
    if (made) location.assign(`/console/policies/${made.id}`);
  },
  delete: async () => {
    if (await sure({ title: `Delete ${of().name}?`, text: `It holds ${holds()}. Updates and packages stay. Nothing of it is offered to computers any more.`, action: "Delete" }, () => call("DELETE", path()))) location.assign("/console/policies");
  },
  switch: ({ update, on }) => call("POST", `${path()}/switches`, { of: { updates: [update] }, enabled: on !== "true" }),
  takeOut: ({ update, key }) => sure({ title: `Take ${key} out of ${of().name}?`, text: "Nothing of it is offered by this policy any more. The update and its package stay.", action: "Take out" }, () => call("POST", `${path()}/remove`, { updates: [update] })),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) attempt(async () => { await work[button.dataset.do](button.dataset); refresh(); });
});
