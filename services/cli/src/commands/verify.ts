import { type Check, type VerifyReport, verifyLake } from '@assay/audit'
import { systemClock } from '@assay/core'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { withProgress } from '../print/progress.js'
import { visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

export function addVerify(program: Command, accept: Accept): void {
  program
    .command('verify')
    .summary('prove on the data that nothing was lost, doubled or changed')
    .description(
      'Goes through every table and prints each check with the numbers on both sides. Silver and the dead letters are ' +
        "derived again from bronze's bytes, by the rules of their time, and compared value by value; gold and its " +
        'duplicates are compared with silver; checkpoints, files and ledgers with the rows. Reads one snapshot of every ' +
        'table and changes nothing, so it may run beside "assay up". A changed byte of a record in bronze itself can ' +
        'only be told with --from-log, or when it breaks its Parquet file.',
    )
    .option('--from-log', 'also read the log again and compare the bytes of every record that it still holds')
    .addHelpText(
      'after',
      '\nExit codes: 0 all holds, 1 something does not.\n\nExamples:\n  assay verify\n  assay verify --from-log --json',
    )
    .action((options: { readonly fromLog?: boolean }, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      accept(reader.mistakes, (io) =>
        withLakeToLookAt(location, io, (lake) =>
          runVerify(io, json, (told) =>
            verifyLake(lake, { fromLog: options.fromLog ?? false, signal: io.signal, ...told }),
          ),
        ),
      )
    })
}

async function runVerify(
  io: Io,
  json: boolean,
  verify: (told: {
    readonly onBegin: (claim: Pick<Check, 'promise' | 'subject' | 'claim'>) => void
    readonly onCheck: (check: Check) => void
  }) => Promise<VerifyReport>,
): Promise<ExitCode> {
  const started_ms = systemClock.monotonic_ms()
  let done = 0
  const report = await withProgress(io, systemClock, 'reading the tables', (progress) =>
    verify({
      onBegin: ({ promise, subject, claim }) =>
        progress.update({ text: `${count(done)} checks done, now ${promise} ${subject}: ${claim}` }),
      onCheck: (check) => {
        done++
        if (!json) progress.above(() => void io.stdout.write(checkText(check, io.stdoutWidth)))
      },
    }),
  )
  const duration_s = (systemClock.monotonic_ms() - started_ms) / 1000
  await write(
    io.stdout,
    json ? jsonText({ ...report, seconds: duration_s }) : wrapText(summaryText(report, duration_s), io.stdoutWidth),
  )
  return report.is_ok ? ExitCode.done : ExitCode.found_wrong
}

/** Where claims begin in their lines. */
const CLAIM_AT = 14
const OUTCOMES = { ok: 'ok     ', failed: 'FAILED ', skipped: 'skipped' }

/** A check as a line, and a line for each place where it does not hold. */
function checkText({ promise, subject, claim, outcome, numbers, found, note }: Check, width: number): string {
  const counts = Object.entries(numbers).map(([name, n]) => `${name.replaceAll('_', ' ')} ${count(n)}`)
  const lines = [
    `${OUTCOMES[outcome]} ${promise.padEnd(5)} ${subject}: ${claim}${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`,
  ]
  lines.push(...found.map((text) => `          ${text}`))
  const wrong = numbers.wrong
  if (wrong !== undefined && BigInt(wrong) > BigInt(found.length))
    lines.push(`          and ${count(BigInt(wrong) - BigInt(found.length))} more`)
  if (note !== undefined) lines.push(`          ${note}`)
  return `${wrapText(lines.map(visible).join('\n'), width, CLAIM_AT)}\n`
}

function summaryText({ checks, is_ok, rows }: VerifyReport, duration_s: number): string {
  const failed = checks.filter(({ outcome }) => outcome === 'failed').length
  const rate = duration_s > 0 ? `, ${count(Math.round(Number(rows) / duration_s))} rows/s` : ''
  const verdict = is_ok ? 'all hold' : `${failed} FAILED`
  return `${checks.length} checks over ${count(rows)} bronze rows in ${duration_s.toFixed(1)} s${rate}: ${verdict}\n`
}
