import { AssayError } from '@assay/core'

/** True when a clean-up took a file that a plan had named: planning again finds what stands in its place (T17). */
export function isFileGone(error: unknown): boolean {
  if (!(error instanceof AssayError)) return false
  if (error.code === 'snapshot_gone' || error.code === 'object_missing') return true
  return /No files found that match|Cannot open file .*No such file/s.test(error.message)
}
