import { AssayError, type Clock, isRetryable, OutageError, type Random } from '@assay/core'

const FIRST_WAIT_MS = 20
const LONGEST_WAIT_MS = 2_000

/** A wait before attempt `attempt` (from 1): doubling up to two seconds, half of it random. */
export function backOff_ms(attempt: number, random: Random): number {
  const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 16))
  return Math.round(most * (0.5 + random.unit() / 2))
}

/** Tries a step that may meet an outage up to `attempts` times; the last error is thrown. */
export async function retryOutages<T>(
  step: () => Promise<T>,
  { attempts, clock, random }: { readonly attempts: number; readonly clock: Clock; readonly random: Random },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step()
    } catch (error) {
      if (!isRetryable(error) || attempt >= attempts) throw error
      await clock.sleep(backOff_ms(attempt, random))
    }
  }
}

/** Nobody answered as to what became of a commit; `cause` is why, and what to do about that is told with it. */
export function outcomeUnknown(what: string, cause?: unknown): OutageError {
  const said = cause instanceof AssayError ? `: ${cause.message} [${cause.code}]` : ''
  const remedy = cause instanceof AssayError && cause.hint !== undefined ? `${cause.hint}; ` : ''
  return new OutageError(
    'commit_outcome_unknown',
    `it cannot be told whether the commit of ${what} took place${said}`,
    {
      hint: `${remedy}nothing was deleted: work goes on from what the table says when it can be read again`,
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
