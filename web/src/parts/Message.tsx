import { ApiError } from "../api/client";
import { KeyForm } from "./ApiKey";

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
      <p>
        <button type="button" className="control" onClick={again} style={{ marginTop: 10 }}>
          Try again
        </button>
      </p>
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
    </Empty>
  );
}
