// What deletes, moves, mends or takes in is looked at first: a dry run, what it found, the question, then the work.
import { call } from "./api.js";
import { ask, element } from "./dialog.js";
import { items, watch } from "./follow.js";
import { plural } from "./words.js";

// What a look has found, the worst first, and where all of it is.
export function found(job) {
  const { items_failed: bad = 0, items_left_out: more = 0 } = job.report;
  return {
    list: [...items(job), ...(more > 0 ? [`and ${more} more`] : [])],
    body: element("p", {}, bad > 0 ? `${plural(bad, "line")} of it ${bad === 1 ? "says" : "say"} what is wrong or stays. ` : "", element("a", { href: `/console/jobs/${job.id}` }, more > 0 ? "All of it, also as CSV" : "The report of this look")),
  };
}

// `job`: the look, where a form has started it already. `worth`: whether there is anything to do. `question`: the title, or what is
// asked by what was found. `show`: what was found. `real`: what the request of the work says besides. `leave`: the work is
// watched on its job's page. Resolves to the work's end, or nothing.
export async function lookFirst({ name, path, body, job, real = {}, worth, question, show = found, text = [], action, danger = false, leave = false }) {
  const looked = await watch(`${name}: what would be done`, () => job ?? call("POST", path, { ...body, dry_run: true }), { brief: true });
  if (looked?.state !== "done") return undefined;
  const { report } = looked;
  if (!worth(report)) {
    await ask({ title: name, text: ["There is nothing to do.", report.summary], ...found(looked), action: null });
    return undefined;
  }
  const asked = typeof question === "string" ? { title: question } : question(report);
  if (!(await ask({ text: [...text, report.summary], action, danger, ...show(looked), ...asked }))) return undefined;
  const work = () => call("POST", path, { ...body, ...real, dry_run: false });
  if (!leave) return watch(name, work);
  location.assign(`/console/jobs/${(await work()).id}`);
  return undefined;
}

// A form whose look is started while it is open: what the server refuses is said in it, and what was typed stays.
// `wish` makes the request's body of what was typed, and may add to what is asked later.
export async function askAndLook({ form, path, wish = (values) => values, ...rest }) {
  const made = await ask({ ...form, send: async (values) => { const body = wish(values); return { values, body, job: await call("POST", path, { ...body, dry_run: true }) }; } });
  return made ? lookFirst({ path, ...rest, ...(rest.of ? rest.of(made.values) : {}), body: made.body, job: made.job }) : undefined;
}
