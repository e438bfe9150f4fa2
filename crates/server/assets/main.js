// What every page does: times in the reader's zone, signing out, staying where one is when a part of the page is new.
import { POLL, call } from "./api.js";
import { attempt } from "./dialog.js";
import { resume } from "./follow.js";

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
// A day that a vendor names is that day everywhere.
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) { time.textContent = (time.closest(".day") ? day : format).format(at); time.dataset.local = ""; }
  }
}

localise(document);
document.addEventListener("htmx:afterSettle", (event) => localise(event.target.parentElement ?? document));

document.getElementById("sign-out")?.addEventListener("click", () => attempt(async () => {
  await call("DELETE", "/session");
  location.assign("/console/sign-in");
}));

// What a part of the page asks for by itself says so.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.triggeringEvent === undefined) Object.assign(event.detail.headers, POLL);
});

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
  const polled = event.detail.requestConfig?.triggeringEvent === undefined;
  if (polled && event.target.id === "table" && (document.querySelector(".menu, dialog[open]") || document.hidden)) event.preventDefault();
});

// New rows of the same page do not scroll away what one looks at.
let place = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const grid = document.querySelector("#table .grid"), config = event.detail.requestConfig;
  const same = config?.elt?.id === "table";
  place = grid && same ? [grid.scrollLeft, grid.scrollTop] : null;
});
document.addEventListener("htmx:afterSwap", () => {
  const grid = document.querySelector("#table .grid");
  if (grid && place) [grid.scrollLeft, grid.scrollTop] = place;
});

// A page out of the browser's memory shows what was, and its streams are closed.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// On paper stands when and whence it is.
addEventListener("beforeprint", () => {
  const place = document.getElementById("printed-at");
  if (place) place.textContent = `${format.format(new Date())}, ${location.href}`;
});

resume();
