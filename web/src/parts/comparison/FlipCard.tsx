import { nameOfLabel } from "../../lib/classLabel";
import { useRef } from "react";
import type { Flip, Row, Said } from "../../api/schema";
import { keyOf } from "../../lib/cases";
import { keyOfFlip, verdictOf } from "../../lib/compared";
import { around, type Box, filling, frameOf, isAnswer, isDrawn, isSpan } from "../../lib/shape";
import { useWidth } from "../../lib/useWidth";
import { Run } from "./Run";
import styles from "./FlipCard.module.css";
import { Mark } from "../shared/Mark";
import { type Drawn, Overlay, type Skeletons } from "../detail/Overlay";
import { Passage } from "../detail/Passage";

interface Side {
  run: string;
  row: Row | undefined;
}

interface Props {
  flip: Flip;
  a: Side;
  b: Side;
  skeletons: Skeletons;
  open: () => void;
}

/** One object as each of two runs has it, side by side. */
export function FlipCard({ flip, a, b, skeletons, open }: Props) {
  const element = useRef<HTMLButtonElement>(null);
  const width = useWidth(element, 280) / 2;
  const { annotation } = flip.a;
  return (
    <button
      ref={element}
      type="button"
      className={styles.card}
      data-flip={keyOfFlip(flip)}
      data-stacked={isSpan(annotation)}
      onClick={open}
    >
      <span className={styles.caption}>
        <b>
          <bdi>{nameOfLabel(annotation.label)}</bdi>
        </b>
        <bdi className="muted">{flip.data_row}</bdi>
      </span>
      {isAnswer(annotation) && a.row && (
        <Picture row={a.row} objects={[]} place={frameOf(a.row)} aspect={2} width={2 * width} skeletons={skeletons}>
          <bdi>{annotation.feature}</bdi>
        </Picture>
      )}
      <span className={styles.sides}>
        <SideView which="a" side={a} said={flip.a} flip={flip} width={width} skeletons={skeletons} />
        <SideView which="b" side={b} said={flip.b} flip={flip} width={width} skeletons={skeletons} />
      </span>
    </button>
  );
}

interface SideProps {
  which: "a" | "b";
  side: Side;
  said: Said;
  flip: Flip;
  width: number;
  skeletons: Skeletons;
}

function SideView({ which, side, said, flip, width, skeletons }: SideProps) {
  const { prediction, annotation } = said;
  const outcome = said.verdict === "right" ? "tp" : said.verdict === "wrong" ? "fp" : "fn";
  return (
    <span className={styles.side} data-side={which} data-verdict={said.verdict}>
      {side.row && !isAnswer(annotation) && (
        <Picture
          row={side.row}
          objects={drawnOf(said)}
          place={placeOf(flip, side.row)}
          aspect={1}
          width={width}
          skeletons={skeletons}
        >
          <bdi>{nameOfLabel(annotation.label)}</bdi>
        </Picture>
      )}
      <span className={styles.said}>
        <span className={styles.name}>
          <Run which={which} name={side.run} />
          {typeof prediction?.confidence === "number" && (
            <span className="number muted" title="confidence">
              {prediction.confidence.toFixed(2)}
            </span>
          )}
        </span>
        <span className={styles.verdict} data-outcome={outcome}>
          <Mark outcome={outcome} size={11} />
          <span>{said.verdict === "missed" ? causeOf(annotation.cause) : verdictOf(said)}</span>
        </span>
      </span>
    </span>
  );
}

/** Why nothing is matched to it, where a prediction comes near it. */
function causeOf(cause: string | null | undefined): string {
  return cause && cause !== "missed" ? `missed: ${cause}` : "missed";
}

/** Both sides of what is matched; of spans that say the same, one is enough. */
function drawnOf({ annotation, prediction, verdict }: Said): Drawn[] {
  const said: Drawn[] = prediction ? [{ side: "prediction", object: prediction }] : [];
  if (verdict === "right" && isSpan(annotation)) return said;
  return [{ side: "annotation", object: annotation }, ...said];
}

interface PictureProps {
  row: Row;
  objects: Drawn[];
  place: Box;
  aspect: number;
  width: number;
  skeletons: Skeletons;
  /** What stands where there is nothing to be seen. */
  children: React.ReactNode;
}

function Picture({ row, objects, place, aspect, width, skeletons, children }: PictureProps) {
  const drawn = objects.filter(({ object }) => isDrawn(object));
  if (row.text) {
    const keys = objects.map(({ side, object }) => keyOf(side, object));
    return (
      <span className={styles.text}>
        <Passage text={row.text} objects={objects} excerpt={keys} />
      </span>
    );
  }
  if (!row.media_url && drawn.length === 0) return <span className={styles.text}>{children}</span>;
  return (
    <span className={styles.picture} aria-hidden="true" style={{ aspectRatio: aspect }}>
      <Overlay
        row={row}
        objects={drawn}
        box={filling(place, aspect)}
        pixels={width}
        labels="none"
        skeletons={skeletons}
      />
    </span>
  );
}

/** What is shown of the row: the same in both pictures. */
function placeOf({ a, b }: Flip, row: Row): Box {
  const objects = [a.annotation, a.prediction, b.prediction].filter((one) => one !== null);
  return around(objects, 0.25) ?? frameOf(row);
}
