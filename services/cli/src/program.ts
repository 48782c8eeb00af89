import { VERSION } from '@assay/core'
import type { Command } from 'commander'
import { addCandles } from './commands/candles/candles.js'
import { addCompletion } from './commands/completion/completion.js'
import { addDlq } from './commands/dead-letters/dlq.js'
import { addReplay } from './commands/dead-letters/replay.js'
import { addDoctor } from './commands/doctor/doctor.js'
import { addGaps } from './commands/gaps.js'
import { addLoad } from './commands/load.js'
import { addMaintain } from './commands/maintain.js'
import { addRebuild } from './commands/rebuild.js'
import { addReference } from './commands/reference.js'
import { addRules } from './commands/rules.js'
import { addSimulate } from './commands/simulate.js'
import { addSql } from './commands/sql.js'
import { addStatus } from './commands/status.js'
import { addTables } from './commands/tables.js'
import { addTrace } from './commands/trace.js'
import { addTuneLateness } from './commands/tune-lateness.js'
import { addUp } from './commands/up/up.js'
import { addVerify } from './commands/verify.js'
import { DEFAULT_LAKE, Program } from './parse/global-options.js'

import type { Accept } from './run/job.js'

const AFTER = `
Start with everything at once, on recorded and then simulated trades:
  assay up
  assay sql "FROM gold_crypto_trades LIMIT 5"

Results go to standard output, progress and logs to standard error.
Exit codes: 0 done, 1 the command found something wrong, 2 wrong usage or configuration, 3 outage.`

/** The command line; each command hands what it is asked to `accept` and runs nothing. */
export function buildProgram(env: Readonly<Record<string, string | undefined>>, accept: Accept): Command {
  const program: Command = new Program('assay', env)
    .description('Assay: a lakehouse for market trades. Every row can be traced to the byte it came from.')
    .version(
      `assay ${VERSION} (Node ${process.versions.node}, ${process.platform} ${process.arch})`,
      '--version',
      'print the version',
    )
    .option(
      '--lake <location>',
      'folder of the lake, or s3://bucket/prefix (or set ASSAY_LAKE)',
      env.ASSAY_LAKE || DEFAULT_LAKE,
    )
    .option('--json', 'print one JSON value instead of text')
    .configureHelp({
      showGlobalOptions: true,
      // Those of a command between are refused, so they are not told either.
      visibleGlobalOptions: (command) => (command.parent ? program.options.filter(({ hidden }) => !hidden) : []),
    })
    .addHelpText('after', AFTER)
  for (const add of [
    addUp,
    addLoad,
    addSimulate,
    addTables,
    addSql,
    addCandles,
    addStatus,
    addGaps,
    addVerify,
    addTrace,
    addRebuild,
    addDlq,
    addReplay,
    addRules,
    addReference,
    addTuneLateness,
    addMaintain,
    addDoctor,
    addCompletion,
  ])
    add(program, accept)
  return program
}
