import { parseAsInteger, parseAsStringLiteral } from "nuqs";

/** Annotations by which of two runs gets them right. */
export const KINDS = ["both", "only_a", "only_b", "neither"] as const;
export type Kind = (typeof KINDS)[number];
/** By what classes and slices are the most changed. */
export const CHANGES = ["f1", "precision", "recall", "flips"] as const;
export type Change = (typeof CHANGES)[number];

/** What the comparison of two runs adds to the state in the URL. */
export const COMPARED = {
  flip: parseAsStringLiteral(KINDS).withDefault("only_a"),
  change: parseAsStringLiteral(CHANGES).withDefault("f1"),
  /** Where the pages begin: of classes, of slices, and of objects. */
  classfrom: parseAsInteger.withDefault(0),
  slicefrom: parseAsInteger.withDefault(0),
  flipfrom: parseAsInteger.withDefault(0),
  /** Which list the open data row was chosen from; if not said, the gallery. */
  from: parseAsStringLiteral(["flips"] as const),
};
