import { AssayError } from '@assay/core'
import { isFileGone } from '@assay/pipeline'

/** A second plan of a moment ago can't have lost its files to a clean-up, which leaves fifteen minutes. */
const ATTEMPTS = 2

/** Does it again with a fresh plan when a clean-up took a file that the plan named (T17). */
export async function withReplan<T>(attempt: () => Promise<T>, replan: () => Promise<void>): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await attempt()
    } catch (error) {
      if (n === ATTEMPTS || !isPlanStale(error)) throw error
      await replan()
    }
  }
}

/** True when planning again may help, whether the file was missed here or in a query's process. */
export function isPlanStale(error: unknown): boolean {
  return isFileGone(error) || (error instanceof AssayError && error.code === 'query_files_gone')
}
