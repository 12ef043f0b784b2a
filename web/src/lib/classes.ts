import type { ClassScores } from "../api/schema";
import type { Column } from "../state/lower";
import type { View } from "../state/view";

/** Those that are searched for, as the service would sort them: of equals the first by name, and last what is n/a. */
export function inOrder(
  all: ClassScores[],
  { cq, csort, cdesc }: Pick<View, "cq" | "csort" | "cdesc">,
): [ClassScores[], ClassScores[]] {
  const column = csort as Exclude<Column, "curve"> | "label";
  const sign = cdesc === "1" ? -1 : 1;
  const found = all
    .filter(({ label }) => label.toLowerCase().includes(cq.toLowerCase()))
    .sort((one, other) => {
      const [x, y] = [one[column], other[column]];
      if (x === y) return 0;
      if (x === null) return 1;
      if (y === null) return -1;
      return sign * (x < y ? -1 : 1);
    });
  return [found.filter((one) => !one.question), found.filter((one) => one.question)];
}
