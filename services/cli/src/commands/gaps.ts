import { laneKey, parseLaneKey, position } from '@assay/core'
import { type Lake, statusReport } from '@assay/lake'
import { acceptLoss } from '@assay/operations'
import { openQuery } from '@assay/query'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { COUNTS, OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { resultJson, resultTable } from '../print/result.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withExistingLake, withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'
import { stopsText } from './status.js'

const LEDGER = `SELECT source, topic, "partition", from_offset, to_offset, found_at, accepted_at, note
  FROM gaps ORDER BY ALL`
const LEDGER_ROWS_MAX = 10_000
const LEDGER_TIMEOUT_MS = 60_000

export function addGaps(program: Command, accept: Accept): void {
  const gaps = program
    .command('gaps')
    .summary('ranges that the log lost before they were read; let a stopped lane go on')
    .description(
      'Lists the ledger of lost ranges, and the lanes that stopped because of one. A lane that finds records gone ' +
        'stops rather than skip them in silence; "assay gaps accept" is your word that it may go on.',
    )
    .addHelpText('after', '\nExample:\n  assay gaps')
    .action((_options: unknown, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      accept(reader.mistakes, (io) => withLakeToLookAt(location, io, (lake) => listGaps(lake, json, io)))
    })
  addAccept(gaps, accept)
}

async function listGaps(lake: Lake, json: boolean, io: Io): Promise<ExitCode> {
  const query = await openQuery(lake, { maxRows: LEDGER_ROWS_MAX, timeout_ms: LEDGER_TIMEOUT_MS })
  try {
    const ledger = await query.run(LEDGER)
    const { stops } = await statusReport(lake)
    if (json) await write(io.stdout, jsonText({ ledger: resultJson(ledger), stopped: stops }))
    else {
      const listed =
        ledger.rows.length === 0
          ? 'No gap has been found.\n'
          : resultTable(ledger, io.stdoutWidth, ['source', 'found_at'])
      await write(io.stdout, `${listed}${wrapText(stopsText(stops), io.stdoutWidth)}`)
    }
    return ExitCode.done
  } finally {
    await query.close()
  }
}

interface AcceptOptions {
  readonly to?: string
  readonly note?: string
}

function addAccept(gaps: Command, accept: Accept): void {
  gaps
    .command('accept')
    .summary('let a stopped lane go on')
    .description(
      'Lets a stopped lane go on at an offset, and writes so in the ledger. "assay status" tells the lane and the ' +
        'offset. Where the topic was deleted and made again, or cut, the lane goes on under a new name (topic@2). ' +
        'Where acknowledged records are damaged at the end of a log of our own, its producers go on behind them, too.',
    )
    .argument('<lane>', 'topic/partition')
    .option('--to <offset>', 'the next offset to read (required)')
    .option('--note <text>', 'why; kept in the ledger (required)')
    .addHelpText(
      'after',
      '\nExample:\n  assay gaps accept market.crypto.trades.binance.raw/0 --to 1200 --note "retention was too short"',
    )
    .action((lane: string, options: AcceptOptions, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const { note } = options
      const parsed = reader.parsed('<lane>', lane, parseLaneKey)
      const to = reader.integer('to', options.to, COUNTS)
      accept(reader.mistakes, (io) => {
        if (!parsed || to === undefined || note === undefined) {
          throw new RangeError('a command line without a lane, an offset or a note was accepted')
        }
        return withExistingLake(location, io, async (lake) => {
          const accepted = await acceptLoss(lake, laneKey(parsed), position(to), note)
          const text = `accepted: ${accepted.lane} goes on at ${accepted.to}\n`
          await write(io.stdout, json ? jsonText(accepted) : wrapText(text, io.stdoutWidth))
          return ExitCode.done
        })
      })
    })
}
