// Requests to the API, with the session's cookie.

export class Problem extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

// What a page asks for by itself is no sign that somebody is there: the session must not live on by it.
export const POLL = { "x-patchwharf-poll": "1" };

// Who is not signed in any more goes to the door; a wrong name or password is said where it was typed.
const isDoor = (method, path) => path.startsWith("/session") && !path.startsWith("/sessions") && method !== "DELETE" && method !== "GET";

export async function call(method, path, body, headers = {}) {
  let response;
  // A file goes as it is.
  const isFile = body instanceof Blob;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers: body === undefined ? headers : { ...headers, "Content-Type": isFile ? "application/octet-stream" : "application/json" },
      body: body === undefined || isFile ? body : JSON.stringify(body),
    });
  } catch {
    throw new Problem({ title: "The server does not answer", detail: "The server cannot be reached. Nothing was changed by this request as far as this page knows; look again when it answers.", code: "unreachable" });
  }
  const text = await response.text();
  let answer = null;
  try { answer = text ? JSON.parse(text) : null; } catch { /* said below */ }
  if (response.ok) return answer;
  if (response.status === 401 && !isDoor(method, path)) {
    toSignIn();
    // The page goes: what was asked for has no answer any more, and no message would be read.
    return new Promise(() => {});
  }
  throw new Problem(answer ?? { title: "The server failed", detail: `The server answered ${response.status}.`, code: String(response.status) });
}

// To the sign-in, and from there back to this page.
export function toSignIn() {
  location.assign(`/console/sign-in?back=${encodeURIComponent(location.pathname + location.search)}`);
}

// What the account may do, as the page says; the server decides.
export const role = () => document.body.dataset.role;
export const stages = () => role() !== "auditor";
export const administers = () => role() === "administrator";
