import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '@assay/core'
import { expect, it } from 'vitest'
import { queryError } from '../src/analyst/query-error.js'
import { engineError } from '../src/errors.js'
import { useEngine } from './fixture.js'

/** What every compressed page begins with. */
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

const use = useEngine()

it("a Parquet file that can't be decoded is told as that, not as a mistake in the statement", async () => {
  const path = join(use.folder, 'a.parquet')
  const select = "SELECT i AS id, 'text ' || i AS note FROM range(5000) r(i)"
  const fields = [
    { name: 'id', id: 1, type: 'BIGINT' },
    { name: 'note', id: 2, type: 'VARCHAR' },
  ] as const
  await use.session.writeParquet({ select, path, fields: [...fields] })
  const whole = await readFile(path)
  const page = Buffer.from(whole)
  const frame = whole.indexOf(ZSTD_MAGIC)
  expect(frame).toBeGreaterThan(0)
  page.fill(0xff, frame, frame + ZSTD_MAGIC.length)
  for (const [name, bytes] of [
    ['flipped.parquet', page],
    ['cut.parquet', whole.subarray(0, whole.length - 20)],
    ['short.parquet', whole.subarray(0, 4)],
  ] as const) {
    const damaged = join(use.folder, name)
    await writeFile(damaged, bytes)
    const error = await use.session.rows(`SELECT sum(hash(f)) FROM read_parquet('${damaged}') f`).catch((one) => one)
    expect(error).toMatchObject({
      code: 'engine_statement_failed',
      message: expect.stringContaining(name),
      hint: expect.stringContaining('assay verify'),
    })
    expect(queryError(error.cause)).toMatchObject({
      code: 'query_file_damaged',
      message: expect.stringMatching(new RegExp(`a data file of the tables can't be decoded: .*…/${name}`, 's')),
      hint: expect.stringContaining('"assay verify" names every file'),
    })
    expect(queryError(error.cause)).not.toBeInstanceOf(UsageError)
  }
})

it('whatever byte of a Parquet file is wrong, what can not be decoded names the file', async () => {
  const path = join(use.folder, 'whole.parquet')
  const fields = [{ name: 'id', id: 1, type: 'BIGINT' }] as const
  await use.session.writeParquet({ select: 'SELECT i AS id FROM range(50) r(i)', path, fields: [...fields] })
  const whole = await readFile(path)
  const damaged = join(use.folder, 'one byte.parquet')
  let named = 0
  for (let at = 0; at < whole.length; at += 3) {
    const bytes = Buffer.from(whole)
    bytes.writeUInt8((bytes[at] ?? 0) ^ 0xff, at)
    await writeFile(damaged, bytes)
    const sql = `SELECT sum(hash(f)) FROM read_parquet(['${damaged}']) f`
    const error = await use.session.rows(sql).catch((one) => one)
    if (error instanceof Error && 'hint' in error && String(error.hint).includes('assay verify')) {
      expect(error.message).toContain('one byte.parquet')
      named++
    }
  }
  expect(named).toBeGreaterThan(5)
})

it('an error of the engine that names no file names those of its statement', () => {
  const files = ['a', "b'c", 'd', 'e', 'f'].map((name) => `'/lake/${name.replaceAll("'", "''")}.parquet'`)
  const error = engineError(
    new Error('Invalid Error: Out of buffer'),
    `SELECT * FROM read_parquet([${files.join(', ')}])`,
  )
  expect(error.message).toBe(
    "Invalid Error: Out of buffer; one of /lake/a.parquet, /lake/b'c.parquet, /lake/d.parquet and 2 more",
  )
  expect(engineError(new Error('Parser Error: no'), 'SELECT 1').message).toBe('Parser Error: no')
})

it('too little memory names the settings that give more', () => {
  expect(engineError(new Error('Out of Memory Error: no room')).hint).toMatch(
    /ASSAY_MEMORY_BYTES.*ASSAY_WORK_DIR.*ASSAY_BATCH_ROWS/,
  )
})
