import { nameOfLabel } from "../../lib/classLabel";
import { useEffect, useRef } from "react";
import type { RowObject } from "../../api/schema";
import { keysOf, nameOf, outcomeOf, type Pair, type Side } from "../../lib/cases";
import { explained } from "../../lib/flips";
import { figure, ratio, short } from "../../lib/format";
import { colorOf, wordsOf } from "../../lib/outcome";
import { answerOf } from "../../lib/shape";
import styles from "./CaseList.module.css";
import { Mark } from "../shared/Mark";

interface Props {
  pairs: Pair[];
  chosen: string | null;
  pointed: string[];
  point: (key: string | null) => void;
  choose: (key: string) => void;
}

/** Every object of a row with its partner; the one that is chosen tells all about itself. */
export function CaseList({ pairs, chosen, pointed, point, choose }: Props) {
  return (
    <ul className={styles.list}>
      <li className={`muted ${styles.line} ${styles.heads}`} aria-hidden="true">
        <span />
        <span>object</span>
        <span>outcome</span>
        <span className={styles.figure}>conf.</span>
        <span className={styles.figure}>IoU</span>
      </li>
      {pairs.map((pair) => {
        const keys = keysOf(pair);
        const key = keys.at(-1) ?? "";
        return (
          <Entry
            key={key}
            pair={pair}
            open={chosen !== null && keys.includes(chosen)}
            pointed={keys.some((one) => pointed.includes(one))}
            point={(on) => point(on ? key : null)}
            choose={() => choose(key)}
          />
        );
      })}
    </ul>
  );
}

interface EntryProps {
  pair: Pair;
  open: boolean;
  pointed: boolean;
  point: (on: boolean) => void;
  choose: () => void;
}

function Entry({ pair, open, pointed, point, choose }: EntryProps) {
  const element = useRef<HTMLLIElement>(null);
  const outcome = outcomeOf(pair);
  const own = pair.prediction ?? pair.annotation;
  useEffect(() => {
    // On a narrow screen the list lies below the picture, which is not to be scrolled away.
    if (open && matchMedia("(min-width: 901px)").matches) element.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  return (
    <li
      ref={element}
      className={styles.entry}
      data-pointed={pointed}
      data-case={keysOf(pair).join(" + ")}
      onPointerEnter={() => point(true)}
      onPointerLeave={() => point(false)}
    >
      <button
        type="button"
        className={styles.line}
        aria-expanded={open}
        onClick={choose}
        onFocus={() => point(true)}
        onBlur={() => point(false)}
      >
        <Mark outcome={outcome} />
        <span className={styles.name}>{nameOf(pair)}</span>
        <span style={{ color: colorOf(outcome) }} className={styles.outcome}>
          {wordsOf(outcome, pair.annotation !== null && pair.prediction !== null)}
        </span>
        <span className={`number ${styles.figure}`} title="confidence">
          {typeof pair.prediction?.confidence === "number" ? pair.prediction.confidence.toFixed(2) : ""}
        </span>
        <span className={`number muted ${styles.figure}`} title="IoU">
          {typeof own?.iou === "number" ? own.iou.toFixed(2) : ""}
        </span>
      </button>
      {open && (
        <div className={styles.more}>
          {explained(pair).map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          <table className={styles.fields}>
            <thead>
              <tr>
                <td />
                <th scope="col">annotation</th>
                <th scope="col">prediction</th>
              </tr>
            </thead>
            <tbody>
              {[...FIELDS, ...metricsOf(pair)].map(([name, value]) => {
                const [left, right] = (["annotation", "prediction"] as Side[]).map((side) => {
                  const object = pair[side];
                  return object ? value(object, side) : "";
                });
                if (!left && !right) return null;
                return (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>{left}</td>
                    <td>{right}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </li>
  );
}

/** What a field is called, and what it says of an object. */
type Field = [string, (object: RowObject, side: Side) => string];

/** Metrics that producers sent for the objects of a pair. */
function metricsOf({ annotation, prediction }: Pair): Field[] {
  const names = new Set([annotation, prediction].flatMap((object) => Object.keys(object?.metrics ?? {})));
  return [...names].sort().map((name) => [
    name,
    (object) => {
      const value = object.metrics?.[name];
      return value === undefined ? "" : figure(value);
    },
  ]);
}

/** Everything that is known of an object. */
const FIELDS: Field[] = [
  ["id", (object) => object.id],
  ["type", (object) => object.type.replaceAll("_", " ")],
  ["class", (object) => nameOfLabel(object.label)],
  ["answer", (object) => (object.type === "radio" ? answerOf(object) : "")],
  ["confidence", (object, side) => (side === "prediction" ? ratio(object.confidence) : "")],
  ["IoU", (object) => (typeof object.iou === "number" ? ratio(object.iou) : "")],
  ["outcome", (object) => wordsOf(object.outcome, (object.matched ?? null) !== null)],
  ["cause", (object) => object.cause ?? ""],
  ["matched to", (object) => object.matched ?? ""],
  ["part of", (object) => object.parent ?? ""],
  ["shape", shapeOf],
  ["repaired", (object) => (object.repaired ? "it crossed itself" : "")],
];

function shapeOf(object: RowObject): string {
  const g = object.geometry;
  switch (object.type) {
    case "bbox":
    case "rotated_box":
    case "span":
    case "point":
      return g.map(short).join(", ");
    case "polygon":
    case "polyline":
      return `${g.length / 2} points`;
    case "keypoints":
      return `${Math.floor(g.length / 3)} keypoints`;
    default:
      return "";
  }
}
