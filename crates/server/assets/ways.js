// What a text of the server names by the command line's words, said with its place in this console.
const BULLETINS = "/console/bulletins", JOBS = "/console/jobs", SERVICES = "/console/services", FEEDS = "/console/feeds";

// How a command begins, the place in words, and where it is. The first that fits counts.
const places = [
  [/^bulletin stage/, "Patch Remediation Center, Stage / Download Packages", BULLETINS],
  [/^bulletin refresh/, "Patch Remediation Center, Refresh", BULLETINS],
  [/^bulletin recreate/, "Patch Remediation Center, Recreate packages", BULLETINS],
  [/^bulletin/, "Patch Remediation Center", BULLETINS],
  [/^package supply/, "the bulletin's page, Give the file", BULLETINS],
  [/^package/, "Software Packages", "/console/packages"],
  [/^policy accept/, "the policy's page, Accept new content", "/console/policies"],
  [/^policy/, "Software Update Policies", "/console/policies"],
  [/^location undo/, "Core Services, Go back to its originals", SERVICES],
  [/^location prune/, "Core Services, Prune", SERVICES],
  [/^location relocate/, "Core Services, Move its packages", SERVICES],
  [/^location remove .*--lost/, "Core Services, Give it up as lost", SERVICES],
  [/^location adopt/, "Core Services, Adopt a folder of another server", SERVICES],
  [/^(location|settings)/, "Core Services", SERVICES],
  [/^job run integrity-check --repair/, "Jobs and Tasks, Mend", JOBS],
  [/^job run delete-unused/, "Jobs and Tasks, Delete unused packages", JOBS],
  [/^store reconcile/, "Jobs and Tasks, Reconcile store and database", JOBS],
  [/^job/, "Jobs and Tasks", JOBS],
  [/^feed import .*--confirm-shrink/, "the feed's page, Import all the same", FEEDS],
  [/^feed set/, "the feed's page, Change where it comes from", FEEDS],
  [/^feed/, "Feeds", FEEDS],
  [/^audit/, "Audit", "/console/audit"],
  [/^log/, "Log Viewer", "/console/log"],
];

// Boxes of this console's dialogs that are switches of the command line.
const boxes = [
  [/--restage\b/, "the box “Fetch anew what is missing or damaged at the old place”"],
  [/--link\b/, "the box “Do not copy”"],
  [/--although-needed\b/, "the box “Although a policy needs them”"],
  [/--also-supplied\b/, "the box “Also packages with files that were supplied by hand”"],
];

// The places that a text names, each once: words, and the address where there is one.
export function ways(text) {
  const found = new Map();
  for (const [, command] of text.matchAll(/`patchwharf ([^`]*)`/g)) {
    const place = places.find(([begins]) => begins.test(command));
    if (place) found.set(place[1], place[2]);
  }
  for (const [flag, words] of boxes) if (flag.test(text)) found.set(words, undefined);
  return [...found].map(([words, href]) => ({ words, href }));
}
