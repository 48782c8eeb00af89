import { UsageError } from '@assay/core'
import { embeddedParts, type LakeParts, readLakeParts } from '@assay/lake'
import type { Command } from 'commander'
import type { OptionReader } from './options.js'
import { Program } from './program.js'

/** The lake that is meant when none is named. */
export const DEFAULT_LAKE = './lake'

interface GlobalOptions {
  /** The lake that is meant, and the parts that the environment says it stands on. */
  readonly lake: LakeParts
  readonly json: boolean
}

/** `--lake` and `--json`, which stand before or after the command. */
export function globalOptions(command: Command, reader: OptionReader): GlobalOptions {
  const { lake, json } = command.optsWithGlobals<{ lake: string; json?: boolean }>()
  return { lake: readParts(command, lake, reader), json: json ?? false }
}

function readParts(command: Command, location: string, reader: OptionReader): LakeParts {
  try {
    return readLakeParts(environmentOf(command), location)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    reader.mistakes.push(...error.message.split('\n'))
    return embeddedParts(location)
  }
}

function environmentOf(command: Command): Program['env'] {
  for (let at: Command | null = command; at; at = at.parent) if (at instanceof Program) return at.env
  throw new RangeError('the command belongs to no program')
}
