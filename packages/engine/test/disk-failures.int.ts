import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** Every kind of statement that touches the disk, each tried again until it passes; prints what each try came to. */
const program = (folder: string) => `
import fs from 'node:fs'
import { openEngine } from '${fileURLToPath(new URL('../dist/index.js', import.meta.url))}'
const folder = '${folder}'
const fields = [{ name: 'n', id: 1, type: 'BIGINT' }, { name: 't', id: 2, type: 'VARCHAR' }]
const rows = "select range::bigint n, md5(range::varchar) || md5((range * 7)::varchar) t from range(50000)"
const spills = "create or replace temp table spilled as select md5(range::varchar) m, md5((range * 3)::varchar) t from range(1000000) order by m"
const read = "select count(*), max(t) from read_parquet('" + folder + "/there.parquet')"
const all = async (stream) => { for await (const chunk of stream) void chunk.count }
const statements = {
  copy: (session, i) => session.writeParquet({ select: rows, path: folder + '/written-' + i + '.parquet', fields }),
  rows: (session) => session.rows(read),
  stream: (session) => all(session.read("select n, t from read_parquet('" + folder + "/there.parquet')")),
  compact: (session, i) => session.writeParquet({ select: "select n, t from read_parquet(['" + folder + "/there.parquet', '" + folder + "/there.parquet']) order by n",
    path: folder + '/compacted-' + i + '.parquet', fields }),
  // What was spilled and can't be read is lost with its table: both are tried again.
  spill: async (session) => { await session.run(spills); await session.rows('select count(*), max(t) from spilled') },
}
const held = []
const hold = () => { try { for (;;) held.push(fs.openSync('/dev/null')) } catch {} }
const free = () => { for (const file of held.splice(0)) fs.closeSync(file) }
const outcomes = []
const engine = await openEngine({ memoryLimit_bytes: 60 << 20, threads: 1, tempDirectory: folder + '/spill' })
const session = await engine.session()
if (process.argv[2] === 'hold') {
  hold()
  try { await openEngine({ memoryLimit_bytes: 60 << 20, threads: 1, tempDirectory: folder }); outcomes.push(['open', 'ok']) }
  catch (error) { outcomes.push(['open', error.code, error.retryable]) }
}
for (const [name, run] of Object.entries(statements)) {
  for (let attempt = 0; attempt < 12; attempt += 1) {
    try { await run(session, attempt); outcomes.push([name, 'ok']); break }
    catch (error) { outcomes.push([name, error.code, error.retryable, error.message.split('\\n')[0]]) }
    free()
  }
  if (process.argv[2] === 'hold') hold()
}
free()
await engine.close()
console.log(JSON.stringify(outcomes))
`

type Outcome = readonly [statement: string, code: string, isRetryable?: boolean, message?: string]

const CALLS = ['openat', 'pread64', 'pwrite64', 'fstat', 'ftruncate', 'mkdir']
const ERRORS = ['ENOSPC', 'EMFILE', 'EIO', 'EACCES', 'EROFS']
const SPILLED = ['DEFAULT', 'S32K', 'S64K', 'S96K', 'S128K', 'S160K', 'S192K', 'S224K']

const strace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'])
if (strace.status !== 0) console.warn('skipped: calls of the system are failed by strace, which does not run here')

describe('A1: every statement that touches the disk', () => {
  let folder: string
  let script: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'assay-disk-'))
    script = join(folder, 'statements.mjs')
    writeFileSync(script, program(folder))
    const prepare = join(folder, 'prepare.mjs')
    writeFileSync(prepare, program(folder).replace('const outcomes = []', PREPARE))
    execFileSync(process.execPath, [prepare])
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function outcomesOf(command: string, args: readonly string[]): Outcome[] {
    const lines = execFileSync(command, args, { encoding: 'utf8', timeout: 120_000 }).trim().split('\n')
    return JSON.parse(lines.at(-1) as string) as Outcome[]
  }

  /** Whatever failed was an outage, and passed when it was over. */
  function expectWaitedOut(outcomes: readonly Outcome[], code: RegExp): number {
    const failed = outcomes.filter(([, outcome]) => outcome !== 'ok')
    for (const [statement, outcome, isRetryable, message] of failed) {
      expect([statement, message, outcome]).toEqual([statement, message, expect.stringMatching(code)])
      expect([statement, message, isRetryable]).toEqual([statement, message, true])
    }
    const passed = new Set(outcomes.filter(([, outcome]) => outcome === 'ok').map(([statement]) => statement))
    expect(passed.size).toBe(5)
    return failed.length
  }

  it.skipIf(strace.status !== 0).each(ERRORS)(
    'is tried with %s in each call that it makes',
    { timeout: 600_000 },
    (error) => {
      const files = [
        ...['written', 'compacted'].flatMap((name) => Array.from({ length: 12 }, (_, i) => `${name}-${i}.parquet`)),
        ...['there.parquet', 'spill'],
        ...SPILLED.map((size) => `spill/duckdb_temp_storage_${size}-0.tmp`),
      ]
      let failed = 0
      for (const call of CALLS) {
        const paths = files.flatMap((file) => ['-P', join(folder, file)])
        failed += expectWaitedOut(
          outcomesOf('strace', [
            '-f',
            '-qq',
            '-o',
            '/dev/null',
            ...paths,
            '-e',
            `inject=${call}:error=${error}:when=1`,
            process.execPath,
            script,
          ]),
          /^engine_disk_/,
        )
      }
      expect(failed).toBeGreaterThan(0)
    },
  )

  it.skipIf(process.platform === 'win32')('is tried with no file left to open', { timeout: 120_000 }, () => {
    const outcomes = outcomesOf('/bin/sh', ['-c', 'ulimit -n 128; exec "$0" "$@"', process.execPath, script, 'hold'])
    expect(outcomes[0]).toEqual(['open', 'engine_disk_too_many_files', true])
    expect(expectWaitedOut(outcomes.slice(1), /^engine_disk_too_many_files$/)).toBeGreaterThan(4)
  })
})

const PREPARE = `
{
  const engine = await openEngine({ memoryLimit_bytes: 1 << 28, threads: 1, tempDirectory: folder + '/other' })
  await (await engine.session()).writeParquet({ select: rows, path: folder + '/there.parquet', fields })
  await engine.close()
  process.exit(0)
}
const outcomes = []`
