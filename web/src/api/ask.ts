import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { answered, api } from "./client";
import type { paths } from "./schema";

/** Which run a question is about. */
export interface Subject {
  dataset: string;
  run: string;
}

/** A question about a run, by the last part of its address: whatever can be asked with a filter. */
export type Question = {
  [Path in keyof paths]: Path extends `/v1/datasets/{dataset}/runs/{run}/${infer Name}`
    ? paths[Path] extends {
        get: {
          parameters: { query?: infer Query };
          responses: { 200: { content: { "application/json": object } } };
        };
      }
      ? [NonNullable<Query>] extends [never]
        ? never
        : Name
      : never
    : never;
}[keyof paths];

type Get<Q extends Question> = paths[`/v1/datasets/{dataset}/runs/{run}/${Q}`]["get"];
type QueryOf<Q extends Question> = NonNullable<Get<Q>["parameters"]["query"]>;
export type AnswerOf<Q extends Question> = Get<Q>["responses"][200]["content"]["application/json"];

/** Ask a question about a run; what is no longer wanted is not waited for. */
export async function ask<Q extends Question>(
  question: Q,
  subject: Subject,
  query: QueryOf<Q>,
  signal?: AbortSignal,
): Promise<AnswerOf<Q>> {
  const reply = await api.GET(`/v1/datasets/{dataset}/runs/{run}/${question as "summary"}`, {
    params: { path: subject, query },
    signal: signal ?? null,
  });
  return answered(reply);
}

/**
 * What the overview is asked with besides: all classes and all cells, of which every part of the page takes what it
 * shows; where there are too many, none, for then each part asks for its own.
 */
const WHOLE = { cells: 2_000, labels: 1_000, partial: false };

/** The options of such a question, for one or for many at once. Without a subject it is not asked. */
export function asking<Q extends Question>(question: Q, subject: Subject | null, query: QueryOf<Q>) {
  const asked = question === "overview" ? ({ ...WHOLE, ...query } as QueryOf<Q>) : query;
  return {
    queryKey: [question, subject, asked],
    enabled: subject !== null,
    queryFn: ({ signal }: { signal: AbortSignal }) => ask(question, subject as Subject, asked, signal),
  };
}

/** Ask, and keep showing the last answer until the next one is there. Without a subject nothing is asked. */
export function useQuestion<Q extends Question>(question: Q, subject: Subject | null, query: QueryOf<Q>) {
  return useQuery({ ...asking(question, subject, query), placeholderData: keepPreviousData });
}

/** What is answered in pages, each of which says how many there are in all. */
type Listing = "classes" | "objects" | "rows";

/** Ask for a list page by page, as far as it is looked at. */
export function usePages<Q extends Listing>(
  question: Q,
  subject: Subject | null,
  query: QueryOf<Q> & { limit: number },
) {
  return useInfiniteQuery({
    queryKey: [question, subject, query, "pages"],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }) => ask(question, subject as Subject, { ...query, offset: pageParam }, signal),
    getNextPageParam: (last, pages) => {
      const seen = pages.length * query.limit;
      return seen < last.total ? seen : undefined;
    },
  });
}
