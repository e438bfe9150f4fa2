// Streams of events: they rest while nobody sees the page, and are opened again when they ended, unless the server has a
// reason that stays.
import { POLL, toSignIn } from "./api.js";

const SOON = 3000, LATE = 30000;
// Asked again, the same question has the same answer.
const FINAL = [400, 401, 403, 404];

// Why a stream was refused: an EventSource does not say, so the same is asked once more.
async function refusal(address) {
  const end = new AbortController();
  try {
    const response = await fetch(address, { headers: POLL, signal: end.signal });
    const problem = response.ok ? null : await response.json().catch(() => null);
    return [response.status, problem?.detail ?? (response.ok ? "The stream has ended." : `The server answered ${response.status}.`)];
  } catch {
    return [0, "The server does not answer."];
  } finally {
    end.abort();
  }
}

// Follows what `address` gives whenever it is opened; `on` has what is done with each kind of event. A browser has few
// connections to one server, and pages in the background must not take them all: there it is closed, and goes on when the
// page is seen again. `said` is told how it stands, and whether that is trouble or the end.
export function events(address, on, said = () => {}) {
  let source = null, timer = 0, wait = SOON;
  const open = () => {
    const asked = address(), opened = new EventSource(asked);
    source = opened;
    said("connecting", null);
    opened.onopen = () => { wait = SOON; said("live", null); };
    opened.onerror = async () => {
      if (opened !== source) return;
      if (opened.readyState !== EventSource.CLOSED) { said("connecting again", "trouble"); return; }
      const [status, detail] = await refusal(asked);
      if (opened !== source) return;
      if (status === 401) { toSignIn(); return; }
      if (FINAL.includes(status)) { close(); said(`stopped: ${detail}`, "end"); return; }
      said(`not live: ${detail} It is tried again.`, "trouble");
      timer = setTimeout(open, wait);
      wait = Math.min(2 * wait, LATE);
    };
    for (const [name, take] of Object.entries(on)) opened.addEventListener(name, (event) => { if (opened === source) take(JSON.parse(event.data)); });
    // Who may not follow any more gets this as the last event.
    opened.addEventListener("signed-out", () => { close(); toSignIn(); });
  };
  const rest = () => { clearTimeout(timer); source?.close(); source = null; };
  const look = () => { if (document.hidden) rest(); else if (!source) open(); };
  const close = () => {
    document.removeEventListener("visibilitychange", look);
    removeEventListener("pagehide", close);
    rest();
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", close);
  look();
  return { close };
}
