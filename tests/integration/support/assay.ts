import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { secretsIn } from './leaked-secrets.js'
import type { Environment } from './real-lake.js'

const COMMAND_MS = 120_000
const bin = fileURLToPath(new URL('../../../services/cli/bin/assay.js', import.meta.url))

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the `assay` command as a process of its own; `wrap`: by way of this command. Rejects when it shows a secret. */
export function assay(args: readonly string[], env: Environment, wrap: readonly string[] = []): Promise<CommandResult> {
  const environment = { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ...env }
  const [program = '', ...rest] = [...wrap, process.execPath, bin, ...args]
  return new Promise((resolve, reject) => {
    execFile(program, rest, { env: environment, timeout: COMMAND_MS }, (error, stdout, stderr) => {
      const leaked = secretsIn(`${stdout}${stderr}`, env)
      if (leaked.length > 0) reject(new Error(`assay ${args[0]} shows the value of ${leaked.join(', ')}`))
      else resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr })
    })
  })
}
