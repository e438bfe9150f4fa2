// One feed: rules as rows, tried before they are saved; what is staged by itself, the schedule.
import { call } from "./api.js";
import { ask, element, said, toast } from "./dialog.js";
import "./feeds.js";
import { follow, told, percent } from "./follow.js";
import { bytes, plural } from "./words.js";

const feed = document.getElementById("feed"), form = document.getElementById("feed-form");
const path = `/feeds/${feed.dataset.id}`;
const part = (row, name) => row.querySelector(`[name=${name}]`);

// A severity is chosen, all else is written.
function dress(row) {
  const graded = part(row, "field").value === "severity" && !part(row, "values").value.trim();
  row.querySelector(".grade").hidden = !graded;
  row.querySelector(".values").hidden = graded;
}

function rulesOf(list) {
  const rules = { include: [], exclude: [] };
  for (const row of list.querySelectorAll(".rule-row")) {
    const graded = !row.querySelector(".grade").hidden, field = part(row, "field").value;
    const values = graded ? [part(row, "grade").value] : part(row, "values").value.split("\n").map((one) => one.trim()).filter(Boolean);
    rules[part(row, "kind").value].push(...values.map((pattern) => ({ field, pattern })));
  }
  return rules;
}

function wanted() {
  const data = new FormData(form), auto = data.get("auto");
  return {
    rules: rulesOf(document.querySelector("#rules .rules")),
    auto_stage: auto === "nothing" ? null : auto === "all" ? {} : rulesOf(document.querySelector("#stage .rules")),
    accept_sha1: data.get("sha1") === "on",
    schedule_minutes: data.get("when") === "every" ? Number(data.get("number")) * Number(data.get("unit")) : null,
  };
}

// What the rules would take of the catalogue as the vendor has it now.
const place = document.getElementById("preview");
let tried = null;
const asked = (wish) => JSON.stringify([wish.rules, wish.auto_stage]);

async function look(wish) {
  if (tried?.of === asked(wish)) return tried;
  const bar = element("progress", { max: "100", "aria-label": "Progress" }), phase = element("span", {}, "asking the vendor");
  place.replaceChildren(element("p", {}, bar, " ", phase));
  try {
    const job = await call("POST", `${path}/preview`, { rules: wish.rules, ...(wish.auto_stage ? { auto_stage: wish.auto_stage } : {}) });
    const ended = await follow(job.id, (event) => {
      if (event.progress.total > 0) bar.value = percent(event.progress);
      phase.textContent = [event.progress.phase, told(event.progress)].filter(Boolean).join(": ");
    });
    const counts = ended.report?.counts ?? {};
    const lines = ended.state === "done" ? [
      `${plural(counts.updates ?? 0, "update")} in ${plural(counts.bulletins ?? 0, "bulletin")} would be taken: ${plural(counts.files ?? 0, "file")}, ${bytes(counts.bytes ?? 0)}. ${counts["left-out"] ?? 0} would be left out.`,
      wish.auto_stage ? `Of these, ${plural(counts["staged-updates"] ?? 0, "update")} would be staged by itself: ${bytes(counts["staged-bytes"] ?? 0)} to fetch at most.` : "Nothing would be staged by itself.",
    ] : [`The rules could not be tried: ${ended.report?.summary ?? ended.summary ?? ended.state}`];
    tried = { of: asked(wish), good: ended.state === "done", lines };
    place.replaceChildren(...lines.map((line, at) => element("p", { class: tried.good ? "good" : "bad" }, line, at === 0 ? " " : "", at === 0 ? element("a", { class: "inline", href: `/console/jobs/${job.id}` }, "The job") : "")));
    return tried;
  } catch (error) {
    place.replaceChildren();
    throw error;
  }
}

// What is refused is said where it was written.
async function within(work) {
  const wrong = document.getElementById("feed-error");
  wrong.replaceChildren();
  const buttons = [...form.querySelectorAll("button")];
  buttons.forEach((button) => { button.disabled = true; });
  try { await work(); } catch (error) { wrong.replaceChildren(...said(error)); }
  buttons.forEach((button) => { button.disabled = false; });
}

async function save() {
  const wish = wanted();
  if (asked(wish) !== kept) {
    const seen = await look(wish);
    const text = [...seen.lines, "They count from the next import on. What was taken before and is left out then stays, and is told in the import's report."];
    if (!(await ask({ title: "Use these rules?", text, action: "Use them" }))) return;
  }
  await call("PATCH", path, wish);
  kept = asked(wish);
  toast(`${feed.dataset.name} was changed.`);
}

if (form) {
  document.querySelectorAll(".rule-row").forEach(dress);
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-rule]");
    if (!button) return;
    const list = button.parentElement.querySelector(".rules") ?? button.closest(".rules");
    if (button.dataset.rule === "add") {
      list.append(document.getElementById("rule").content.cloneNode(true));
      part(list.lastElementChild, "kind").focus();
      return;
    }
    const row = button.closest(".rule-row"), next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-rule]") ?? list.parentElement.querySelector("[data-rule=add]")).focus();
  });
  form.addEventListener("change", (event) => {
    const row = event.target.closest(".rule-row");
    if (row && event.target.name === "field") dress(row);
    if (event.target.name === "auto") document.getElementById("stage-rules").hidden = event.target.value !== "some";
    if (["number", "unit"].includes(event.target.name)) form.elements.when.value = "every";
  });
  form.addEventListener("input", (event) => {
    if (event.target.name === "values") event.target.rows = Math.min(8, event.target.value.split("\n").length);
  });
  form.addEventListener("submit", (event) => { event.preventDefault(); within(save); });
  document.getElementById("try").addEventListener("click", () => within(() => look(wanted())));
}
let kept = form ? asked(wanted()) : "";
