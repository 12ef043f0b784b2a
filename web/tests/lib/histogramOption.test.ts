import { expect, test } from "vitest";
import type { Distribution } from "../../src/api/schema";
import { histogramOption } from "../../src/lib/histogramOption";

const side = (name: string, counts: number[]) => ({
  name,
  data: { counts, total: counts.reduce((sum, one) => sum + one, 0) } as Distribution,
});
const color = (name: string) => name;

test("of parts each bar is a share of its own part, of runs a count", () => {
  const series = [side("a", [1, 3]), side("b", [10, 0])];
  const data = (shares: boolean) =>
    histogramOption("iou", series, [0, 0.5, 1], shares, color).series.map((s) => s.data);
  expect(data(true)).toEqual([
    [
      [0.25, 25],
      [0.75, 75],
    ],
    [
      [0.25, 100],
      [0.75, 0],
    ],
  ]);
  expect(data(false)[1]).toEqual([
    [0.25, 10],
    [0.75, 0],
  ]);
});

test("many parts are outlines, for bars would be too thin", () => {
  const kinds = (many: number) =>
    histogramOption(
      "f1",
      Array.from({ length: many }, (_, i) => side(`${i}`, [1])),
      [0, 1],
      true,
      color,
    ).series.map((one) => one.type);
  expect([kinds(3)[0], kinds(4)[0]]).toEqual(["bar", "line"]);
});

test("a tooltip says the bin and the count in it, and lets no name be HTML", () => {
  const option = histogramOption("iou", [side("<i>", [2, 3]), side("b", [4, 5])], [0, 0.5, 1], true, color);
  const at = (seriesIndex: number) => ({ dataIndex: 1, seriesName: "", marker: "•", value: [], seriesIndex });
  expect(option.tooltip.formatter([at(0), at(1)])).toBe("0.5 to 1<br>• &lt;i&gt; 3<br>• b 5");
});
