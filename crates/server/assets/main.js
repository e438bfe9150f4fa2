// What every page does: times in the reader's zone, signing out, staying where one is when a part of the page is new.
import { call } from "./api.js";
import { attempt } from "./dialog.js";

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) { time.textContent = (time.closest("td.day") ? day : format).format(at); time.dataset.local = ""; }
  }
}

localise(document);
document.addEventListener("htmx:afterSettle", (event) => localise(event.target.parentElement ?? document));

document.getElementById("sign-out")?.addEventListener("click", () => attempt(async () => {
  await call("DELETE", "/session");
  location.assign("/console/sign-in");
}));

// A session that has ended shows itself as a redirect of a part of the page: the whole page goes there.
document.addEventListener("htmx:beforeSwap", (event) => {
  const there = event.detail.xhr.responseURL;
  if (there && new URL(there).pathname === "/console/sign-in") {
    event.detail.shouldSwap = false;
    location.assign(there);
  }
});

// A part that could not be had is left as it was; the next look may succeed.
document.addEventListener("htmx:responseError", (event) => { event.detail.xhr.status === 401 && location.reload(); });

// While somebody chooses or reads a menu, rows do not change under them.
document.addEventListener("htmx:beforeRequest", (event) => {
  const polled = event.detail.triggeringEvent === undefined || event.detail.requestConfig?.triggeringEvent === undefined;
  if (polled && event.target.id === "table" && (document.querySelector(".menu, dialog[open]") || document.hidden)) event.preventDefault();
});

export {};
