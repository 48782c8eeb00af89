import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { errorsPage, thrownErrors } from '../docs/errors-page.mjs'

it('docs/errors.md tells every error of the code', async () => {
  const page = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8')
  expect(page, 'run: node docs/write-errors.mjs').toBe(errorsPage())
  for (const code of ['store_full', 'lake_missing', 'table_rolled_back', 'store_busy', 'queue_full']) {
    expect(page).toContain(`| \`${code}\` |`)
  }
})

/** Made by tests alone, which read the message. */
const BY_TESTS = 'packages/object-store/src/faulty-store.ts'

it('every error of the code says what to do', () => {
  const errors = thrownErrors().filter(({ file }) => file !== BY_TESTS)
  expect(errors.length).toBeGreaterThan(200)
  const silent = errors.filter(({ hasHint }) => !hasHint)
  expect(silent.map(({ file, code, says }) => `${file}: ${code}: ${says}`)).toEqual([])
})

/** Errors that are told with table and file by whoever reads the file. */
const OF_A_FILE: ReadonlySet<string> = new Set(['corrupt_avro', 'corrupt_metadata'])
/** Errors that there is one thing to be about, which they or their hints name; or that are of no use but to stop. */
const OF_ONE_THING: ReadonlySet<string> = new Set([
  'analyst_not_ready',
  'bad_catalog_url',
  'bad_machine',
  'command_stopped',
  'engine_interrupted',
  'engine_statement_failed',
  'file_added_twice',
  'job_stopped',
  'lake_read_only',
  'log_closed',
  'log_corrupt',
  'log_missing',
  'no_command',
  'no_pause_needed',
  'no_relocation_needed',
  'orphans_too_young',
  'outbox_twice',
  'parquet_rows_invalid',
  'parquet_writer_closed',
  'paused',
  'query_files_gone',
  'query_invalid',
  'query_memory',
  'query_stopped',
  'query_too_large',
  'session_busy',
  'session_closed',
  'starting',
])
/** Joined mistakes, of which each names its setting. */
const JOINED = ';'

it('every error of the code names what it is about', () => {
  const nameless = thrownErrors()
    .filter(({ says }) => says !== '' && says !== JOINED && !says.includes('…'))
    .filter(({ code }) => !OF_A_FILE.has(code))
  expect([...new Set(nameless.map(({ code }) => code))].sort()).toEqual([...OF_ONE_THING])
})
