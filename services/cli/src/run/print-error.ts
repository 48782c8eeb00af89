import { AssayError } from '@assay/core'

/** An error as people read it: what is wrong, its stable code, and how to mend it. */
export function errorText(error: unknown): string {
  if (!(error instanceof AssayError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return `error: ${text}\n  this is a defect of Assay: please report it with the text above\n`
  }
  const [first = '', ...more] = error.message.split('\n')
  const message =
    more.length === 0
      ? `error: ${first} [${error.code}]`
      : [`error [${error.code}]:`, ...[first, ...more].map((line) => `  - ${line}`)].join('\n')
  return error.hint === undefined ? `${message}\n` : `${message}\n  ${error.hint}\n`
}
