import { parseAsStringLiteral } from "nuqs";
import { parseAsWhole } from "./parsers";

/** Annotations by which of two runs gets them right. */
export const KINDS = ["both", "only_a", "only_b", "neither"] as const;
export type Kind = (typeof KINDS)[number];
/** By what classes and slices are the most changed. */
export const CHANGES = ["f1", "precision", "recall", "flips"] as const;
export type Change = (typeof CHANGES)[number];

/** What the comparison of two runs adds to the state in the URL. */
export const COMPARED = {
  /** Whether the list of objects is more than its first line, where no cell says so. */
  flips: parseAsStringLiteral(["all"] as const),
  flip: parseAsStringLiteral(KINDS).withDefault("only_a"),
  change: parseAsStringLiteral(CHANGES).withDefault("f1"),
  /** Where the pages begin: of classes, of slices, and of objects. */
  classfrom: parseAsWhole(0).withDefault(0),
  slicefrom: parseAsWhole(0).withDefault(0),
  flipfrom: parseAsWhole(0).withDefault(0),
  /** Which list the open data row was chosen from; if not said, the gallery. */
  from: parseAsStringLiteral(["flips"] as const),
};
