import { readFile, stat } from 'node:fs/promises'
import { UsageError } from '@assay/core'

const BYTES_MAX = 4 * 2 ** 20

/** A small text file. Throws `file_unreadable`. */
export async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > BYTES_MAX) throw new RangeError(`it is larger than ${BYTES_MAX} bytes`)
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new UsageError(
      'file_unreadable',
      `${path} can't be read: ${cause instanceof Error ? cause.message : cause}`,
      {
        cause,
        hint: 'name a text file',
      },
    )
  }
}
