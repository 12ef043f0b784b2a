/** A figure of a table: a number with its name in the answer, by which the reason is found why it is null. */
export interface Figure {
  name: string;
  value: number | null | undefined;
  kind: "count" | "ratio" | "plain";
}

/** A table of figures. A null figure is n/a, and says why when it is pointed at. */
export interface Sheet {
  title?: string | undefined;
  /** What a line is about, and the columns behind it. */
  head: string[];
  lines: { name: string; figures: Figure[]; reasons: Record<string, string> }[];
}

export interface Column<T> {
  title: string;
  name: string;
  kind: Figure["kind"];
  value: (of: T) => number | null | undefined;
}

const column =
  (kind: Figure["kind"]) =>
  <Name extends string>(title: string, name: Name): Column<{ [_ in Name]?: number | null }> => ({
    title,
    name,
    kind,
    value: (of) => of[name],
  });

/** A column of what is from 0 to 1, or may be from -1 on. */
export const ratio = column("ratio");
export const count = column("count");
/** A column of numbers of any size. */
export const plain = column("plain");

/** What figures are taken from; it says why some of them are null. */
interface Source {
  undefined: Record<string, string>;
}

/** A table with a line for each of some like things. */
export function sheet<T extends Source>(
  about: string,
  columns: Column<T>[],
  lines: { name: string; of: T }[],
  title?: string,
): Sheet {
  return {
    title,
    head: [about, ...columns.map((one) => one.title)],
    lines: lines.map(({ name, of }) => ({
      name,
      figures: columns.map((one) => figure(one, of)),
      reasons: of.undefined,
    })),
  };
}

/** A table of figures that stand alone, one a line. */
export function list<T extends Source>(title: string, columns: Column<T>[], of: T): Sheet {
  return {
    head: [title, ""],
    lines: columns.map((one) => ({ name: one.title, figures: [figure(one, of)], reasons: of.undefined })),
  };
}

function figure<T>({ name, kind, value }: Column<T>, of: T): Figure {
  return { name, kind, value: value(of) };
}
