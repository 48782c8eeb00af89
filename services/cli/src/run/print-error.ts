import { AssayError } from '@assay/core'
import { exitCodeOf } from './exit-code.js'

/** An error as people read it: what is wrong, its stable code, and how to mend it. */
export function errorText(error: unknown): string {
  if (!(error instanceof AssayError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return `error: ${text}\n  this is a defect of Assay: please report it with the text above\n`
  }
  const message = error.message.includes('\n')
    ? `error [${error.code}]:\n${indented(error.message)}`
    : `error: ${error.message} [${error.code}]`
  return error.hint === undefined ? `${message}\n` : `${message}\n${indented(error.hint)}\n`
}

/** The same as one line of JSON, for programs. */
export function errorJson(error: unknown): string {
  const { code, message, hint } =
    error instanceof AssayError
      ? error
      : { code: 'defect', message: error instanceof Error ? error.message : String(error), hint: undefined }
  return `${JSON.stringify({ error: { code, message, ...(hint !== undefined && { hint }), exit_code: exitCodeOf(error) } })}\n`
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
