import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Environment } from './real-lake.js'

const COMMAND_MS = 120_000
const bin = fileURLToPath(new URL('../../../services/cli/bin/assay.js', import.meta.url))

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the `assay` command as a process of its own. */
export function assay(args: readonly string[], env: Environment): Promise<CommandResult> {
  const environment = { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ...env }
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { env: environment, timeout: COMMAND_MS }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
  })
}
