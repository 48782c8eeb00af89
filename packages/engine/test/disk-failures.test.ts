import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRetryable } from '@assay/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engineError } from '../src/errors.js'
import { type Engine, openEngine, type Session } from '../src/index.js'

/** What DuckDB says where the system refuses it something with a file. */
const SAYS = [
  'Cannot open file "/l/a.parquet": ',
  'Could not read from file "/l/a: b.parquet": ',
  'Could not write file "/l/a.parquet": ',
  'Could not write to file "/l/a.parquet" - attempted to write 0 bytes: ',
  'Could not seek to location 8 for file "/l/a.parquet": ',
  'Could not truncate file "/s/duckdb_temp_storage_DEFAULT-0.tmp": ',
  'Could not fsync file "/l/a.parquet": ',
  'Could not remove file "/l/a.parquet": ',
  'Could not rename file "/l/tmp_a.parquet" to "/l/a.parquet": ',
  'Could not set lock on file "/l/a.parquet": ',
  'Could not get file position file "/l/a.parquet": ',
  'Failed to create directory "/s/duckdb": ',
  'Failed to get stats for file "/l/a.parquet": ',
  'Failed to get file size for file "/l/a.parquet": ',
]
const ERRNOS = {
  'No space left on device': 'engine_disk_full',
  'Disk quota exceeded': 'engine_disk_full',
  'Too many open files': 'engine_disk_too_many_files',
  'Too many open files in system': 'engine_disk_too_many_files',
  'Permission denied': 'engine_disk_denied',
  'Operation not permitted': 'engine_disk_denied',
  'Read-only file system': 'engine_disk_denied',
  'No such file or directory': 'engine_disk_failed',
  'Input/output error': 'engine_disk_failed',
  'Transport endpoint is not connected': 'engine_disk_failed',
}
/** Errors of data or of the statement, which no waiting mends. */
const NO_OUTAGE = [
  'IO Error: No files found that match the pattern "/l/a.parquet"',
  'IO Error: Could not read enough bytes from file "/l/a.parquet": attempted to read 9 bytes from location 1',
  "Invalid Input Error: No magic bytes found at end of file '/l/a.parquet'",
  'Binder Error: Referenced column "Cannot open file" not found',
  'Conversion Error: Could not convert string "IO Error: Could not write file: No space left on device" to INT32',
]

describe('A1: a disk that fails is an outage', () => {
  it.each(SAYS)('%s…', (says) => {
    for (const [text, code] of Object.entries(ERRNOS)) {
      for (const place of ['', "\n\nLINE 1: select * from read_parquet('/l/a.parquet')\n              ^"]) {
        const error = engineError(new Error(`IO Error: ${says}${text}${place}`))
        expect([text, error.code, isRetryable(error)]).toEqual([text, code, true])
        expect(error.hint).toBeTypeOf('string')
      }
    }
  })

  it.each(NO_OUTAGE)('is not: %s', (message) => {
    const error = engineError(new Error(message))
    expect([error.code, isRetryable(error)]).toEqual(['engine_statement_failed', false])
  })

  it('an own want of memory is none', () => {
    const message = 'Out of Memory Error: failed to offload data block: the limit of the temporary folder is reached'
    expect(engineError(new Error(message))).toMatchObject({ code: 'engine_out_of_memory', retryable: false })
  })
})

describe('statements on a disk that fails', () => {
  let folder: string
  let engine: Engine
  let session: Session
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-disk-'))
    await writeFile(join(folder, 'a-file'), '')
    const tempDirectory = join(folder, 'a-file', 'spill')
    engine = await openEngine({ memoryLimit_bytes: 24 << 20, threads: 1, tempDirectory })
    session = await engine.session()
  })
  afterAll(async () => {
    await engine.close()
    await rm(folder, { recursive: true })
  })

  const fields = [{ name: 'n', id: 1, type: 'BIGINT' }]
  const write = (path: string) =>
    session.writeParquet({ select: 'select range::bigint n from range(1000)', path, fields })

  it.skipIf(!existsSync('/dev/full'))('a full disk, and the next file is written', async () => {
    const path = join(folder, 'full.parquet')
    await symlink('/dev/full', path)
    await expect(write(path)).rejects.toMatchObject({ code: 'engine_disk_full', retryable: true })
    expect(await write(join(folder, 'next.parquet'))).toMatchObject({ rows: 1000 })
  })

  it('a folder that has gone', async () => {
    const path = join(folder, 'gone', 'a.parquet')
    await expect(write(path)).rejects.toMatchObject({ code: 'engine_disk_failed', retryable: true })
  })

  it('what it can not even remove does not hide what went wrong', async () => {
    await expect(write(folder)).rejects.toMatchObject({ code: 'engine_disk_failed', retryable: true })
  })

  it('nowhere to spill to', async () => {
    const sort = 'create or replace temp table s as select md5(range::varchar) m from range(1000000) order by m'
    await expect(session.run(sort)).rejects.toMatchObject({ code: 'engine_disk_failed', retryable: true })
    await session.run('select 1')
  })

  it('a file that is shorter than it says is damage, and no outage', async () => {
    const [whole, cut] = [join(folder, 'whole.parquet'), join(folder, 'cut.parquet')]
    await write(whole)
    const bytes = await readFile(whole)
    await writeFile(cut, bytes.subarray(bytes.length - 600))
    const read = session.rows(`select sum(n) from read_parquet('${cut}')`)
    await expect(read).rejects.toMatchObject({ retryable: false })
  })
})
