// A table whose rows are selected, one, a range, a page or all that match, and acted on: by a menu at the pointer, a
// button, or a key. The selection survives new rows.
import { element } from "./dialog.js";

export class Selection {
  // `everything`: whether the table's actions can be for all rows that match, beyond this page.
  constructor({ everything = false } = {}) {
    this.rows = new Map();
    this.offersEverything = everything;
    this.filter = this.holder?.dataset.filter;
    this.everything = false;
    this.last = null;
    this.total = null;
    this.learn();
    this.listeners = [];
    document.addEventListener("click", (event) => this.click(event));
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("htmx:afterSettle", () => this.settle());
    // What was ticked before this script was there. A page that was left and comes again has no ticks of its own (autocomplete).
    const all = document.getElementById("check-all")?.checked;
    for (const row of this.all) if (all || row.querySelector("input[type=checkbox]")?.checked) this.set(row, true);
    this.show();
  }

  get table() { return document.querySelector("#table table.rows"); }
  get all() { return [...(this.table?.tBodies[0]?.rows ?? [])]; }
  // Of everything, as long as nobody has said how many that is, only this: more than nothing.
  get size() { return this.everything ? this.total ?? Infinity : this.rows.size; }
  get holder() { return document.getElementById("table"); }

  // Only the first page says how many rows match; it holds for the others of the same filter.
  learn() { if (this.holder?.dataset.total) this.total = Number(this.holder.dataset.total); }

  set(row, on) {
    // One that is taken out of everything leaves what one sees of it.
    if (this.everything) for (const one of this.all) this.rows.set(one.dataset.id, { ...one.dataset });
    if (on) this.rows.set(row.dataset.id, { ...row.dataset });
    else this.rows.delete(row.dataset.id);
    this.everything = false;
  }

  only(row) {
    this.rows.clear();
    this.everything = false;
    this.set(row, true);
    this.last = row.dataset.id;
    this.show();
  }

  // Another filter: what was chosen under the one before is not what one sees now.
  settle() {
    const filter = this.holder?.dataset.filter;
    if (filter === this.filter) { this.learn(); this.show(); return; }
    this.filter = filter;
    this.last = null;
    this.total = null;
    this.learn();
    this.clear();
  }

  clear() { this.rows.clear(); this.everything = false; this.show(); }

  // What was deleted is nothing that a further action could be for.
  forget(ids) {
    for (const id of ids) this.rows.delete(id);
    this.show();
  }

  click(event) {
    if (event.target.id === "check-all") {
      for (const row of this.all) this.set(row, event.target.checked);
      this.show();
      return;
    }
    if (event.target.id === "select-everything") { this.everything = true; this.show(); return; }
    const row = event.target.closest("#table table.rows tbody tr[data-id]");
    if (!row || event.target.closest("a, button")) return;
    const boxed = event.target.matches("input[type=checkbox]");
    const on = boxed ? event.target.checked : !this.rows.has(row.dataset.id) || (!event.ctrlKey && !event.metaKey && this.rows.size > 1);
    if (event.shiftKey && this.last) {
      const rows = this.all, from = rows.findIndex((one) => one.dataset.id === this.last), to = rows.indexOf(row);
      if (from >= 0) for (const one of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) this.set(one, true);
    } else {
      if (!boxed && !event.ctrlKey && !event.metaKey) { this.rows.clear(); this.everything = false; }
      this.set(row, on);
    }
    this.last = row.dataset.id;
    this.show();
  }

