import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { exchanges, HEARTBEATS } from '../src/index.js'

const SCHEMAS = new URL('../../../schemas/', import.meta.url)
const FOLDERS = new URL('../src/', import.meta.url)

test('the published schemas are those of the exchanges and of heartbeats, every one with its topic', () => {
  const published = readdirSync(SCHEMAS).filter((name) => name.endsWith('.avsc'))
  const own = [...exchanges.map(({ name }) => name), 'heartbeats'].flatMap((name) => {
    const folder = new URL(`${name}/schemas/`, FOLDERS)
    return readdirSync(folder).map((file) => [file, readFileSync(new URL(file, folder), 'utf8')] as const)
  })
  expect(Object.fromEntries(published.map((file) => [file, readFileSync(new URL(file, SCHEMAS), 'utf8')]))).toEqual(
    Object.fromEntries(own),
  )
  const readme = readFileSync(new URL('README.md', SCHEMAS), 'utf8')
  for (const { topic } of [...exchanges, HEARTBEATS]) expect(readme).toContain(`\`${topic}\``)
})
