import type { Row, RowObject } from "../../api/schema";
import { answerOf, isAnswer } from "../../lib/shape";
import styles from "./Answers.module.css";
import { Mark } from "../shared/Mark";

interface Question {
  name: string;
  /** The id of the object that it is asked of; empty: of the data row. */
  of: string;
  truth: RowObject[];
  said: RowObject[];
}

/** What was asked of a row or of its objects, what is true, and what was said. */
export function Answers({ row, most = Infinity }: { row: Row; most?: number }) {
  const questions = questionsOf(row);
  if (questions.length === 0) return null;
  return (
    <table className={styles.answers}>
      <thead>
        <tr>
          <th scope="col">question</th>
          <th scope="col">annotated</th>
          <th scope="col">predicted</th>
        </tr>
      </thead>
      <tbody>
        {questions.slice(0, most).map(({ name, of, truth, said }) => (
          <tr key={`${of} ${name}`}>
            <th scope="row">
              <bdi>{name}</bdi>
              {of && <span className="muted"> of {of}</span>}
            </th>
            <td>
              <Said answers={truth} only="fn" />
            </td>
            <td>
              <Said answers={said} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Said({ answers, only }: { answers: RowObject[]; only?: "fn" }) {
  if (answers.length === 0) return <span className="muted">–</span>;
  return answers.map((answer) => (
    <div key={answer.id} className={styles.said}>
      {(!only || answer.outcome === only) && <Mark outcome={answer.outcome} size={10} />}
      <span>
        {answerOf(answer)}
        {typeof answer.confidence === "number" && answer.outcome && (
          <span className="muted number"> {answer.confidence.toFixed(2)}</span>
        )}
      </span>
    </div>
  ));
}

/** Questions of a row: those asked of the row itself first. */
export function questionsOf(row: Row): Question[] {
  const found = new Map<string, Question>();
  const add = (side: "truth" | "said", object: RowObject) => {
    // An option stands in its checklist: what is asked is what that is asked of.
    const all = side === "truth" ? row.annotations : row.predictions;
    const list = object.type === "checklist" ? all.find((one) => one.id === object.parent) : object;
    const of = list?.parent ?? "";
    const key = JSON.stringify([of, object.feature]);
    const own = found.get(key) ?? { name: object.feature, of, truth: [], said: [] };
    // A checklist without a chosen option is an answer too; one with options is told by those.
    if (object.type !== "question") own[side].push(object);
    found.set(key, own);
  };
  row.annotations.filter(isAnswer).forEach((object) => add("truth", object));
  row.predictions.filter((object) => isAnswer(object) && isThere(object)).forEach((object) => add("said", object));
  return [...found.values()].sort((a, b) => Number(a.of !== "") - Number(b.of !== ""));
}

/** An answer below the confidence threshold is none; a text or a number has no outcome to tell by. */
function isThere(object: RowObject): boolean {
  return object.outcome !== null || object.type === "text" || object.type === "number" || object.type === "question";
}
