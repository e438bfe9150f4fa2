// Dialogs and short messages. Every text goes in as text, never as markup.

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

// Shows a dialog; `fields` are {name, label, type, value, options, required}. Resolves to the fields' values, or null.
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
      ...[text].flat().filter(Boolean).map((line) => element("p", {}, line)),
      list.length ? element("ul", {}, ...list.map((line) => element("li", {}, line))) : null,
      body,
      ...inputs.map(([field, made]) => element("label", {}, field.label, made)),
      wrong,
      element("div", { class: "buttons" }, no, yes));
    const dialog = element("dialog", { "aria-labelledby": id }, form);
    const close = (value) => { dialog.close(); dialog.remove(); resolve(value); };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const values = {};
      for (const [field, made] of inputs) values[field.name] = made.type === "checkbox" ? made.checked : made.type === "password" ? made.value : made.value.trim();
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
  const made = element("input", { name: field.name, type: field.type ?? "text", autocomplete: field.autocomplete ?? "off", placeholder: field.placeholder, required: field.required, min: field.min });
  if (field.type === "checkbox") made.checked = field.value ?? false;
  else made.value = field.value ?? "";
  return made;
}

// What was refused, and what it is about.
const about = (problem) => [...(problem.items ?? []), ...(problem.refers?.policies?.map((policy) => `needed by policy ${policy.name}`) ?? [])];
const problemOf = (error) => error.problem ?? { title: "Something went wrong", detail: error.message };

export function said(error) {
  const problem = problemOf(error), list = about(problem);
  return [element("p", {}, element("strong", {}, problem.title), `. ${problem.detail}`), ...(list.length ? [element("ul", {}, ...list.map((line) => element("li", {}, line)))] : [])];
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