  key(event) {
    if (event.key === "Escape" && !document.querySelector("dialog[open], .menu")) { this.clear(); return; }
    const row = document.activeElement?.closest?.("#table table.rows tbody tr");
    if (!row || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const next = event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
    const inside = [...row.querySelectorAll("a, input, button")].indexOf(document.activeElement);
    const target = next?.querySelectorAll("a, input, button")[Math.max(0, inside)];
    if (target) { event.preventDefault(); target.focus(); }
  }

  show() {
    const rows = this.all;
    for (const row of rows) {
      const on = this.everything || this.rows.has(row.dataset.id);
      if (on && !this.everything) this.rows.set(row.dataset.id, { ...row.dataset });
      row.setAttribute("aria-selected", on);
      const box = row.querySelector("input[type=checkbox]");
      if (box) box.checked = on;
    }
    const all = document.getElementById("check-all");
    if (all) all.checked = rows.length > 0 && rows.every((row) => this.everything || this.rows.has(row.dataset.id));
    const chosen = document.getElementById("chosen");
    if (!chosen) return;
    const elsewhere = this.everything ? 0 : [...this.rows.keys()].filter((id) => !rows.some((row) => row.dataset.id === id)).length;
    const everyOne = this.total === null ? "all that match" : `all ${this.total} that match`;
    const text = this.size === 0 ? "nothing selected" : this.everything ? `${everyOne} selected` : `${this.size} selected${elsewhere ? `, ${elsewhere} of them not on this page` : ""}`;
    if (chosen.firstChild?.textContent !== text) chosen.replaceChildren(text); else chosen.replaceChildren(chosen.firstChild);
    if (this.offersEverything && all?.checked && !this.everything && (this.total === null || this.total > rows.length)) {
      chosen.append(" ", element("button", { type: "button", class: "link", id: "select-everything" }, `select ${everyOne}`));
    }
  }
}

// A menu of actions: {label, run, disabled}, or "-" for a line. Opens at a point or beside a button.
export function menu(actions, x, y) {
  document.querySelector(".menu")?.remove();
  const back = document.activeElement;
  const close = () => { box.remove(); document.removeEventListener("pointerdown", outside, true); back?.focus?.(); };
  const outside = (event) => { if (!box.contains(event.target)) close(); };
  const items = actions.map((action) => action === "-" ? element("hr")
    : element("button", { type: "button", role: "menuitem", disabled: action.disabled ? true : undefined, title: action.why, onclick: () => { close(); action.run(); } }, action.label));
  const box = element("div", { class: "menu", role: "menu", "aria-label": "Actions" }, ...items);
  box.addEventListener("keydown", (event) => {
    const usable = items.filter((item) => item.tagName === "BUTTON" && !item.disabled);
    const at = usable.indexOf(document.activeElement);
    if (event.key === "Escape" || event.key === "Tab") { event.preventDefault(); event.stopPropagation(); close(); }
    else if (event.key === "ArrowDown") { event.preventDefault(); usable[(at + 1) % usable.length]?.focus(); }
    else if (event.key === "ArrowUp") { event.preventDefault(); usable[(at - 1 + usable.length) % usable.length]?.focus(); }
    else if (event.key === "Home") { event.preventDefault(); usable[0]?.focus(); }
    else if (event.key === "End") { event.preventDefault(); usable.at(-1)?.focus(); }
  });
  document.getElementById("main").append(box);
  box.style.left = `${Math.max(4, Math.min(x, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${Math.max(4, Math.min(y, innerHeight - box.offsetHeight - 8))}px`;
  document.addEventListener("pointerdown", outside, true);
  items.find((item) => item.tagName === "BUTTON" && !item.disabled)?.focus();
}

// The three ways to the same actions: right-click on a row, the button, the keys `m`, the menu key and Shift+F10.
export function offer(selection, actions) {
  const open = (x, y) => menu(actions(), x, y);
  // The button may be of a part of the page that comes anew.
  const atButton = () => {
    const box = document.getElementById("menu-button")?.getBoundingClientRect();
    if (box) open(box.left, box.bottom + 2);
  };
  document.addEventListener("click", (event) => { if (event.target.closest("#menu-button")) atButton(); });
  document.addEventListener("contextmenu", (event) => {
    const row = event.target.closest("#table table.rows tbody tr[data-id]");
    if (!row || !selection || event.target.closest("a[href]") && event.shiftKey) return;
    event.preventDefault();
    meant(row);
    if (event.clientX || event.clientY) open(event.clientX, event.clientY); else atRow(row);
  });
  // The menu at a row is for that row, or for a selection that it belongs to.
  const meant = (row) => { if (!selection.everything && !selection.rows.has(row.dataset.id)) selection.only(row); };
  const atRow = (row) => { const box = row.getBoundingClientRect(); open(box.left + 40, box.bottom); };
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input:not([type=checkbox]), select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key !== "m" || document.querySelector("dialog[open], .menu")) return;
    event.preventDefault();
    const row = document.activeElement?.closest?.("#table table.rows tbody tr[data-id]");
    if (row && selection) { meant(row); atRow(row); } else atButton();
  });
}
