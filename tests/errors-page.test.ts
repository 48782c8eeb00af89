import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { errorsPage } from '../docs/errors-page.mjs'

it('docs/errors.md tells every error of the code', async () => {
  const page = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8')
  expect(page, 'run: node docs/write-errors.mjs').toBe(errorsPage())
  for (const code of ['store_full', 'lake_missing', 'table_rolled_back', 'store_busy', 'queue_full']) {
    expect(page).toContain(`| \`${code}\` |`)
  }
})
