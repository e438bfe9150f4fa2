// The own account, and who else may sign in.
import { call } from "./api.js";
import { ask, element, refused, tell } from "./dialog.js";

class Cancelled extends Error {}

// Runs what may be refused; a refusal is shown.
const attempt = async (work) => {
  try { return await work(); } catch (error) { if (!(error instanceof Cancelled)) await refused(error); return undefined; }
};
// Who may do what is changed with the password at hand: where the server wants it once more, it is asked for here. A second
// factor has its place here, too.
const sure = async (method, path, body) => {
  try { return await call(method, path, body); } catch (error) { if (error.problem?.code !== "password-needed") throw error; }
  const values = await ask({ title: "Your password once more", text: "An open page must not be enough to change who may do what. It counts for five minutes.", action: "Go on", fields: [{ name: "password", label: "Your password", type: "password", autocomplete: "current-password", required: true }] });
  if (!values) throw new Cancelled();
  await call("POST", "/session/confirm", { password: values.password });
  return call(method, path, body);
};

const reload = () => location.reload();
const secret = (title, text, value) => {
  const field = element("input", { readonly: true, value, size: "60", "aria-label": title, spellcheck: "false" });
  return ask({ title, text: [text, "It is shown this once."], body: field, action: null });
};

const work = {
  "end-session": async ({ dataset }) => { await call("DELETE", `/sessions/${dataset.id}`); reload(); },
  revoke: async ({ dataset }) => {
    if (!(await ask({ title: `Take ${dataset.name} back?`, text: "Scripts that use it are refused from now on.", action: "Take back", danger: true }))) return;
    await call("DELETE", `/tokens/${dataset.id}`);
    reload();
  },
  link: async (_, row) => {
    const link = await sure("POST", `/accounts/${row.dataset.id}/link`);
    await secret(`A link for ${row.dataset.name}`, "Give it to them: it sets a password, once, within 30 minutes.", location.origin + link.path);
    reload();
  },
  enable: async (_, row) => { await sure("PATCH", `/accounts/${row.dataset.id}`, { enabled: true }); reload(); },
  disable: async (_, row) => {
    if (!(await ask({ title: `Disable ${row.dataset.name}?`, text: "Its sessions end at once, its tokens do not count.", action: "Disable", danger: true }))) return;
    await sure("PATCH", `/accounts/${row.dataset.id}`, { enabled: false });
    reload();
  },
  "sign-out": async (_, row) => {
    if (!(await ask({ title: `Sign ${row.dataset.name} out?`, text: "Its sessions end at once, its tokens do not count any more, links that were made for it are dead. Its password stays.", action: "Sign out", danger: true }))) return;
    await sure("POST", `/accounts/${row.dataset.id}/sign-out`);
    reload();
  },
  remove: async (_, row) => {
    if (!(await ask({ title: `Remove ${row.dataset.name}?`, text: "Sessions and tokens go with it. What it did stays on the audit trail.", action: "Remove", danger: true }))) return;
    await sure("DELETE", `/accounts/${row.dataset.id}`);
    reload();
  },
};

const role = async (select) => {
  const row = select.closest("tr");
  if (!(await ask({ title: `Make ${row.dataset.name} ${select.value}?`, text: [row.dataset.own ? "This is your own account: you are signed out, and may do only what the new role allows." : "Its sessions end; the next sign-in has the new role.", "Its tokens may do no more than the new role."], action: "Change the role", danger: true }))) return;
  await sure("PATCH", `/accounts/${row.dataset.id}`, { role: select.value });
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (button) attempt(() => work[button.dataset.do](button, button.closest("tr")));
});
document.addEventListener("change", (event) => {
  const select = event.target.closest("select[data-do=role]");
  if (select) attempt(() => role(select)).then(reload);
});

document.getElementById("change-password")?.addEventListener("click", async () => {
  const values = await ask({ title: "Change the password", text: "At least 12 characters. All other sessions of yours end.", action: "Change", fields: [{ name: "current", label: "Current password", type: "password", autocomplete: "current-password", required: true }, { name: "next", label: "New password", type: "password", autocomplete: "new-password", required: true }, { name: "again", label: "Once more", type: "password", autocomplete: "new-password", required: true }] });
  if (!values) return;
  if (values.next !== values.again) { await tell("The passwords differ", "The new password and its repetition are not the same. Nothing was changed."); return; }
  await attempt(async () => { await call("PUT", "/session/password", { current: values.current, new: values.next }); reload(); });
});
document.getElementById("sign-out-everywhere")?.addEventListener("click", () => attempt(async () => { await call("DELETE", "/session?everywhere=true"); location.assign("/console/sign-in"); }));
document.getElementById("new-token")?.addEventListener("click", async () => {
  const values = await ask({ title: "A token for scripts", action: "Make", fields: [{ name: "name", label: "What it is for", required: true }, { name: "role", label: "It may do", options: [{ value: "", label: "what you may" }, "auditor", "operator", "administrator"] }, { name: "days", label: "Days until it ends", type: "number", value: "90" }] });
  if (!values) return;
  await attempt(async () => {
    const made = await sure("POST", "/tokens", { name: values.name, ...(values.role ? { role: values.role } : {}), days: Number(values.days) });
    await secret(`The token ${made.name}`, "Scripts send it as `Authorization: Bearer TOKEN`; the command line takes a file with it by --token-file.", made.secret);
    reload();
  });
});
document.getElementById("new-account")?.addEventListener("click", async () => {
  const values = await ask({ title: "Add an account", action: "Add", fields: [{ name: "name", label: "Name", required: true }, { name: "role", label: "Role", options: ["auditor", "operator", "administrator"] }] });
  if (!values) return;
  await attempt(async () => {
    const made = await sure("POST", "/accounts", values);
    const link = await sure("POST", `/accounts/${made.id}/link`);
    await secret(`A link for ${made.name}`, "Give it to them: it sets a password, once, within 30 minutes.", location.origin + link.path);
    reload();
  });
});
