import { AssayError } from './errors.js'

/** What is written to a log of something that happened, whoever writes it. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

export function codeOf(error: unknown): string {
  return error instanceof AssayError ? error.code : 'defect'
}

/** An error of ours tells by its code and hint; any other is a defect, found by its stack. */
export function errorFields(error: unknown): Record<string, string> {
  if (error instanceof AssayError) return { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }
  return { code: 'defect', ...(error instanceof Error && error.stack !== undefined && { stack: error.stack }) }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
