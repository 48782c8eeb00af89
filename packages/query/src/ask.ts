import type { Lake } from '@assay/lake'
import type { AsOf } from './as-of.js'
import type { AnswerPart, Resolver } from './children/query-child.js'
import { planViews, readableNames } from './plan-views.js'
import type { Statement } from './protocol/messages.js'
import { isPlanStale, withReplan } from './replan.js'

interface AskOptions {
  /** Moment of which the lake's state is read; the present one if not given. */
  readonly asOf?: AsOf
  readonly signal: AbortSignal
  /** Told what of the answer is otherwise than asked for; more than once where it is planned again. */
  readonly onNote?: (note: string) => void
}

/** What answers statements: one child, or a pool of them. */
export interface Answering {
  run(statement: Statement, resolver: Resolver, signal: AbortSignal): AsyncGenerator<AnswerPart, void, undefined>
}

/**
 * Answers a statement of people's over the lake's tables, one snapshot of each that it reads, pinned before it runs
 * (Q2). The child gets nothing but the names of these tables' files on this machine: what has to be fetched is, by
 * this process. Asks once more, with a fresh plan, when a clean-up took a file before anything of the answer was out.
 */
export async function* ask(
  lake: Lake,
  answering: Answering,
  statement: Statement,
  { asOf, signal, onNote }: AskOptions,
): AsyncGenerator<AnswerPart, void, undefined> {
  let notPlanned: unknown
  const resolver: Resolver = {
    tables: readableNames(lake),
    resolve: (names, isCatalogRead) =>
      withReplan(
        () => planViews(lake, { names, isCatalogRead, ...(asOf && { asOf }), ...(onNote && { onNote }) }),
        async () => undefined,
      ).catch((error: unknown) => {
        notPlanned = error
        throw error
      }),
  }
  let head: AnswerPart | undefined
  let isOut = false
  try {
    for await (const part of answering.run(statement, resolver, signal)) {
      if (part.kind === 'head') {
        head = part
        continue
      }
      if (!isOut && head) yield head
      isOut = true
      yield part
    }
  } catch (error) {
    // What can't be planned twice in a row is no clean-up, and whoever answers has given the statement up.
    if (isOut || error === notPlanned || !isPlanStale(error)) throw error
    yield* answering.run(statement, resolver, signal)
  }
}
