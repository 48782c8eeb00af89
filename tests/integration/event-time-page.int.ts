import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { blocksOf, exchangesIn } from '../support/pages.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

it('L1, L2: the example of docs/event-time.md shows what the page says', async () => {
  const blocks = blocksOf('docs/event-time.md').filter(({ language }) => language === 'console')
  const exchanges = blocks.flatMap(({ text }) => exchangesIn(text)).filter(({ typed }) => !typed.startsWith('assay '))
  expect(exchanges.map(({ typed }) => typed)).toEqual(['node examples/user-events/main.mjs'])
  for (const { typed, shown } of exchanges) {
    const { stdout } = await run('bash', ['-e', '-c', typed], { cwd: root, timeout: 60_000 })
    expect(stdout.trim()).toBe(shown)
  }
})
