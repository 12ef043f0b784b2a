import type { Case, Row } from "../../api/schema";
import { keyOf, keysOf, nameOf, pairOf, type Side } from "../../lib/cases";
import { count } from "../../lib/format";
import { CASE_OUTCOMES, COUNTED_WORDS } from "../../lib/outcome";
import { around, filling, frameOf, isAnswer, isDrawn, isSpan, within } from "../../lib/shape";
import { Answers } from "../detail/Answers";
import styles from "./Card.module.css";
import { Mark } from "../shared/Mark";
import { Middle } from "../shared/Middle";
import { type Drawn, Overlay, type Skeletons } from "../detail/Overlay";
import { Passage } from "../detail/Passage";

/** What the gallery shows: a data row, or one object on it. */
export interface Item {
  key: string;
  row: Row;
  case: Case | null;
}

interface Props {
  item: Item;
  width: number;
  skeletons: Skeletons;
  focusable: boolean;
  open: () => void;
  /** Told of a picture that could not be loaded. */
  onLost: (url: string) => void;
}

/** How high a card is: its picture, two lines below it, and the lines around them. */
export const heightOf = (width: number) => Math.round((width * 3) / 4) + CAPTION;
const CAPTION = 49;

/** Width by height of a card's picture. */
const ASPECT = 4 / 3;

export function Card({ item, width, skeletons, focusable, open, onLost }: Props) {
  const { row } = item;
  return (
    <button type="button" className={styles.card} tabIndex={focusable ? 0 : -1} data-item={item.key} onClick={open}>
      <Picture {...{ item, width, skeletons, onLost }} />
      {item.case ? <CaseCaption one={item.case} /> : <RowCaption row={row} />}
    </button>
  );
}

/** What is to be seen of an item. */
export function Picture({
  item,
  ...props
}: Pick<Props, "item" | "width" | "skeletons"> & Partial<Pick<Props, "onLost">>) {
  return item.case ? (
    <CasePicture {...props} row={item.row} one={item.case} />
  ) : (
    <RowPicture {...props} row={item.row} />
  );
}

/** What is drawn of a row: every prediction, and of the annotations those that no correct prediction lies upon. */
function drawnOf(row: Row): Drawn[] {
  return [
    ...row.annotations
      .filter((one) => one.outcome !== null && one.outcome !== "tp")
      .map((object) => ({ side: "annotation" as const, object })),
    ...row.predictions.filter((one) => one.outcome !== null).map((object) => ({ side: "prediction" as const, object })),
  ];
}

type PictureProps = Pick<Props, "width" | "skeletons"> & Partial<Pick<Props, "onLost">> & { row: Row };

function RowPicture({ row, width, skeletons, onLost }: PictureProps) {
  const drawn = drawnOf(row);
  if (row.text)
    return (
      <div className={styles.text}>
        <Passage text={row.text} objects={drawn.filter(({ object }) => isSpan(object))} />
      </div>
    );
  const placed = drawn.filter(({ object }) => isDrawn(object));
  if (!row.media_url && placed.length === 0)
    return (
      <div className={styles.text}>
        <div className={styles.table}>
          <Answers row={row} most={6} />
        </div>
      </div>
    );
  return (
    <div className={styles.picture} aria-hidden="true">
      <Overlay
        row={row}
        objects={placed}
        box={filling(frameOf(row), ASPECT)}
        pixels={width}
        labels="signs"
        skeletons={skeletons}
        onLost={onLost}
      />
    </div>
  );
}

function CasePicture({ row, one, width, skeletons, onLost }: PictureProps & { one: Case }) {
  const pair = pairOf(one);
  const objects: Drawn[] = (["annotation", "prediction"] as Side[]).flatMap((side) => {
    const object = pair[side];
    return object ? [{ side, object }] : [];
  });
  const first = objects[0]?.object;
  if (first && isSpan(first))
    return (
      <div className={styles.text}>
        <Passage text={row.text} objects={objects} excerpt={keysOf(pair)} pointed={keysOf(pair)} />
      </div>
    );
  const answered = first !== undefined && isAnswer(first);
  if (answered && !row.media_url) {
    const alone = {
      ...row,
      annotations: pair.annotation ? [pair.annotation] : [],
      predictions: pair.prediction ? [pair.prediction] : [],
    };
    return (
      <div className={styles.text}>
        {row.text && <Passage text={row.text} objects={[]} />}
        <div className={styles.table}>
          <Answers row={alone} />
        </div>
      </div>
    );
  }
  const box =
    (answered
      ? null
      : around(
          objects.map(({ object }) => object),
          0.3,
        )) ?? frameOf(row);
  return (
    <div className={styles.picture} aria-hidden="true">
      <Overlay
        row={row}
        objects={answered ? [] : objects}
        box={within(filling(box, ASPECT), frameOf(row))}
        pixels={width}
        labels="none"
        skeletons={skeletons}
        onLost={onLost}
      />
    </div>
  );
}

function RowCaption({ row }: { row: Row }) {
  const { tp, fp, fn, f1 } = row.metrics;
  const counts = { tp, fp, fn } as const;
  return (
    <span className={styles.caption}>
      <span className={styles.key}>
        <span className="visually-hidden">Data row </span>
        <Middle>{row.data_row}</Middle>
      </span>
      <span className={`number ${styles.counts}`}>
        {(["tp", "fp", "fn"] as const).map((outcome) => (
          <span key={outcome} title={COUNTED_WORDS[outcome]}>
            <Mark outcome={outcome} size={11} />
            {count(counts[outcome])} <span className="visually-hidden">{COUNTED_WORDS[outcome]} </span>
          </span>
        ))}
        <span className="muted" title="F1 of this data row">
          F1 {f1 === null || f1 === undefined ? "n/a" : f1.toFixed(2)}
        </span>
      </span>
    </span>
  );
}

function CaseCaption({ one }: { one: Case }) {
  const { words, mark, color } = CASE_OUTCOMES[one.outcome];
  const cause = one.prediction?.cause ?? one.annotation?.cause;
  const overlap = (one.prediction ?? one.annotation)?.iou;
  const confidence = one.prediction?.confidence;
  return (
    <span className={styles.caption}>
      <span className={styles.between}>
        <span className={styles.name}>{nameOf(pairOf(one))}</span>
        <span className={styles.outcome} style={{ color: `var(--${color})` }}>
          <Mark outcome={mark} size={11} />
          {cause && cause !== words ? cause : words}
        </span>
      </span>
      <span className={`number muted ${styles.between}`}>
        <Middle>{one.data_row}</Middle>
        <span className={styles.figures}>
          {typeof overlap === "number" && `IoU ${overlap.toFixed(2)}`}
          {typeof overlap === "number" && typeof confidence === "number" && " · "}
          {typeof confidence === "number" && `conf. ${confidence.toFixed(2)}`}
        </span>
      </span>
    </span>
  );
}

/** The key of the object that stands for a case in the address of the page. */
export function keyOfCase(one: Case): string {
  const { annotation, prediction } = pairOf(one);
  return prediction ? keyOf("prediction", prediction) : annotation ? keyOf("annotation", annotation) : "";
}
