import { ApiError, mayPass } from "../../api/client";
import { KeyForm } from "../header/ApiKey";
import styles from "./Message.module.css";

/** What stands where there is nothing to show: what is going on, and what to do next. */

export function Loading({ what }: { what: string }) {
  return (
    <div className="message" role="status">
      Loading {what}…
    </div>
  );
}

export function Failed({ error, again }: { error: Error; again: () => void }) {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    return (
      <div className="message" role="alert">
        <strong>{error.status === 401 ? "This service wants an API key." : "This API key may not see this."}</strong>
        {error.message}
        <KeyForm />
      </div>
    );
  }
  return (
    <div className="message" role="alert">
      <strong>This could not be loaded.</strong>
      {error.message}
      {mayPass(error) && <Choices options={[{ text: "Try again", choose: again }]} />}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: React.ReactNode }) {
  return (
    <div className="message">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function NothingYet() {
  return (
    <Empty title="No events yet.">
      Send annotations and predictions, and this page fills while they arrive:
      <br />
      <code>
        evalstream upload --dataset coco --annotations instances.json \{"\n"} --run yolo-s --predictions results.json
      </code>
      <p>
        Or send them over HTTP: <a href="docs">the API</a>.
      </p>
    </Empty>
  );
}

/** Stands above what it is about: what has to be known of all of it. */
export function Notice({ children, urgent = false }: { children: React.ReactNode; urgent?: boolean }) {
  return (
    <div className={styles.notice} role={urgent ? "alert" : "status"}>
      {children}
    </div>
  );
}

export interface Option {
  text: string;
  choose: () => void;
}

/** How many fit; the lists in the header have them all. */
const MOST = 12;

/** What to do next, a click away. */
export function Choices({ options }: { options: Option[] }) {
  return (
    <div className={styles.choices}>
      {options.slice(0, MOST).map(({ text, choose }) => (
        <button key={text} type="button" className="control" onClick={choose}>
          <bdi>{text}</bdi>
        </button>
      ))}
      {options.length > MOST && <span>and {options.length - MOST} more</span>}
    </div>
  );
}
