import { beforeAll, expect, test } from 'vitest'
import { here, json, temporaryFolder } from './assay.js'

interface Report {
  readonly target: number
  readonly exchanges: readonly {
    readonly exchange: string
    readonly rows: number
    readonly newest?: string | null
    readonly p999_ms?: number
    readonly max_ms?: number
    readonly least_delay_ms?: number
    readonly later_rows?: number
    readonly caught?: readonly { readonly delay_ms: number; readonly rows: number; readonly share: number }[]
  }[]
}

const folder = temporaryFolder()
let at: readonly string[] = []

beforeAll(async () => {
  at = ['--lake', folder.path('lake')]
  for (const args of [
    ['simulate', '--exchange', 'binance', '--count', '3000', '--late', '0.02', '--invalid', '0.02', '--seed', '5'],
    ['up', '--drain'],
  ]) {
    expect((await here([...args, ...at])).code).toBe(0)
  }
})

test('tune-lateness counts what silver says of its rows', async () => {
  const { exchanges } = await json<Report>(['tune-lateness', '--target', '0.99', ...at])
  const sql = `SELECT count(*)::INTEGER AS rows, max(lateness_ms)::INTEGER AS max_ms, quantile_disc(lateness_ms, 0.99)::INTEGER AS least,
    quantile_disc(lateness_ms, 0.999)::INTEGER AS p999_ms, count(*) FILTER (lateness_ms <= 60000)::INTEGER AS minute
    FROM silver_binance_trades`
  const [silver] = await json<Record<string, number>[]>(['sql', sql, ...at])
  const [binance, kraken] = exchanges
  expect(binance).toMatchObject({ rows: silver?.rows, max_ms: silver?.max_ms, p999_ms: silver?.p999_ms })
  expect(binance?.least_delay_ms).toBe(silver?.least)
  expect(binance?.caught?.find(({ delay_ms }) => delay_ms === 60_000)?.rows).toBe(silver?.minute)
  expect(kraken).toEqual({ exchange: 'kraken', rows: 0, newest: null })
})

test('tune-lateness says so where no row came since the time, and where the newest is', async () => {
  const { code, stdout } = await here(['tune-lateness', '--since', '9999-01-01', ...at])
  expect(code).toBe(0)
  expect(stdout.toString()).toMatch(
    /^binance: no trade came since 9999\S+; the newest came at (\d{4}-\d\d-\d\d)T\S+: --since \1 takes it in\nkraken: .*, nor before\n$/,
  )
  const shown = await here(['tune-lateness', '--target', '1', ...at])
  expect(shown.stdout.toString()).toMatch(
    /binance: a delay of [\d,]+ ms is the least for 1; .* none of [\d,]+ trades is later\n/,
  )
})
