import { writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { BINANCE_BTC, here, temporaryFolder } from './assay.js'

const folder = temporaryFolder()
const TOPIC = 'market.crypto.trades.binance.raw'

async function run<T>(args: readonly string[], code = 0): Promise<T> {
  const ended = await here([...args, '--json'])
  expect([ended.code, ended.stderr.match(/error.*/)?.[0]]).toEqual([code, undefined])
  return JSON.parse(ended.stdout.toString()) as T
}

interface Rules {
  readonly rules: object[]
  readonly lateness_delay_ms: number
}

const WRONG_RULE = {
  name: 'only_purchases',
  predicate: "side = 'BUY'",
  reason: 'a_sale',
  type: 'side_validation',
  value: 'side',
  since: '0.2.0',
}

describe('a wrong rule, from the alarm to the repair', () => {
  test('D1 D2 D3 D4: seen, tried on history, mended, replayed; each step by its command', async () => {
    const lake = ['--lake', folder.path('lake')]
    const rules = await run<Rules>(['rules', 'list', ...lake])
    const file = folder.path('rules.json')
    await writeFile(file, JSON.stringify({ ...rules, rules: [...rules.rules, WRONG_RULE] }))
    await run(['load', BINANCE_BTC, '--exchange', 'binance', ...lake])
    await run(['up', '--drain', '--rules', file, ...lake])

    const deadLetters = await run<Record<string, unknown>[]>(['dlq', '--since', '1h', ...lake])
    const sales = Number(deadLetters[0]?.dead_letters)
    expect(deadLetters).toEqual([expect.objectContaining({ error_reason: 'a_sale', dead_letters: sales, open: sales })])
    expect(sales).toBeGreaterThan(100)
    type List = {
      readonly dead_letters: object[]
      readonly total: number
      readonly replay: string[]
      readonly days: object[]
    }
    const listed = await run<List>(['dlq', 'list', '--limit', '2', '--error-types', 'side_validation', ...lake])
    expect(listed).toMatchObject({ total: sales, days: [] })
    expect(listed.dead_letters).toHaveLength(2)
    expect(listed.replay).toEqual([
      'assay replay --source-table silver_dlq_trades --target-table silver_binance_trades --error-types side_validation',
    ])
    for (const filter of [
      ['--rejected-since', '2099-01-01'],
      ['--date-range', '2001-01-01'],
      ['--error-types', 'unknown_error'],
    ]) {
      const none = await run<List>(['dlq', 'list', ...filter, ...lake])
      expect([none.total, none.dead_letters, none.replay, none.days.length > 0]).toEqual([0, [], [], true])
    }
    const none = await here([
      'replay',
      '--target-table',
      'silver_binance_trades',
      '--date-range',
      '2001-01-01',
      '--dry-run',
      ...lake,
    ])
    expect(none.stdout.toString()).toMatch(/^0 of 0 .*Days that have open ones, by --date-range: \d{4}-/s)
    // What keeps nothing closes nothing and selects nothing, whichever of the filters it is.
    const target = ['--target-table', 'silver_binance_trades']
    const never = ['--rejected-since', '2099-01-01']
    expect(await run(['replay', ...target, ...never, '--dry-run', ...lake])).toMatchObject({ selected: 0 })
    expect(await run(['dlq', '--since', '2099-01-01', ...lake])).toEqual([])
    for (const filter of [never, ['--date-range', '2001-01-01'], ['--error-types', 'unknown_error']]) {
      const resolve = ['dlq', 'resolve', ...filter, '--purge', '--note', 'a test', ...lake]
      expect([filter, await run(resolve)]).toEqual([filter, { resolution: 'purged', dead_letters: 0 }])
    }
    const tried = await run<{ exchanges: Record<string, object> }>(['rules', 'test', file, ...lake])
    expect(tried.exchanges.binance).toMatchObject({ newly_rejected: 0, newly_accepted: 0 })

    const args = ['replay', '--target-table', 'silver_binance_trades', '--error-types', 'side_validation', ...lake]
    expect(await run([...args, '--rules', file], 1)).toMatchObject({ passed: 0, still_failing: sales })
    const dry = await run([...args, '--dry-run'])
    expect(dry).toMatchObject({ selected: sales, passed: sales, still_failing: 0, dry_run: true })
    expect(await run(args)).toMatchObject({ selected: sales, passed: sales })
    expect(await run(args)).toMatchObject({ selected: 0 })
    await run(['up', '--drain', ...lake])
    const total = 'SELECT (SELECT count(*) FROM bronze_binance_trades) = count(*) AS whole FROM gold_crypto_trades'
    expect(await run(['sql', total, ...lake])).toMatchObject([{ whole: true }])
    const rate = 'SELECT sum(passed) / sum(selected) AS rate FROM replays WHERE finished_at IS NOT NULL AND passed > 0'
    expect(await run(['sql', rate, ...lake])).toMatchObject([{ rate: 1 }])
    const open = 'SELECT count(*) AS n FROM silver_dlq_open'
    expect(await run(['sql', open, ...lake])).toMatchObject([{ n: '0' }])
    expect(await run(['maintain', '--retention', '--compact', '--expire', '--orphans', ...lake])).toMatchObject({
      retention: { archived: 0, purged: 0 },
    })
    expect(await run(['verify', ...lake])).toMatchObject({ is_ok: true })
  }, 120_000)

  test('S5: one dead letter, decoded; closed and opened again by hand', async () => {
    const lake = ['--lake', folder.path('lake')]
    const rows = await run<{ topic: string; partition: number; kafka_offset: number }[]>([
      'sql',
      'SELECT topic, "partition", kafka_offset FROM silver_dlq_trades ORDER BY ALL LIMIT 1',
      ...lake,
    ])
    const at = `${TOPIC}/${rows[0]?.partition}/${rows[0]?.kafka_offset}`
    const shown = await here(['dlq', 'show', at, ...lake])
    expect(shown.stdout.toString()).toMatch(/closed, in silver_dlq_trades.*a_sale.*is_buyer_maker: true.*replayed/s)
    const again = await here(['dlq', 'resolve', at, '--reopen', '--note', 'a test', ...lake])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('letters_not_found')])
    expect((await here(['dlq', 'show', `${TOPIC}/0/999999`, ...lake])).code).toBe(2)
  }, 60_000)

  test('every mistake of a command line is told at once, and none does anything', async () => {
    const resolve = await here(['dlq', 'resolve', 'x', '--date-range', '2026-02-30', '--lake', folder.path('none')])
    expect(resolve.code).toBe(2)
    for (const part of ['--note', '--purge', 'is no coordinate', '2026-02-30']) expect(resolve.stderr).toContain(part)
    const pause = await here(['maintain', '--pause', '--compact', '--lake', folder.path('none')])
    expect([pause.code, pause.stderr]).toEqual([2, expect.stringContaining('resume first')])
    expect((await here(['replay', '--lake', folder.path('none')])).stderr).toContain(
      '--target-table <table> is missing',
    )
  })

  test('A4: pause holds every commit of Assay until resume', async () => {
    const lake = ['--lake', folder.path('lake')]
    await run(['maintain', '--pause', ...lake])
    const replay = await here(['replay', '--target-table', 'silver_binance_trades', ...lake])
    expect([replay.code, replay.stderr]).toEqual([3, expect.stringContaining('[paused]')])
    const drain = await here(['up', '--drain', ...lake])
    expect([drain.code, drain.stderr]).toEqual([3, expect.stringMatching(/\[paused\].*assay maintain --resume/s)])
    const status = await here(['status', ...lake])
    expect(status.stdout.toString()).toMatch(
      /paused since \d{4}-.*: nothing is committed\n {2}next: assay maintain --resume/,
    )
    expect(await run(['maintain', '--resume', ...lake])).toEqual({ paused: false })
    expect((await here(['replay', '--target-table', 'silver_binance_trades', ...lake])).code).toBe(0)
  }, 60_000)
})
