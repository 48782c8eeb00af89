import type { TableProblem } from '@assay/lake'
import { visible } from './table.js'

/** Tables that can't be used as they are, each with the way back; empty without any. */
export function problemsText(problems: readonly TableProblem[]): string {
  return problems
    .map(({ table, code, message, hint }) => {
      const next = hint === null ? '' : `  next: ${visible(hint)}\n`
      return `unusable: ${table} [${code}]: ${visible(message)}\n${next}`
    })
    .join('')
}

/** The same as JSON, beside the table's name. */
export function problemJson({ code, message, hint }: TableProblem): Readonly<Record<string, string | null>> {
  return { code, message, hint }
}
