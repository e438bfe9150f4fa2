// A file that somebody fetched by hand, given to the update that needs it.
import { call } from "./api.js";
import { ask } from "./dialog.js";
import { watch } from "./follow.js";

document.addEventListener("click", async (event) => {
  const update = event.target.closest("[data-supply]")?.dataset;
  if (!update) return;
  const job = await ask({
    title: `Give a file of ${update.key}`, action: "Give it",
    text: "Fetch it where the vendor has it, and choose it here. Its length and digest decide, by the rules of a download: what is another file is thrown away. Keep this page open until it was sent.",
    fields: [{ name: "file", label: "The file", type: "file", required: true }],
    send: ({ file }) => call("POST", `/updates/${update.supply}/supply`, file),
  });
  if (job && await watch(`Taking the file of ${update.key}`, () => job)) location.reload();
});
