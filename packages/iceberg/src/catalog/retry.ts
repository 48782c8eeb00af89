import { AssayError, backOff_ms, type Clock, isRetryable, OutageError, type Random } from '@assay/core'

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
