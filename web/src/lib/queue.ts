/** As many as the service is likely to work on at a time: more would only slow each other down. */
const AT_ONCE = 3;
/** What is looked at first is asked first; what takes long and is looked at last, last. */
const FIRST = ["progress", "summary", "confusion-matrix", "average-precision", "pr-curve", "classes"];
const LAST = ["comparison", "errors", "rows", "objects", "intervals"];

/** The service is not there: unlike what it refuses, this may pass. */
export class NoAnswer extends Error {
  constructor() {
    super("no answer from the service");
  }
}

interface Waiting {
  rank: number;
  start: () => void;
}

const waiting: Waiting[] = [];
let running = 0;

/**
 * `fetch`, a few at a time and the most urgent first. A question that is given up while it waits, because a slider has
 * moved on, is never sent.
 */
export function queued(request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    const one: Waiting = {
      rank: rankOf(request.url),
      start: () => {
        running += 1;
        request.signal.removeEventListener("abort", giveUp);
        // An answer is over when its body is there: until then the service is at work.
        fetch(request)
          .then(async (response) => new Response(await response.blob(), response))
          .then(resolve, (error: unknown) => reject(request.signal.aborted ? (error as Error) : new NoAnswer()))
          .finally(() => {
            running -= 1;
            next();
          });
      },
    };
    const giveUp = () => {
      waiting.splice(waiting.indexOf(one), 1);
      reject(request.signal.reason as Error);
    };
    if (request.signal.aborted) {
      reject(request.signal.reason as Error);
      return;
    }
    request.signal.addEventListener("abort", giveUp);
    const place = waiting.findIndex((other) => other.rank > one.rank);
    waiting.splice(place < 0 ? waiting.length : place, 0, one);
    next();
  });
}

function next() {
  while (running < AT_ONCE) {
    const one = waiting.shift();
    if (!one) return;
    one.start();
  }
}

function rankOf(url: string): number {
  const question = new URL(url).pathname.split("/").pop() ?? "";
  const first = FIRST.indexOf(question);
  if (first >= 0) return first;
  return FIRST.length + Math.max(0, LAST.indexOf(question) + 1);
}
