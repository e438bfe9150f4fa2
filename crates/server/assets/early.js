// Buttons that are pressed, forms that are sent and fields that are changed before the scripts of a page are there are done once
// they are: no click is lost, and no form goes its own way with what stands in it. The one script that a page waits for; links, and
// forms that have an address, need none.
{
  // Each once, however often somebody impatient pressed it.
  const early = new Set();
  const kinds = ["click", "submit", "change"];
  const keep = (event) => {
    if (event.type === "change") { early.add(event.target); return; }
    const form = event.type === "submit" && !event.target.hasAttribute("action") && event.target;
    const button = event.type === "click" && event.target.closest("button[type=button]");
    if (!form && !button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    early.add(form || button);
  };
  const done = (one) => {
    if (one instanceof HTMLFormElement) one.requestSubmit();
    else if (one instanceof HTMLButtonElement) one.click();
    else one.dispatchEvent(new Event("change", { bubbles: true }));
  };
  for (const kind of kinds) document.addEventListener(kind, keep, true);
  // On the window: after all that waits for the same on the document, htmx among it.
  addEventListener("DOMContentLoaded", () => {
    for (const kind of kinds) document.removeEventListener(kind, keep, true);
    for (const one of early) done(one);
  });
}
