import { readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  assay,
  BINANCE_BTC,
  BINANCE_ETH,
  here,
  json,
  KRAKEN_BTC,
  rowsOf,
  type TablesJson,
  temporaryFolder,
} from './assay.js'

const folder = temporaryFolder()
const SCALE = 20

/** Unscaled value of a decimal text at ten decimals. */
function unscaled(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  if (fraction.length > 10) throw new Error(`${text} has more than ten decimals`)
  return BigInt(whole + fraction.padEnd(10, '0'))
}

function decimalText(value: bigint): string {
  const digits = value.toString().padStart(SCALE + 1, '0')
  return `${digits.slice(0, -SCALE)}.${digits.slice(-SCALE)}`
}

async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '')
}

/** Sum of price × quantity, digit by digit from the file's own text. */
async function notionalOf(file: string, price: RegExp, quantity: RegExp): Promise<string> {
  const lines = await linesOf(file)
  const products = lines.map((line) => unscaled(price.exec(line)?.[1] ?? '') * unscaled(quantity.exec(line)?.[1] ?? ''))
  return decimalText(products.reduce((sum, product) => sum + product, 0n))
}

describe('the recorded trades, loaded and drained', () => {
  let lake: string[] = []
  beforeAll(() => {
    lake = ['--lake', folder.path('lake')]
  })

  async function loadAll(): Promise<void> {
    const binance = await json<Record<string, unknown>>([
      'load',
      BINANCE_BTC,
      BINANCE_ETH,
      '--exchange',
      'binance',
      ...lake,
    ])
    expect(binance).toEqual({
      exchange: 'binance',
      topic: 'market.crypto.trades.binance.raw',
      load_id: expect.stringMatching(/^[\da-f-]{36}$/),
      produced: 3001,
      refused: 0,
      ignored: 0,
      refusals: [],
      is_complete: true,
    })
    expect(await json(['load', KRAKEN_BTC, '--exchange', 'kraken', ...lake])).toMatchObject({ produced: 1000 })
  }

  test('B2, S1, G1: every trade is in bronze, silver and gold once', async () => {
    await loadAll()
    const drained = await json<TablesJson>(['up', '--drain', ...lake], assay)
    expect(rowsOf(drained)).toMatchObject({
      bronze_binance_trades: 3001,
      bronze_kraken_trades: 1000,
      silver_binance_trades: 3001,
      silver_kraken_trades: 1000,
      silver_dlq_trades: 0,
      gold_crypto_trades: 4001,
      gold_duplicates: 0,
    })
    expect(await json<TablesJson>(['tables', ...lake])).toEqual(drained)
  }, 60_000)

  test('G2: the same again is in bronze and silver twice, in gold once, and listed as duplicates', async () => {
    await loadAll()
    expect(rowsOf(await json<TablesJson>(['up', '--drain', ...lake]))).toMatchObject({
      bronze_binance_trades: 6002,
      bronze_kraken_trades: 2000,
      silver_binance_trades: 6002,
      silver_kraken_trades: 2000,
      silver_dlq_trades: 0,
      gold_crypto_trades: 4001,
      gold_duplicates: 4001,
    })
    const conflicts = await json(['sql', 'SELECT count(*) FILTER (is_conflict) AS n FROM gold_duplicates', ...lake])
    expect(conflicts).toEqual([{ n: '0' }])
  }, 60_000)

  test('S3: the sum of price × quantity of each file is exact', async () => {
    const sql = `SELECT exchange, symbol, count(*) AS n, sum(price * quantity) AS notional
      FROM gold_crypto_trades GROUP BY ALL ORDER BY ALL`
    const binance = [/"p":"([\d.]+)"/, /"q":"([\d.]+)"/] as const
    const kraken = [/"price":([\d.]+)/, /"qty":([\d.]+)/] as const
    expect(await json(['sql', sql, ...lake])).toEqual([
      { exchange: 'BINANCE', symbol: 'BTCUSDT', n: '2001', notional: await notionalOf(BINANCE_BTC, ...binance) },
      { exchange: 'BINANCE', symbol: 'ETHUSDT', n: '1000', notional: await notionalOf(BINANCE_ETH, ...binance) },
      { exchange: 'KRAKEN', symbol: 'BTCUSDT', n: '1000', notional: await notionalOf(KRAKEN_BTC, ...kraken) },
    ])
  })

  test('status tells each lane in each layer, without lag after a drain', async () => {
    const status = await json<{ lanes: Record<string, unknown>[]; stopped: unknown[]; dead_letters: unknown[] }>([
      'status',
      ...lake,
    ])
    expect(status.stopped).toEqual([])
    expect(status.lanes).toHaveLength(8)
    expect(status.lanes[1]).toMatchObject({
      layer: 'silver',
      table: 'silver_binance_trades',
      lane: 'market.crypto.trades.binance.raw/0',
      position: 6002,
      end: 6002,
      lag_rows: 0,
      lag_seconds: 0,
      watermark: expect.stringMatching(/^2023-02-02T.*Z$/),
      last_commit: expect.stringMatching(/Z$/),
    })
    expect(status.dead_letters[0]).toEqual({
      exchange: 'binance',
      judged: 6002,
      rejected: 0,
      rate: 0,
      last_hour: { judged: 6002, rejected: 0, rate: 0 },
    })
  })

  test('sql prints csv, json, ndjson, arrow, parquet and a table of the same exact values', async () => {
    const sql = `SELECT trade_id, price, trade_conditions, kafka_timestamp, exchange_date, "offset"
      FROM gold_crypto_trades WHERE trade_id = 'KRAKEN-BTCUSDT-10218208'`
    const csv = await here(['sql', sql, '--format', 'csv', ...lake])
    expect(csv.stdout.toString()).toBe(
      'trade_id,price,trade_conditions,kafka_timestamp,exchange_date,offset\n' +
        'KRAKEN-BTCUSDT-10218208,105433.6000000000,"[""limit""]",2025-11-10T17:23:53.972000Z,2025-11-10,0\n',
    )
    expect(await json(['sql', sql, ...lake])).toEqual([
      {
        trade_id: 'KRAKEN-BTCUSDT-10218208',
        price: '105433.6000000000',
        trade_conditions: ['limit'],
        kafka_timestamp: '2025-11-10T17:23:53.972000Z',
        exchange_date: '2025-11-10',
        offset: '0',
      },
    ])
    const table = await here(['sql', sql, ...lake])
    expect(table.stdout.toString()).toContain('105433.6000000000')
    const parquet = await assay(['sql', sql, '--format', 'parquet', ...lake])
    expect(parquet.stdout.subarray(0, 4).toString()).toBe('PAR1')
    expect(parquet.stdout.subarray(-4).toString()).toBe('PAR1')
    const output = folder.path('gold.csv')
    expect((await here(['sql', sql, '-o', output, ...lake])).stdout.length).toBe(0)
    expect(await readFile(output)).toEqual(csv.stdout)
    const lines = await here(['sql', sql, '--format', 'ndjson', ...lake])
    expect(JSON.parse(lines.stdout.toString())).toMatchObject({ price: '105433.6000000000', offset: '0' })
    const arrow = await here(['sql', sql, '--format', 'arrow', ...lake])
    expect(arrow.stdout.subarray(-8)).toEqual(Buffer.from('ffffffff00000000', 'hex'))
  }, 60_000)

  test('Q1: a statement that does more than read is refused with 2', async () => {
    for (const sql of [
      "COPY (SELECT 1) TO 'x'",
      "SELECT * FROM read_text('/etc/hostname')",
      'SELECT 1; SELECT 2',
      'SELEC',
    ]) {
      const { code, stdout, stderr } = await here(['sql', sql, ...lake])
      expect([sql, code, stdout.length]).toEqual([sql, 2, 0])
      expect(stderr).toMatch(/^error/m)
    }
  }, 60_000)
})

