/** As many as the service is likely to work on at a time: more would only slow each other down. */
const AT_ONCE = 3;
/** What is looked at while a threshold is dragged has the service for itself for so long, in milliseconds. */
const HEADLINE = ["overview", "average-precision"];
const HEAD_START = 200;
/** What tells whether the service is there waits for nothing, and not for long. */
const SIGNS = ["progress", "datasets"];
/** How long an answer may take, in milliseconds: the service gives up a question after a minute. */
const PATIENCE = { sign: 15_000, answer: 90_000 };
/** What is looked at first is asked first; what takes long and is looked at last, last. */
const FIRST = [...SIGNS, ...HEADLINE, "confusion-matrix", "pr-curve", "classes"];
const LAST = ["comparison", "errors", "rows", "objects", "intervals", "slices"];

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
const running = new Set<Waiting>();

/** Show on the document how many questions are not answered yet: for whoever waits until a view has settled. */
function show() {
  document.documentElement.dataset.asking = String(waiting.length + running.size);
}

/** Those of them that nothing less urgent may slow down yet. */
const ahead = new Set<Waiting>();

/**
 * `fetch`, a few at a time and the most urgent first. A question that is given up while it waits, because a slider has
 * moved on, is never sent.
 */
export function queued(request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    const question = questionOf(request.url);
    const one: Waiting = {
      // What somebody wants done, or has to know before that, waits for no figure.
      rank: request.method === "GET" ? rankOf(question) : 0,
      start: () => {
        if (one.rank >= SIGNS.length) running.add(one);
        if (HEADLINE.includes(question)) {
          ahead.add(one);
          setTimeout(() => letGo(one), HEAD_START);
        }
        request.signal.removeEventListener("abort", giveUp);
        const late = new AbortController();
        const patience = SIGNS.includes(question) ? PATIENCE.sign : PATIENCE.answer;
        const timer = request.method === "GET" ? setTimeout(() => late.abort(), patience) : undefined;
        // An answer is over when its body is there: until then the service is at work.
        fetch(request, { signal: AbortSignal.any([request.signal, late.signal]) })
          .then(async (response) => new Response(await response.arrayBuffer(), response))
          // The next question is on its way before this answer is drawn.
          .finally(() => {
            clearTimeout(timer);
            running.delete(one);
            letGo(one);
            show();
          })
          .then(resolve, (error: unknown) => reject(request.signal.aborted ? (error as Error) : new NoAnswer()));
      },
    };
    const giveUp = () => {
      waiting.splice(waiting.indexOf(one), 1);
      show();
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
  for (let one = waiting[0]; one && mayStart(one); one = waiting[0]) {
    waiting.shift();
    one.start();
  }
  show();
}

function mayStart(one: Waiting): boolean {
  if (one.rank < SIGNS.length) return true;
  return running.size < AT_ONCE && ![...ahead].some((other) => other.rank < one.rank);
}

function letGo(one: Waiting) {
  ahead.delete(one);
  next();
}

function questionOf(url: string): string {
  return new URL(url).pathname.split("/").pop() ?? "";
}

function rankOf(question: string): number {
  const first = FIRST.indexOf(question);
  if (first >= 0) return first;
  return FIRST.length + Math.max(0, LAST.indexOf(question) + 1);
}
