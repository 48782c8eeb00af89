import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const OWN = fileURLToPath(new URL('../../', import.meta.url))
/** A shell's `times` counts its children and theirs; its last line is of them: user, system. */
const TIMES = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/

/** Runs `assay` with arguments, of the repository that is measured; its CPU time has that of its own children in it. */
export async function timeAssay(args) {
  const { BENCH_REPO = OWN, ...env } = process.env
  const cli = join(BENCH_REPO, 'services/cli/bin/assay.js')
  const began_ms = performance.now()
  const { stdout } = await promisify(execFile)(
    'sh',
    ['-c', '"$@" > /dev/null; code=$?; times >&1; exit $code', 'sh', process.execPath, cli, ...args],
    { env },
  )
  const wall_ms = performance.now() - began_ms
  const [, userMinutes, userSeconds, systemMinutes, systemSeconds] = TIMES.exec(stdout) ?? []
  const minutes = Number(userMinutes) + Number(systemMinutes)
  return { wall_ms, cpu_ms: (minutes * 60 + Number(userSeconds) + Number(systemSeconds)) * 1000 }
}
