import type { FeedMode } from '@assay/feed'
import { readCommitInterval, readLiveSymbols } from '@assay/lake'
import { readRules } from '@assay/operations'
import type { Command } from 'commander'
import { globalOptions } from '../../parse/global-options.js'
import { ListedOption } from '../../parse/listed-option.js'
import { OptionReader } from '../../parse/options.js'
import { readRuleText } from '../../parse/read-text.js'
import type { Accept } from '../../run/job.js'
import { presentRules } from '../../run/present-rules.js'
import { runUp } from './up-run.js'

interface Options {
  readonly feed?: string
  readonly drain?: boolean
  readonly adopt?: boolean
  readonly rules?: string
}

const FEEDS = ['sample', 'simulated', 'live', 'none'] as const

export function addUp(program: Command, accept: Accept): void {
  program
    .command('up')
    .summary('run the whole pipeline: feed, log, bronze, silver, gold')
    .description(
      'Runs the feed and all workers in one process until Ctrl-C: trades go from the log to bronze, silver and ' +
        'gold, with one status line for each layer. Makes the lake if there is none. Without --feed the log is first ' +
        'filled with bundled recorded trades, if it is empty, and then with simulated ones, about 750 (Binance) and ' +
        "75 (Kraken) a second. --feed live takes the exchanges' own public feeds; ASSAY_SYMBOLS says which symbols. " +
        'Outages are waited out, and the status says what is waited for. The first Ctrl-C stops with nothing half done; ' +
        'the second at once.',
    )
    .addOption(
      new ListedOption(
        '--feed <name>',
        "sample (the recorded trades only), simulated, live (the exchanges' own feeds), or none",
        FEEDS,
      ),
    )
    .option('--drain', 'no feed: take all that the log holds through every layer, print the totals, end')
    .option('--adopt', 'go on from upstream tables that were dropped and made again, by positions')
    .option('--rules <file>', 'judge by a rule set of your own; "assay rules list --json" prints the form')
    .addHelpText('after', '\nExamples:\n  assay up\n  assay up --drain --lake ./lake')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const drain = options.drain ?? false
      const named = readFeed(reader, options.feed, drain)
      accept(reader.mistakes, async (io) => {
        // Mistakes in settings are told before a lake is made.
        const present = presentRules(io)
        const interval_ms = readCommitInterval(io.env)
        const feed = named === 'live' ? readLiveSymbols(io.env) : named
        const { adopt = false, rules } = options
        const ruleText = rules === undefined ? undefined : await readRuleText('--rules', rules)
        return runUp(
          location,
          {
            feed,
            drain,
            adopt,
            json,
            interval_ms,
            rules: async (lake) =>
              ruleText === undefined ? present : presentRules(io, await readRules(lake, ruleText)),
          },
          io,
        )
      })
    })
}

function readFeed(reader: OptionReader, text: string | undefined, drain: boolean): FeedMode | 'live' | undefined {
  const feed = reader.choice('feed', text, FEEDS)
  if (drain && feed !== undefined && feed !== 'none') reader.contradiction('--drain runs without a feed: drop --feed')
  if (drain || feed === 'none') return undefined
  return feed ?? 'sample_then_simulated'
}
