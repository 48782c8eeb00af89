import { readdirSync } from 'node:fs'
import { compileEncoder } from '@assay/avro'
import { exchanges } from '@assay/exchanges'
import { SILVER_RULES } from '@assay/rules'
import { wireHeader } from '@assay/schema-registry'
import { expect, it } from 'vitest'
import { pages, readPage } from './support/pages.js'

const page = readPage('docs/producers.md')

/** The cells of each row of the table under a head, without the marks of code. */
function tableUnder(head: string): string[][] {
  const lines = page.slice(page.indexOf(head)).split('\n')
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

it('docs/producers.md has the topic, subject and schema of every exchange', () => {
  const rows = tableUnder('| exchange | topic |').map(([name, topic, subject]) => [name?.toLowerCase(), topic, subject])
  expect(rows).toEqual(exchanges.map(({ name, topic }) => [name, topic, `${topic}-value`]))
})

it('docs/producers.md has the bytes of a record as they are', () => {
  const binance = exchanges.find(({ name }) => name === 'binance')
  const bytes = tableUnder('| bytes |').map(([cell]) => cell)
  const record = {
    event_type: 'trade',
    event_time_ms: 1_700_000_000_000n,
    symbol: 'BTCUSDT',
    trade_id: 1n,
    price: '68000.10',
    quantity: '0.5',
    trade_time_ms: 1_700_000_000_000n,
    is_buyer_maker: false,
    is_best_match: true,
    ingestion_timestamp: 1_700_000_000_000_000n,
  }
  const encoded = Buffer.from(compileEncoder(binance?.schema ?? '')(record, wireHeader(7))).toString('hex')
  expect(bytes.join(' ').replaceAll(' ', '')).toBe(encoded)
})

it('docs/producers.md has every reason of a dead letter, in the order in which they decide', () => {
  const reasons = new Map<string, string>()
  for (const { reason, type } of SILVER_RULES.rules) if (!reasons.has(reason)) reasons.set(reason, type)
  expect(tableUnder('| reason |').map(([reason, type]) => [reason, type])).toEqual([...reasons])
})

it('a file under examples/ is quoted whole by a page', () => {
  const texts = pages().map(readPage)
  const files = readdirSync(new URL('../examples/', import.meta.url), { recursive: true, withFileTypes: true })
  const examples = files.filter((entry) => entry.isFile()).map(({ parentPath, name }) => `${parentPath}/${name}`)
  const wanting = examples.filter((path) => {
    const source = readPage(path)
    const language = { py: 'python', jsonl: 'json', csv: 'text' }[path.split('.').at(-1) ?? ''] ?? 'js'
    return !texts.some((text) => text.includes(`\n\`\`\`${language}\n${source}\`\`\`\n`))
  })
  expect(examples.length).toBeGreaterThan(0)
  expect(wanting, 'put the text of the file into the page that tells of it').toEqual([])
})
