import { type Finding, ok, warning } from './finding.js'
import { bytes, listed } from './words.js'

/** A folder that a process which ended otherwise than it wanted to has left. */
interface LeftOver {
  readonly path: string
  readonly size_bytes: number
}

const LARGE_BYTES = 2 ** 30

export function judgeLeftOvers(found: readonly LeftOver[]): Finding {
  if (found.length === 0) return ok('left over', 'no folders of killed commands')
  const size = found.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  const text = `${found.length} folders of killed commands, ${bytes(size)}: ${listed(found.map(({ path }) => path))}`
  if (size < LARGE_BYTES) return ok('left over', `${text}; the next command that reads removes them`)
  return warning('left over', text, 'any command that reads removes them: assay tables')
}
