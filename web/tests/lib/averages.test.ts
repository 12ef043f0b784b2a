import { expect, test } from "vitest";
import { besideAverage } from "../../src/lib/averages";

const COCO = { ap50: 0.5, ap75: null, ap_rare: null, ap_common: null, ap_frequent: null };

test("averages by frequency stand there where any class is declared rare, common or frequent", () => {
  expect(besideAverage(COCO)).toEqual(["AP50 0.500", "AP75 n/a"]);
  expect(besideAverage({ ...COCO, ap_rare: 0, ap_frequent: 0.25 })).toEqual([
    "AP50 0.500",
    "AP75 n/a",
    "APr 0.000",
    "APc n/a",
    "APf 0.250",
  ]);
});
