import type { Command } from 'commander'
import type { OptionReader } from './options.js'

export interface GlobalOptions {
  readonly directory: string
  readonly json: boolean
}

/** `--lake` and `--json`, which stand before or after the command. */
export function globalOptions(command: Command, reader: OptionReader): GlobalOptions {
  const { lake, json } = command.optsWithGlobals<{ lake: string; json?: boolean }>()
  if (lake === '') reader.mistakes.push('--lake takes a folder, not an empty text')
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(lake)) {
    reader.mistakes.push(`the lake "${lake}" is not a folder: this version keeps lakes in local folders only`)
  }
  return { directory: lake, json: json ?? false }
}
