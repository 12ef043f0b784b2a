import type { Datasets, Deleted } from "../api/schema";
import type { View } from "../state/view";
import { isolated } from "./bidi";
import { count } from "./format";

/** What is to be deleted: a dataset, or one of its runs. */
export interface Doomed {
  dataset: string;
  run: string | null;
}

/** The list of datasets once this one, or this run of it, is gone. */
export function without(before: Datasets, { dataset, run }: Doomed): Datasets {
  if (run === null) return { ...before, datasets: before.datasets.filter((one) => one.dataset !== dataset) };
  const datasets = before.datasets.map((one) => {
    if (one.dataset !== dataset) return one;
    const runs = one.runs.filter((name) => name !== run);
    return { ...one, runs, newest_run: one.newest_run === run ? (runs.at(-1) ?? null) : one.newest_run };
  });
  return { ...before, datasets };
}

/** What has to change in the view so that it names nothing that is gone. */
export function leaving(view: Pick<View, "a" | "b" | "also">, { run }: Doomed, all: object) {
  if (run === null) return { ...all, d: null };
  return {
    ...(view.a === run && { a: null, row: null, object: null }),
    ...(view.b === run && { b: null }),
    ...(view.also.includes(run) && { also: view.also.filter((one) => one !== run) }),
  };
}

const some = (number: number, one: string, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** What is lost, in words, one line a kind; what there is none of is left out. */
export function lossOf(loss: Deleted, runs: string[]): string[] {
  const rows = some(loss.data_rows, "data row");
  const results = loss.results > 0 ? [`${some(loss.results, "result")} of matching`] : [];
  if (loss.run) return [`every prediction of ${isolated(loss.run)}, on ${rows}`, ...results];
  return [
    `every annotation, on ${rows}`,
    ...(runs.length > 0 ? [`every prediction of ${some(runs.length, "run")}: ${runs.map(isolated).join(", ")}`] : []),
    ...results,
    ...(loss.declarations > 0
      ? [some(loss.declarations, "declaration of its classes", "declarations of its classes")]
      : []),
    ...(loss.dead_letters > 0 ? [some(loss.dead_letters, "dead letter")] : []),
  ];
}
