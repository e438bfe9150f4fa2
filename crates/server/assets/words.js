// Numbers and what they count, as people say them.
const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
export function bytes(number) {
  let value = number, unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return unit === 0 ? `${number} B` : `${value.toFixed(1)} ${units[unit]}`;
}

// Seconds as people say them.
export function span(seconds) {
  if (seconds <= 90) return plural(Math.max(1, Math.round(seconds)), "second");
  return seconds <= 5400 ? plural(Math.ceil(seconds / 60), "minute") : plural(Math.ceil(seconds / 3600), "hour");
}

export const plural = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

// The first of a list, and how many more there are.
export const some = (names, count = names.length, most = 20) => names.slice(0, most).concat(count > most ? [`and ${count - most} more`] : []);

// What a deletion takes, from the server's preview of it.
export function deletion(preview) {
  const shared = preview.size_bytes - preview.freed_bytes;
  return [
    `${plural(preview.packages, "package")} of ${preview.of_packages}, with ${plural(preview.files, "file")}: ${bytes(preview.size_bytes)}`,
    shared > 0 ? `${bytes(preview.freed_bytes)} become free; the rest is shared with packages that stay` : `${bytes(preview.freed_bytes)} become free`,
    ...(preview.originals > 0 ? [`${plural(preview.originals, "original")} at other locations (${bytes(preview.original_bytes)}) go too`] : []),
    ...(preview.jobs?.length ? [`it waits for ${plural(preview.jobs.length, "job")} that work on them now`] : []),
    ...preview.policies.map((policy) => `needed by policy ${policy.name}`),
  ];
}

export const althoughNeeded = (preview) => preview.policies.length ? [{ name: "although_needed", label: "Although a policy needs them (its switch stays on and shows “package missing”)", type: "checkbox" }] : [];
