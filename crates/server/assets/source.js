// Where a feed comes from and what proves it: fields of a form, and what the API takes.
const lines = (text) => text.split(/[\s,]+/).filter(Boolean);

// Without what is not said.
export const bare = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null && value !== ""));

const joined = (list) => (list ?? []).join("\n");
const several = (name, label, list) => ({ name, label, type: "textarea", rows: "2", value: joined(list) });

// The fields for a kind of feed, filled in from what there is; none: a new one.
export function fieldsOf(kind, source) {
  const fresh = !source, is = source ?? {};
  const shared = [
    several("mirrors", "Addresses of mirrors, tried first, one a line", is.mirrors),
    { name: "ca", label: `Certificate authorities that alone may vouch for its hosts, a PEM file; none: ${fresh ? "those of the machine" : "as it is"}`, type: "file", accept: ".pem,.crt,.cer" },
  ];
  if (kind === "sdp") return [{ name: "url", label: "Address of the catalogue", required: true, placeholder: "https://vendor.example/catalogue.cab", value: is.url }, ...shared];
  return [
    { name: "url", label: "Address of the folder that holds “dists”", required: true, placeholder: "http://deb.debian.org/debian-security", value: is.url },
    { name: "suite", label: "Suite", required: true, placeholder: "bookworm-security", value: is.suite },
    { name: "components", label: "Components", required: true, value: fresh ? "main" : joined(is.components).replaceAll("\n", " ") },
    { name: "architectures", label: "Architectures", required: true, placeholder: "amd64 arm64", value: joined(is.architectures).replaceAll("\n", " ") },
    { name: "keyring", label: fresh ? "Keyring that proves it, binary or armoured" : "Another keyring; none: the one that it has", type: "file", required: fresh },
    several("keys", "Fingerprints of the keys that must have signed; empty: any of the keyring", is.keys),
    { name: "advisories", label: "List of advisories (DSA list or OSV archive), address or path on the server", value: is.advisories },
    ...shared,
  ];
}

const base64 = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
  reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
  reader.readAsDataURL(file);
});

// What was typed, as the API takes it, with the authorities beside it.
export async function sourceOf(kind, values) {
  const ca = values.ca ? await values.ca.text() : undefined;
  const source = { kind, url: values.url, mirrors: lines(values.mirrors) };
  if (kind === "sdp") return { ...source, ca };
  return {
    ...source, ca, suite: values.suite, components: lines(values.components), architectures: lines(values.architectures), keys: lines(values.keys),
    ...bare({ keyring: values.keyring ? await base64(values.keyring) : undefined, advisories: values.advisories }),
  };
}
