import { join } from 'node:path'
import { runChild } from '../lib/child.mjs'
import { timeAssay } from '../lib/command.mjs'
import { drain, loadLog } from '../lib/drained.mjs'
import { withFolder } from '../lib/lakes.mjs'
import { median, round } from '../lib/measure.mjs'

const RUNS = 5
const MIB = 2 ** 20

/** What an analyst, an auditor and an operator wait for, over a lake of so many records; commands with their start-up. */
export function measureQueries({ rows, threads }, say) {
  return withFolder(async (folder) => {
    const directory = join(folder, 'lake')
    say(`queries: a lake of ${rows} records`)
    const { records } = await loadLog(directory, { count: rows })
    await drain({ directory, threads })
    const sample = await runChild('sample', { directory })
    const trade = `trade_id = '${sample.trade_id}' AND symbol = 'ETHUSDT'`
    const commands = {
      'sql select 1': ['sql', 'SELECT 1'],
      'sql count': ['sql', 'SELECT count(*), sum(price * quantity) FROM gold_crypto_trades'],
      'sql last price a symbol': [
        'sql',
        'SELECT symbol, arg_max(price, "timestamp") FROM gold_crypto_trades GROUP BY symbol',
      ],
      'sql a trade of lineage': ['sql', `SELECT * FROM lineage WHERE ${trade}`],
      'trace a record': ['trace', sample.coordinates],
      'trace a message': ['trace', sample.message_id],
      status: ['status'],
    }
    const measured = {}
    for (const [name, args] of Object.entries(commands)) {
      say(`queries: ${name}`)
      measured[name] = await timed([...args, '--lake', directory])
    }
    say('queries: verify')
    return { records, ...measured, verify: await verified(directory, records, threads) }
  })
}

async function timed(args) {
  const runs = []
  for (let i = 0; i < RUNS; i++) runs.push(await timeAssay(args))
  const of = (figure) => Math.round(median(runs.map((run) => run[figure])))
  return { cpu_ms: of('cpu_ms'), wall_ms: of('wall_ms') }
}

async function verified(directory, records, threads) {
  const { cpuUser_us, cpuSystem_us, wall_ms, peakMemory_bytes, failed } = await runChild('verify', {
    directory,
    threads,
  })
  if (failed.length > 0) throw new Error(`verify found: ${failed.join('; ')}`)
  return {
    cpu_us_per_row: round((cpuUser_us + cpuSystem_us) / records),
    wall_seconds: round(wall_ms / 1000),
    peakMemory_mib: Math.round(peakMemory_bytes / MIB),
  }
}
