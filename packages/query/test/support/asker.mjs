// Asks for something endless in a child, and tells the child's process id once it is at work.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@assay/core'
import { DEFAULT_LIMITS, QueryChild } from '@assay/query'

const child = new QueryChild({
  limits: DEFAULT_LIMITS,
  scratchDirectory: join(tmpdir(), `assay-asker-${process.pid}`),
  clock: systemClock,
  random: systemRandom,
})
const resolver = { tables: [], resolve: async () => ({ views: [], files: [] }) }
const statement = {
  sql: 'select i from range(1000000000000) t(i) where i % 2 = 0',
  output: { kind: 'stream', format: 'csv' },
}
let isTold = false
for await (const part of child.run(statement, resolver, new AbortController().signal)) {
  if (part.kind !== 'bytes' || isTold) continue
  isTold = true
  process.stdout.write(`${child.pid}`)
}
