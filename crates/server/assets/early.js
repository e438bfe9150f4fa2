// Buttons that are pressed and forms that are sent before the scripts of a page are there are done once they are: no click is lost,
// and no form goes its own way with what stands in it. The one script that a page waits for; links, and forms that have an
// address, need none.
{
  // Each once, however often somebody impatient pressed it.
  const early = new Set();
  const keep = (event) => {
    const form = event.type === "submit" && !event.target.hasAttribute("action") && event.target;
    const button = event.type === "click" && event.target.closest("button[type=button]");
    if (!form && !button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    early.add(form || button);
  };
  for (const kind of ["click", "submit"]) document.addEventListener(kind, keep, true);
  // On the window: after all that waits for the same on the document, htmx among it.
  addEventListener("DOMContentLoaded", () => {
    for (const kind of ["click", "submit"]) document.removeEventListener(kind, keep, true);
    for (const one of early) one instanceof HTMLFormElement ? one.requestSubmit() : one.click();
  });
}
