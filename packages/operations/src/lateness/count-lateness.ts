import { columnOf, type Session } from '@assay/engine'

/** A part of all rows, above 0 and up to 1, as it was written: 999 of 1000. */
export interface Share {
  readonly part: bigint
  readonly of: bigint
}

/** How late rows were; exact, of rows that were all counted. Lateness is in whole ms, rounded down, as silver has it. */
export interface LatenessCounts {
  readonly rows: number
  /** The least lateness that half of the rows do not exceed, and so on. */
  readonly p50_ms: number
  readonly p90_ms: number
  readonly p99_ms: number
  readonly p999_ms: number
  readonly max_ms: number
  /** Rows that are no later than each delay. */
  readonly caught: readonly { readonly delay_ms: number; readonly rows: number }[]
  /** The least delay that the share of rows does not exceed. */
  readonly least_delay_ms: number
  /** Rows that do. */
  readonly later_rows: number
}

/** Delays whose catch is told. */
const DELAYS_MS = [0, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000]

const QUANTILES = {
  p50_ms: { part: 1n, of: 2n },
  p90_ms: { part: 9n, of: 10n },
  p99_ms: { part: 99n, of: 100n },
  p999_ms: { part: 999n, of: 1000n },
} as const satisfies Record<string, Share>

/**
 * Counts the rows of a query, whose column `lateness_ms` is never null, value by value; undefined where there are none.
 * What it holds in memory does not grow with the rows: their counts lie with the engine, which can put them on disk.
 */
export async function countLateness(
  session: Session,
  rows: string,
  target: Share,
): Promise<LatenessCounts | undefined> {
  const counts = await session.createTable(
    'lateness_counts',
    `SELECT lateness_ms, count(*)::BIGINT AS n FROM (${rows}) GROUP BY lateness_ms`,
  )
  const [sums] = await session.rows(`SELECT coalesce(sum(n), 0)::BIGINT AS n, max(lateness_ms) AS greatest,
    [${DELAYS_MS.map((delay) => `coalesce(sum(n) FILTER (lateness_ms <= ${delay}), 0)::BIGINT`).join(', ')}] AS caught
    FROM ${counts.name}`)
  const total = sums?.n as bigint
  const caught = sums?.caught as readonly bigint[]
  const found = total > 0n ? await quantiles(session, counts.name, total, { ...QUANTILES, target }) : undefined
  await session.run(`DROP TABLE ${counts.name}`)
  if (!found) return undefined
  return {
    rows: Number(total),
    ...(Object.fromEntries(Object.keys(QUANTILES).map((name) => [name, found.get(name)?.value_ms])) as Record<
      keyof typeof QUANTILES,
      number
    >),
    max_ms: Number(sums?.greatest),
    caught: DELAYS_MS.map((delay_ms, i) => ({ delay_ms, rows: Number(caught[i]) })),
    least_delay_ms: found.get('target')?.value_ms as number,
    later_rows: Number(total - (found.get('target')?.rows as bigint)),
  }
}

interface Quantile {
  readonly value_ms: number
  /** Rows that do not exceed it. */
  readonly rows: bigint
}

/** For each share the least value that so many of the rows do not exceed: one walk over the values, in their order. */
async function quantiles(
  session: Session,
  table: string,
  total: bigint,
  shares: Readonly<Record<string, Share>>,
): Promise<ReadonlyMap<string, Quantile>> {
  const found = new Map<string, Quantile>()
  const wanted = Object.entries(shares)
    .map(([name, { part, of }]) => ({ name, rank: (total * part + of - 1n) / of }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
  let rows = 0n
  for await (const chunk of session.read(`SELECT lateness_ms, n FROM ${table} ORDER BY lateness_ms`)) {
    const { data: values } = columnOf(chunk, 'lateness_ms', 'BIGINT')
    const { data: counts } = columnOf(chunk, 'n', 'BIGINT')
    for (let i = 0; i < chunk.count; i++) {
      rows += counts[i] as bigint
      while (wanted[0] && wanted[0].rank <= rows) {
        found.set(wanted[0].name, { value_ms: Number(values[i]), rows })
        wanted.shift()
      }
      if (wanted.length === 0) return found
    }
  }
  return found
}
