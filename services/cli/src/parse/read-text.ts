import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { UsageError } from '@assay/core'
import { STANDARD_INPUT } from '@assay/feed'
import { parseRuleFile } from '@assay/rules'

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
    throw unreadable(subject, path, cause)
  }
}

interface InputLimits {
  /** What `-` stands for. */
  readonly stdin: AsyncIterable<Uint8Array>
  readonly bytesMax: number
}

/** The bytes of a file, or of standard input, to its end. Throws `file_unreadable`, also for one of more bytes. */
export async function readInput(subject: string, path: string, { stdin, bytesMax }: InputLimits): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size_bytes = 0
  try {
    // Of a pipe or a device nobody knows the size before its end.
    for await (const chunk of path === STANDARD_INPUT ? stdin : createReadStream(path)) {
      size_bytes += chunk.length
      if (size_bytes > bytesMax) throw new RangeError(`it is larger than ${bytesMax} bytes`)
      chunks.push(chunk)
    }
  } catch (cause) {
    throw unreadable(subject, path === STANDARD_INPUT ? 'standard input' : path, cause)
  }
  return Buffer.concat(chunks)
}

function unreadable(subject: string, path: string, cause: unknown): UsageError {
  const why = REASONS[(cause as NodeJS.ErrnoException).code ?? ''] ?? (cause instanceof Error ? cause.message : cause)
  return new UsageError('file_unreadable', `${subject}: ${path} can't be read: ${why}`, {
    cause,
    hint: 'name a text file that is there',
  })
}

/** The same of a file of rules, which is known to be one; a lake then says whether it can judge by them. */
export async function readRuleText(subject: string, path: string): Promise<string> {
  const text = await readText(subject, path)
  parseRuleFile(text)
  return text
}
