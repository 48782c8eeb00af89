import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemRandom } from '@assay/core'
import { openLocalStore } from '@assay/object-store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { planFiles } from '../src/index.js'
import { openWorld } from './support.js'

const PROCESSES = 4
const COMMITS = 50
const run = promisify(execFile)
const script = fileURLToPath(new URL('race-writer.mjs', import.meta.url))

describe('A2: processes that commit at once', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'iceberg-race-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('lose nothing and double nothing', { timeout: 120_000 }, async () => {
    const store = await openLocalStore(folder, { random: systemRandom })
    const { table } = await openWorld({ store })
    await Promise.all(
      Array.from({ length: PROCESSES }, (_, i) => run(process.execPath, [script, folder, String(i), String(COMMITS)])),
    )
    const { table: reader } = await openWorld({ store })
    const version = await reader.load()
    const names = (await planFiles(reader, version)).map(({ file }) => path.basename(file.path)).sort()
    const expected = Array.from(
      { length: PROCESSES * COMMITS },
      (_, i) => `${Math.floor(i / COMMITS)}-${i % COMMITS}.parquet`,
    )
    expect(names).toEqual(expected.sort())
    expect(version.metadata.snapshots.map(({ sequenceNumber }) => sequenceNumber)).toEqual(
      expected.map((_, i) => i + 1),
    )
    expect((await table.load()).token).toBe(String(PROCESSES * COMMITS + 1))
  })
})
