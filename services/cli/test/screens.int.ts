import { rm, writeFile } from 'node:fs/promises'
import { seededRandom } from '@assay/core'
import { type Exchange, exchangeNamed } from '@assay/exchanges'
import { simulateFeed } from '@assay/feed'
import { embeddedParts, type Lake, openLake, runWorkers } from '@assay/lake'
import { defineRuleSet, ruleSetJson, SILVER_RULES } from '@assay/rules'
import stringWidth from 'string-width'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { allCommands, commandName } from '../src/parse/describe.js'
import { buildProgram } from '../src/program.js'
import { here, temporaryFolder, withoutProgress } from './assay.js'

/** Columns of the terminals that the screens are looked at on; without any, what a pipe gets. */
const WIDTHS = [60, 80, 120, 200, undefined] as const
const BUILT_MS = Date.UTC(2026, 5, 1, 10)
const LOOKED_AT_MS = Date.UTC(2026, 5, 1, 12)
const TOPIC = 'market.crypto.trades'
const SUMS = `SELECT exchange, symbol, count(*) AS trades, sum(price * quantity) AS notional FROM gold_crypto_trades
  GROUP BY ALL ORDER BY ALL LIMIT 3`
const TEXTS =
  "SELECT '币安人生USDT' AS symbol, 'a text of several words that is longer than any terminal would like' AS note, 1 AS n"

const folder = temporaryFolder()
const before = process.cwd()

beforeAll(async () => {
  // Errors name the lake as it was typed, so it is the same on every machine.
  process.chdir(folder.path('.'))
  vi.useFakeTimers({ toFake: ['Date'], now: LOOKED_AT_MS })
  await buildLake()
  const [first] = SILVER_RULES.rules
  const stricter = { ...first, name: 'large_only', predicate: 'quantity > 0.05', reason: 'too_small' }
  const rules = [...SILVER_RULES.rules, stricter as (typeof SILVER_RULES.rules)[number]]
  await writeFile('rules.json', ruleSetJson(defineRuleSet(rules, SILVER_RULES.lateness_delay_ms)))
})
afterAll(() => {
  vi.useRealTimers()
  process.chdir(before)
})

/**
 * A lake that is the same whenever it is built: trades, duplicates and dead letters of two exchanges, a lane that stopped
 * since its topic was deleted and made again, and one that has records waiting.
 */
async function buildLake(): Promise<void> {
  const clock = new VirtualClock(BUILT_MS)
  const lake = await openLake({ parts: embeddedParts('./lake'), clock, random: seededRandom(7), threads: 1 })
  const [binance, kraken] = [exchangeNamed('binance'), exchangeNamed('kraken')]
  const simulated = { seed: 1, partitions: 1, signal: new AbortController().signal, onProgress: () => undefined }
  const feed = (exchange: Exchange, count: number): Promise<unknown> =>
    simulateFeed(lake, { ...simulated, exchange, count, invalid: 0.05, duplicates: 0.05, late: 0.02 })
  try {
    await feed(binance, 400)
    await feed(kraken, 200)
    await runOneByOne(lake)
    await rm(`lake/log/${TOPIC}.kraken.raw`, { recursive: true })
    await feed(kraken, 50)
    await runOneByOne(lake)
    clock.advance(600_000)
    await feed(binance, 30)
  } finally {
    await lake.close()
  }
}

/** Each worker alone, so that the order of their commits is the same every time. */
async function runOneByOne(lake: Lake): Promise<void> {
  for (const layer of lake.layers) {
    for (const i of layer.workers(lake.exchanges).keys()) {
      const alone = { ...layer, workers: (all: readonly Exchange[]) => layer.workers(all).slice(i, i + 1) }
      const options = { drain: true, adopt: false, interval_ms: 0, layers: [alone], onEvent: () => undefined }
      await runWorkers(lake, options, new AbortController().signal)
    }
  }
}

async function screenOf(args: readonly string[], columns: number | undefined): Promise<string> {
  const ended = await here(args, columns === undefined ? {} : { COLUMNS: String(columns) })
  return `${ended.stdout}${ended.stderr}`
}

/** What a command shows on each terminal, one below the other. */
async function screensOf(
  commands: readonly (readonly string[])[],
  widths: readonly (number | undefined)[],
): Promise<string> {
  const texts: string[] = []
  for (const columns of widths) {
    texts.push(`=== ${columns === undefined ? 'piped' : `${columns} columns`} ===\n`)
    for (const args of commands) {
      const text = steady(await screenOf(args, columns))
      if (columns !== undefined) expectToFit(text, columns)
      texts.push(`$ assay ${args.map((arg) => (/[ *]/.test(arg) ? `"${arg}"` : arg)).join(' ')}\n${text}\n`)
    }
  }
  return texts.join('')
}

