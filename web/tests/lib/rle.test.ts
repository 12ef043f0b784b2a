import { expect, test } from "vitest";
import { runLengths, traced } from "../../src/lib/rle";

/** Run lengths as pycocotools writes them: the inverse of `runLengths`. */
function written(runs: number[]): string {
  return runs
    .map((run, i) => {
      let rest = i > 2 ? run - (runs[i - 2] ?? 0) : run;
      let text = "";
      for (let more = true; more;) {
        let bits = rest & 31;
        rest >>= 5;
        more = bits & 16 ? rest !== -1 : rest !== 0;
        if (more) bits |= 32;
        text += String.fromCharCode(bits + 48);
      }
      return text;
    })
    .join("");
}

test("runs are read as they were written, long and short, growing and shrinking", () => {
  for (const runs of [
    [0, 16],
    [3, 1, 40, 1, 7],
    [1000, 2, 5, 70000, 1],
    [16, 15, 17, 31, 32, 33],
  ])
    expect(runLengths(written(runs))).toEqual(runs);
  // As pycocotools has it: a square of 2 by 2 in the middle of 4 by 4.
  expect(runLengths("52203")).toEqual([5, 2, 2, 2, 5]);
});

test("a mask's outline and its box", () => {
  expect(traced({ size: [4, 4], counts: "52203" })).toEqual({ path: "M1 1L3 1L3 3L1 3Z", box: [1, 1, 2, 2] });
  expect(traced({ size: [4, 4], counts: written([0, 16]) }).box).toEqual([0, 0, 4, 4]);
  expect(traced({ size: [4, 4], counts: written([16]) })).toEqual({ path: "", box: [0, 0, 0, 0] });
});

test("a hole is a ring of its own", () => {
  // Three by three without its middle, by columns.
  const { path, box } = traced({ size: [3, 3], counts: written([0, 4, 1, 4]) });
  expect(path.match(/Z/g)).toHaveLength(2);
  expect(box).toEqual([0, 0, 3, 3]);
});
