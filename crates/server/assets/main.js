// What every page does: times in the reader's zone, signing out, staying where one is when a part of the page is new.
import { POLL, call } from "./api.js";
import { attempt, element, sayWays, toast } from "./dialog.js";
import { refresh, resume } from "./follow.js";

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
sayWays(document);
document.addEventListener("htmx:afterSettle", (event) => {
  const root = event.target.parentElement ?? document;
  localise(root);
  sayWays(root);
});

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

// A part that could not be had is left as it was, and says of when it is; the next look may succeed, and then it is new. What asks
// only once says so beside the page.
const isLive = (part) => ["table", "system", "live", "now"].includes(part?.id);
let seen = new Date();
function old(part, why) {
  if (!isLive(part)) { toast(`${why} Load the page again.`, undefined, true); return; }
  part.querySelector(".old")?.remove();
  part.prepend(element("p", { class: "note bad old", role: "status" }, `${why} What stands here is of ${format.format(seen)}.`));
}
for (const fault of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(fault, (event) => old(event.detail.target, "The server does not answer."));
document.addEventListener("htmx:responseError", (event) => {
  const { xhr: { status }, target: part } = event.detail;
  if (status === 401) location.reload();
  // What the page was about is gone; there is nothing more to look at.
  else if (status === 404 && part.dataset.gone) part.replaceWith(element("p", { class: "empty", role: "status" }, `${part.dataset.gone} `, element("a", { href: part.dataset.list }, "To the list")));
  else old(part, `The server could not say how it stands (${status}).`);
});

// While an answer that somebody asked for is still to come, what a part asked for by itself does not take its place: there the
// answer is to go, and there stands the link that asked. What was to be seen at once is asked for again afterwards.
let asked = null, again = false;
document.addEventListener("htmx:beforeSend", ({ detail }) => {
  if (detail.elt === detail.target || !isLive(detail.target)) return;
  asked = detail.xhr;
  asked.addEventListener("loadend", () => { if (again) refresh(); again = false; });
});
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { elt, triggeringEvent } = detail.requestConfig;
  const toCome = asked !== null && ![XMLHttpRequest.UNSENT, XMLHttpRequest.DONE].includes(asked.readyState);
  if (toCome && elt === detail.target) {
    detail.shouldSwap = false;
    again ||= triggeringEvent !== undefined;
  } else if (!detail.isError && isLive(detail.target)) seen = new Date();
});

// A page of one thing that comes as it was is left alone: what somebody has marked in it stays marked.
let before = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "live" || !event.detail.shouldSwap) return;
  const same = event.detail.serverResponse === before && !event.detail.target.querySelector(".old");
  before = event.detail.serverResponse;
  if (same) event.detail.shouldSwap = false;
});

// While somebody chooses or reads a menu, rows do not change under them; nor does the dashboard under the focus, which has no
// name there to be kept by.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig?.triggeringEvent !== undefined) return;
  const lost = event.target.id === "now" && event.target.contains(document.activeElement);
  const covered = isLive(event.target) && document.querySelector(".menu, dialog[open]");
  if (lost || document.hidden || covered) event.preventDefault();
});

// One search is one step in the browser's history, not one a letter.
document.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const typed = event.detail.requestConfig?.triggeringEvent?.type === "keyup";
  if (typed && new URL(location.href).searchParams.get("text")) event.detail.history.type = "replace";
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
