// Dialogs and short messages. Every text goes in as text, never as markup.
import { ways } from "./ways.js";

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && key !== "list" && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A text of the server, followed by where in the console its ways out are; a line that is a link already stays what it is.
export function withWays(text) {
  if (text instanceof Node) return [text];
  const found = ways(text);
  if (!found.length) return [text];
  const links = found.flatMap(({ words, href }, at) => [at > 0 ? "; " : "", href ? element("a", { class: "inline", href }, words) : words]);
  return [text, " ", element("span", { class: "ways" }, "In the console: ", ...links, ".")];
}

export const listed = (lines) => element("ul", {}, ...lines.map((line) => element("li", {}, ...withWays(line))));

// The same for what stands on the page already. Not in tables that are made anew every few seconds.
export function sayWays(root) {
  for (const place of root.querySelectorAll("[aria-labelledby=report-heading] .lead, .reason, table.report td.text")) {
    if (place.closest("#table") || place.querySelector(".ways")) continue;
    const [, ...further] = withWays(place.textContent);
    place.append(...further);
  }
}

// Shows a dialog; `fields` are {name, label, type, value, options, required, when}: `when` says of what stands in the others whether
// the field is asked at all. Resolves to the fields' values, or null.
// With `send` the values are sent first: what the server refuses is said in the dialog, which stays with what was typed;
// it resolves to what `send` gave, or true.
export function ask({ title, text = [], list = [], fields = [], action = "OK", danger = false, body = null, send = null }) {
  return new Promise((resolve) => {
    const id = `dialog-${Date.now()}`;
    const inputs = fields.map((field) => [field, input(field)]);
    const wrong = element("div", { class: "error", role: "alert" });
    const no = element("button", { value: "no", type: "button", onclick: () => close(null) }, action ? "Cancel" : "Close");
    const yes = action ? element("button", { value: "yes", class: danger ? "danger" : "primary" }, action) : null;
    const form = element("form", { method: "dialog" },
      element("h2", { id }, title),
      ...[text].flat().filter(Boolean).map((line) => element("p", {}, ...withWays(line))),
      list.length ? listed(list) : null,
      body,
      ...inputs.map(([field, made]) => element("label", {}, field.label, made)),
      wrong,
      element("div", { class: "buttons" }, no, yes));
    const dialog = element("dialog", { "aria-labelledby": id }, form);
    const close = (value) => { dialog.close(); dialog.remove(); resolve(value); };
    const read = () => Object.fromEntries(inputs.map(([field, made]) => [field.name, made.type === "checkbox" ? made.checked : made.type === "file" ? made.files[0] ?? null : made.type === "password" ? made.value : made.value.trim()]));
    const look = () => { for (const [field, made] of inputs) if (field.when) made.closest("label").hidden = made.disabled = !field.when(read()); };
    form.addEventListener("input", look);
    look();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const values = read();
      if (!send) { close(values); return; }
      wrong.replaceChildren();
      yes.disabled = true;
      try { close((await send(values)) ?? true); } catch (error) { wrong.replaceChildren(...said(error)); }
      yes.disabled = false;
    });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(null); });
    document.body.append(dialog);
    dialog.showModal();
    // What cannot be taken back is never what a mere Enter does.
    (danger ? no : inputs[0]?.[1] ?? yes ?? no).focus();
  });
}

function input(field) {
  if (field.options) {
    const made = element("select", { name: field.name, required: field.required }, ...field.options.map((option) => element("option", { value: option.value ?? option }, option.label ?? option)));
    if (field.value !== undefined) made.value = field.value;
    return made;
  }
  if (field.type === "textarea") {
    const made = element("textarea", { name: field.name, rows: field.rows ?? "6", spellcheck: "false", required: field.required });
    made.value = field.value ?? "";
    return made;
  }
  const made = element("input", { name: field.name, type: field.type ?? "text", autocomplete: field.autocomplete ?? "off", placeholder: field.placeholder, required: field.required, min: field.min, accept: field.accept });
  if (field.type === "file") return made;
  if (field.type === "checkbox") made.checked = field.value ?? false;
  else made.value = field.value ?? "";
  return made;
}

// What was refused, and what it is about.
const about = (problem) => [...(problem.items ?? []), ...(problem.refers?.policies?.map((policy) => `needed by policy ${policy.name}`) ?? [])];
const problemOf = (error) => error.problem ?? { title: "Something went wrong", detail: error.message };

export function said(error) {
  const problem = problemOf(error), list = about(problem);
  return [element("p", {}, element("strong", {}, problem.title), ". ", ...withWays(problem.detail)), ...(list.length ? [listed(list)] : [])];
}

export const tell = (title, text, list = []) => ask({ title, text, list, action: null });

// Says what the server refused, with what it is about.
export function refused(error) {
  const problem = problemOf(error);
  return tell(problem.title, problem.detail, about(problem));
}

export function toast(text, link, bad = false) {
  const made = element("div", { class: bad ? "toast bad" : "toast" }, text, link ? " " : "", link ? element("a", { href: link.href }, link.text) : "");
  document.getElementById("toasts")?.append(made);
  setTimeout(() => made.remove(), bad ? 30000 : 10000);
}

// Runs what may be refused; a refusal is shown.
export async function attempt(work) {
  try { return await work(); } catch (error) { await refused(error); return undefined; }
}