describe('load', () => {
  const line = (id: number, price: string): string =>
    `{"e":"trade","E":1610064000278,"s":"BTCUSDT","t":${id},"p":${price},"q":"1","T":1610064000278,"m":true,"M":true}`
  const input = [line(1, '"1.5"'), '', 'no JSON', line(2, '7'), '{"result":null,"id":1}', line(3, '"2.5"')].join('\n')

  test('from standard input refuses bad lines with their number and why, and exits 1', async () => {
    const args = ['load', '-', '--exchange', 'binance', '--lake', folder.path('stdin')]
    const text = await assay(args, input)
    expect(text.code).toBe(1)
    expect(text.stdout.toString()).toContain('produced 2 to market.crypto.trades.binance.raw, refused 2, ignored 1')
    expect(text.stdout.toString()).toMatch(/standard input:3: .*no JSON/)
    expect(text.stdout.toString()).toMatch(/standard input:4: .*field p/)
    const { code, stdout } = await assay([...args, '--json'], input)
    expect(code).toBe(1)
    expect(JSON.parse(stdout.toString())).toMatchObject({ produced: 2, refused: 2, ignored: 1, is_complete: true })
  })

  test('a hostile line cannot write to the terminal', async () => {
    const hostile = '{"e":"trade","s":"\u001b]0;owned\u0007"'
    const { stdout } = await assay(['load', '-', '--exchange', 'binance', '--lake', folder.path('stdin')], hostile)
    expect(stdout.toString()).toContain('refused 1')
    expect(stdout.toString()).not.toContain('\u001b')
  })
})