/** No line is wider than the terminal, but for a word that is so by itself. */
function expectToFit(text: string, columns: number): void {
  const wide = text.split('\n').filter((line) => stringWidth(line) > columns && line.trim().includes(' '))
  expect(wide).toEqual([])
}

/** What differs between two runs: how long they took, and where. */
function steady(text: string): string {
  return withoutProgress(text)
    .replace(/\d+\.\d s, [\d,]+ rows\/s/, '0.1 s, 1,000 rows/s')
    .replace(folder.path('.'), '')
}

describe.each([
  ['tables', WIDTHS, [['tables']]],
  ['status', WIDTHS, [['status']]],
  ['dlq', WIDTHS, [['dlq'], ['dlq', '--by', 'source']]],
  ['dlq-list', WIDTHS, [['dlq', 'list', '--limit', '4']]],
  ['dlq-show', [60, 120], [['dlq', 'show', `${TOPIC}.binance.raw/0/LETTER`]]],
  ['gaps', [80, 120, 200], [['gaps']]],
  [
    'candles',
    WIDTHS,
    [
      ['candles', '--exchange', 'binance', '--symbol', 'BTCUSDT'],
      ['candles', '--symbol', 'BTCUSD'],
      ['candles', '--from', '2030-01-01'],
    ],
  ],
  ['trace', [60, 120], [['trace', `${TOPIC}.binance.raw/0/20`]]],
  ['rules-list', WIDTHS, [['rules', 'list']]],
  ['rules-test', [60], [['rules', 'test', 'rules.json']]],
  ['maintain', [60, 80], [['maintain', '--compact', '--expire', '--orphans', '--retention', '--dry-run']]],
  ['replay', [60], [['replay', '--target-table', 'silver_binance_trades', '--dry-run']]],
  ['verify', [60, 120], [['verify', '--from-log']]],
  ['tune-lateness', [60, 80, 200], [['tune-lateness'], ['tune-lateness', '--since', '1h']]],
  ['sql', [80], [['sql', SUMS]]],
  ['sql-wide', [60, 120, 200, undefined], [['sql', 'FROM gold_crypto_trades ORDER BY message_id LIMIT 2']]],
  [
    'sql-texts',
    [60],
    [
      ['sql', TEXTS],
      ['sql', 'FROM gold_crypto_trades WHERE false'],
    ],
  ],
] as const)('the screen of %s', (name, widths, commands) => {
  test('fits every terminal, and is as it was looked at', async () => {
    const letter = name === 'dlq-show' ? await firstDeadLetter() : ''
    const asked = commands.map((args) => args.map((arg) => arg.replace('LETTER', letter)))
    await expect(await screensOf(asked, widths)).toMatchFileSnapshot(`screens/${name}.txt`)
  })
})

async function firstDeadLetter(): Promise<string> {
  const sql = "SELECT min(kafka_offset)::INTEGER AS first FROM silver_dlq_trades WHERE topic LIKE '%binance%'"
  const { stdout } = await here(['sql', sql, '--json'])
  return String((JSON.parse(stdout.toString()) as [{ readonly first: number }])[0].first)
}

test('the screen of rebuild --compare fits every terminal, and is as it was looked at', async () => {
  await expect(await screensOf([['rebuild', '--into', 'again', '--compare']], [60])).toMatchFileSnapshot(
    'screens/rebuild.txt',
  )
})

test('the help of every command fits the terminal, and is as it was looked at', async () => {
  const commands = allCommands(buildProgram({}, () => undefined)).map((command) => [
    ...commandName(command).split(' ').slice(1),
    '--help',
  ])
  for (const columns of [60, 200]) await screensOf(commands, [columns])
  await expect(await screensOf(commands, [80])).toMatchFileSnapshot('screens/help.txt')
})

test('errors fit the terminal, and are as they were looked at', async () => {
  const wrong = [
    ['tabels'],
    ['load'],
    ['simulate', '--exchange', 'coinbase', '--count', 'many', '--sede', '3'],
    ['sql', 'SELECT pirce FROM gold_crypto_trades'],
    ['sql', 'FROM gold_crypto'],
    ['sql', 'DROP TABLE gold_crypto_trades'],
    ['sql', 'FROM gold_crypto_trades', '--as-of', '2020-01-01'],
    ['sql', 'FROM gold_crypto_trades', '-o', 'nowhere/gold.csv'],
    ['dlq', 'show', `${TOPIC}.binance.raw/0/999999`],
    ['gaps', 'accept', `${TOPIC}.binance.raw/0`, '--to', '5', '--note', 'why'],
    ['trace', 'NOBODY-1'],
    ['status', '--lake', './laek'],
    ['rebuild', '--into', 'lake'],
    ['rules', 'test', 'missing.json'],
    ['dlq', 'list', '--date-range', '2020-01-01'],
  ]
  await expect(await screensOf(wrong, [60])).toMatchFileSnapshot('screens/errors.txt')
})
