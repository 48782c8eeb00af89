import { systemClock } from '@assay/core'
import type { RuleTestReport } from '@assay/medallion'
import { readRules, testRulesOn } from '@assay/operations'
import { type RuleSet, ruleSetJson } from '@assay/rules'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { readRuleText } from '../parse/read-text.js'
import { parseDateRange } from '../parse/times.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { withProgress } from '../print/progress.js'
import { tableText, visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { presentRules } from '../run/present-rules.js'
import { withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

export function addRules(program: Command, accept: Accept): void {
  const rules = program
    .command('rules')
    .summary('the rules that trades are judged by; try others on history')
    .description('The rules decide what is a trade of silver and what is a dead letter.')
  addList(rules, accept)
  addTest(rules, accept)
}

function addList(rules: Command, accept: Accept): void {
  rules
    .command('list')
    .summary('list the rules in force, in their order')
    .description(
      'Lists the rules in the order in which they are tried; the first that a record breaks gives its reason. A ' +
        'record passes a rule only when its predicate is true. With --json, in the form that "rules test" takes.',
    )
    .addHelpText('after', '\nExample:\n  assay rules list --json > rules.json')
    .action((_options: unknown, command: Command) => {
      const reader = new OptionReader()
      const { json } = globalOptions(command, reader)
      accept(reader.mistakes, async (io) => {
        const set = presentRules(io)
        await write(io.stdout, json ? jsonText(JSON.parse(ruleSetJson(set))) : listText(set, io.stdoutWidth))
        return ExitCode.done
      })
    })
}

function listText({ version, rules, reading }: RuleSet, width: number): string {
  const columns = [
    { head: 'rule' },
    { head: 'type', dropped: 1 },
    { head: 'reason', dropped: 2 },
    { head: 'predicate' },
    { head: 'since', dropped: 0 },
  ]
  const rows = rules.map(({ name, type, reason, predicate, since }) => [name, type, reason, predicate, since])
  const known = [
    [reading.quotes, 'quotes'],
    [reading.bases, 'bases'],
    [reading.pairs, 'listed pairs'],
  ] as const
  const counts = known.map(([names, what]) => `${count(names.length)} ${what}`).join(', ')
  const note = `joined names are read by ${counts}; --json lists them\n`
  return `${version}\n${tableText(columns, rows, width)}${wrapText(note, width)}`
}

function addTest(rules: Command, accept: Accept): void {
  rules
    .command('test')
    .summary('what a changed rule set would do to history, without doing it')
    .description(
      'Judges all that silver has judged once more, from the bytes in bronze, by the rule set of a file, and compares ' +
        'with what is in silver. Writes nothing. A predicate is one SQL expression over the columns of a trade, as the ' +
        'rules in force have them; queries, comments and functions of the time or of chance are refused.',
    )
    .argument('<file>', 'a rule set as JSON, as "assay rules list --json" prints it')
    .option('--date-range <days>', 'D or D..D: the days of the Kafka timestamps')
    .addHelpText('after', '\nExample:\n  assay rules test rules.json --date-range 2026-01-31')
    .action((file: string, options: { readonly dateRange?: string }, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const dates = reader.parsed('--date-range', options.dateRange, parseDateRange)
      accept(reader.mistakes, async (io) => {
        presentRules(io)
        const text = await readRuleText('<file>', file)
        return withLakeToLookAt(location, io, async (lake) => {
          const changed = presentRules(io, await readRules(lake, text))
          const reports = await withProgress(io, systemClock, 'no record judged yet', (progress) =>
            testRulesOn(lake, changed, dates, io.signal, (exchange, records) =>
              progress.update({ text: `${exchange}: ${count(records)} records judged` }),
            ),
          )
          const texts = Object.entries(reports).map(([exchange, report]) => testText(exchange, report))
          await write(
            io.stdout,
            json
              ? jsonText({ version: changed.version, exchanges: reports })
              : wrapText(texts.join(''), io.stdoutWidth),
          )
          return ExitCode.done
        })
      })
    })
}

function testText(exchange: string, report: RuleTestReport): string {
  const lines = [
    `${exchange}: ${count(report.records)} records, ${count(report.unchanged)} unchanged, ` +
      `${count(report.newly_rejected)} newly rejected, ${count(report.newly_accepted)} newly accepted`,
    ...Object.entries(report.reasons).map(([reason, n]) => `  rejected for ${reason}: ${count(n)}`),
    ...report.rejected_samples.map(({ coordinate, detail }) => `  - ${coordinate}  ${detail ?? ''}`),
    ...report.accepted_samples.map(({ coordinate }) => `  + ${coordinate}`),
  ]
  return `${lines.map(visible).join('\n')}\n`
}
