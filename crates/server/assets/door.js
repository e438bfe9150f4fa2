// Signing in, and setting a password by a link. The link's secret stands after `#`: it is sent in a body, never in an address.
import { call } from "./api.js";

const error = document.querySelector(".error[role=alert]");
const fail = (problem) => { error.textContent = problem.message; error.hidden = false; };

document.getElementById("sign-in")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, button = form.querySelector("button");
  button.disabled = true;
  error.hidden = true;
  try {
    await call("POST", "/session", { name: form.elements.name.value, password: form.elements.password.value });
    location.assign(form.dataset.back);
  } catch (problem) {
    fail(problem);
    button.disabled = false;
    form.elements.password.select();
  }
});

const setUp = document.getElementById("set-up");
if (setUp) {
  const link = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  const show = async () => {
    if (!link) throw new Error("Open the link as a whole, with what stands after the #.");
    const purpose = await call("POST", "/session/link", { link });
    const first = purpose.name === null;
    document.getElementById("name-field").hidden = !first;
    setUp.elements.name.required = first;
    document.getElementById("purpose").textContent = first ? "This makes the first administrator." : `A new password for ${purpose.name}.`;
    setUp.hidden = false;
    setUp.elements[first ? "name" : "password"].focus();
  };
  show().catch(fail);
  setUp.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { name, password, again } = setUp.elements;
    if (password.value !== again.value) { fail(new Error("The two passwords differ.")); return; }
    error.hidden = true;
    try {
      await call("POST", "/session/set-up", { link, name: name.required ? name.value : null, password: password.value });
      location.assign(setUp.dataset.back);
    } catch (problem) { fail(problem); }
  });
}
