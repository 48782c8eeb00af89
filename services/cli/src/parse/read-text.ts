import { readFile, stat } from 'node:fs/promises'
import { UsageError } from '@assay/core'
import { parseRuleFile } from '@assay/medallion'

const BYTES_MAX = 4 * 2 ** 20

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
}

/** A small text file that an option or argument, as typed, names. Throws `file_unreadable`. */
export async function readText(subject: string, path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > BYTES_MAX) throw new RangeError(`it is larger than ${BYTES_MAX} bytes`)
    return await readFile(path, 'utf8')
  } catch (cause) {
    const why = REASONS[(cause as NodeJS.ErrnoException).code ?? ''] ?? (cause instanceof Error ? cause.message : cause)
    throw new UsageError('file_unreadable', `${subject}: ${path} can't be read: ${why}`, {
      cause,
      hint: 'name a text file that is there',
    })
  }
}

/** The same of a file of rules, which is known to be one; a lake then says whether it can judge by them. */
export async function readRuleText(subject: string, path: string): Promise<string> {
  const text = await readText(subject, path)
  parseRuleFile(text)
  return text
}
