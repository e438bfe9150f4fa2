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

// Shows a dialog; `fields` are {name, label, type, value, options, help}. Resolves to the fields' values, or null.
export function ask({ title, text = [], list = [], fields = [], action = "OK", danger = false, body = null }) {
  return new Promise((resolve) => {
    const id = `dialog-${Date.now()}`;
    const inputs = fields.map((field) => [field, input(field)]);
    const form = element("form", { method: "dialog" },
      element("h2", { id }, title),
      ...[text].flat().map((line) => element("p", {}, line)),
      list.length ? element("ul", {}, ...list.map((line) => element("li", {}, line))) : null,
      body,
      ...inputs.map(([field, made]) => element("label", {}, field.label, made)),
      element("div", { class: "buttons" },
        element("button", { value: "no", type: "button", onclick: () => close(null) }, action ? "Cancel" : "Close"),
        action ? element("button", { value: "yes", class: danger ? "danger" : "primary" }, action) : null));
    const dialog = element("dialog", { "aria-labelledby": id }, form);
    const close = (value) => { dialog.close(); dialog.remove(); resolve(value); };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const values = {};
      for (const [field, made] of inputs) values[field.name] = made.type === "checkbox" ? made.checked : made.value.trim();
      close(values);
    });
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(null); });
    document.body.append(dialog);
    dialog.showModal();
    (inputs[0]?.[1] ?? dialog.querySelector("button[value=yes]") ?? dialog.querySelector("button")).focus();
  });
}

function input(field) {
  if (field.options) {
    const made = element("select", { name: field.name }, ...field.options.map((option) => element("option", { value: option.value ?? option }, option.label ?? option)));
    if (field.value !== undefined) made.value = field.value;
    return made;
  }
  if (field.type === "textarea") {
    const made = element("textarea", { name: field.name, rows: field.rows ?? "6", spellcheck: "false" });
    made.value = field.value ?? "";
    return made;
  }
  const made = element("input", { name: field.name, type: field.type ?? "text", autocomplete: field.autocomplete ?? "off", placeholder: field.placeholder, required: field.required });
  if (field.type === "checkbox") made.checked = field.value ?? false;
  else made.value = field.value ?? "";
  return made;
}

export const tell = (title, text, list = []) => ask({ title, text, list, action: null });

// Says what the server refused, with what it is about.
export function refused(error) {
  const problem = error.problem ?? { title: "Something went wrong", detail: error.message };
  const policies = problem.refers?.policies?.map((policy) => `needed by policy ${policy.name}`) ?? [];
  return tell(problem.title, problem.detail, [...(problem.items ?? []), ...policies]);
}

export function toast(text, link, bad = false) {
  const made = element("div", { class: bad ? "toast bad" : "toast" }, text, link ? " " : "", link ? element("a", { href: link.href }, link.text) : "");
  document.getElementById("toasts")?.append(made);
  setTimeout(() => made.remove(), bad ? 15000 : 8000);
}

// Runs what may be refused; a refusal is shown.
export async function attempt(work) {
  try { return await work(); } catch (error) { await refused(error); return undefined; }
}
