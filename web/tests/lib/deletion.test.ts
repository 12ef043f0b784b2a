import { expect, test } from "vitest";
import type { Datasets, Deleted } from "../../src/api/schema";
import { leaving, lossOf, without } from "../../src/lib/deletion";

const one = (dataset: string, runs: string[], newest_run: string | null) => ({ dataset, runs, newest_run });
const all = { may_delete: true, datasets: [one("d", ["a", "b"], "b"), one("e", [], null)] } as unknown as Datasets;

test("what is deleted is offered no more, and another run takes its place", () => {
  expect(without(all, { dataset: "d", run: null }).datasets.map((it) => it.dataset)).toEqual(["e"]);
  const [left] = without(all, { dataset: "d", run: "b" }).datasets;
  expect(left).toMatchObject({ runs: ["a"], newest_run: "a" });
  expect(
    without({ ...all, datasets: [one("d", ["a"], "a")] } as unknown as Datasets, { dataset: "d", run: "a" }),
  ).toMatchObject({ datasets: [{ runs: [], newest_run: null }] });
});

test("the view names nothing that is gone", () => {
  const view = { a: "a", b: "b", also: ["c", "e"] };
  expect(leaving(view, { dataset: "d", run: "c" }, {})).toEqual({ also: ["e"] });
  expect(leaving(view, { dataset: "d", run: "a" }, {})).toEqual({ a: null, row: null, object: null });
  expect(leaving(view, { dataset: "d", run: "b" }, {})).toEqual({ b: null });
  expect(leaving(view, { dataset: "d", run: null }, { a: null, f: [] })).toEqual({ a: null, f: [], d: null });
});

test("what is lost is named, and what there is none of is not", () => {
  const none = { data_rows: 1, results: 0, declarations: 0, dead_letters: 0, run: "a" } as Deleted;
  expect(lossOf(none, ["a"])).toEqual(["every prediction of a, on 1 data row"]);
  const whole = { ...none, run: null, data_rows: 1200, results: 3, dead_letters: 1 };
  expect(lossOf(whole, ["a", "b"])).toEqual([
    "every annotation, on 1,200 data rows",
    "every prediction of 2 runs: a, b",
    "3 results of matching",
    "1 dead letter",
  ]);
});