describe('simulate', () => {
  interface Injected {
    readonly produced: number
    readonly valid: number
    readonly duplicates: number
    readonly disordered: number
    readonly invalid: Record<string, number>
    readonly by_symbol: Record<string, number>
  }

  const MIXED = ['--duplicates', '0.1', '--invalid', '0.05', '--late', '0.02', '--start', '2024-02-29T12:00:00Z']
  const DISORDERED = ['--disorder', '20s', '--stall', '30s/2h', '--clock-jump', '500/30d']
  const SHARED = ['--pareto', '--hot', 'XBT/USD=0.5', '--idle', 'ETH/USD,XBT/EUR']

  test('--json tells exactly what every layer comes to hold, with every kind of disorder, and verify proves it', async () => {
    const lake = ['--lake', folder.path('simulated')]
    const options = ['--count', '5000', '--seed', '7', ...MIXED, ...DISORDERED, ...SHARED]
    const injected = await json<Injected>([
      'simulate',
      '--exchange',
      'kraken',
      ...options,
      '--partitions',
      '2',
      ...lake,
    ])
    expect(injected).toMatchObject({ exchange: 'kraken', produced: 5000, partitions: 2, seed: 7, clock_jumps: 10 })
    expect(injected.disordered).toBeGreaterThan(4000)
    expect(Object.keys(injected.by_symbol).sort()).toEqual([
      'BTCUSD',
      'BTCUSDT',
      'DOGEUSD',
      'ETHBTC',
      'SOLUSD',
      'XRPUSD',
    ])
    const rows = rowsOf(await json<TablesJson>(['up', '--drain', ...lake]))
    expect(rows).toMatchObject({
      bronze_kraken_trades: 5000,
      silver_kraken_trades: injected.valid,
      silver_dlq_trades: 5000 - injected.valid,
      gold_crypto_trades: injected.valid - injected.duplicates,
      gold_duplicates: injected.duplicates,
    })
    const reasons = await json<{ error_reason: string; n: string }[]>([
      'sql',
      'SELECT error_reason, count(*) AS n FROM silver_dlq_trades GROUP BY ALL',
      ...lake,
    ])
    expect(Object.fromEntries(reasons.map(({ error_reason, n }) => [error_reason, Number(n)]))).toEqual(
      injected.invalid,
    )
    const jumped = await json<{ first: string; n: string }[]>([
      'sql',
      "SELECT min(event_time)::VARCHAR AS first, count(*) FILTER (event_time > '2024-03-30') AS n FROM gold_trades",
      ...lake,
    ])
    expect(jumped).toEqual([{ first: expect.stringContaining('2024-02-29 1'), n: '10' }])
    expect(await json<{ is_ok: boolean }>(['verify', '--from-log', ...lake])).toMatchObject({ is_ok: true })
  }, 60_000)
})
