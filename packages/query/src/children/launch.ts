import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { ChildOptions } from '../child/serve.js'
import { processBytes, type QueryLimits, statementCpu_ms } from '../protocol/limits.js'

/** What runs in the child is built code, wherever this file is run from. */
const ENTRY = fileURLToPath(new URL('../../dist/child/main.js', import.meta.url))
/** JavaScript's own part of the memory: the values of a chunk, and what they are written as. */
const HEAP_MIB = 384
const OPEN_FILES_MAX = 4096
/** Time for the runtime to start, and for more than one statement before the child is replaced. */
const CPU_START_S = 60
const CPU_STATEMENTS = 2
const FILE_BLOCK_BYTES = 512
/** The loader needs the first two where Node was built against libraries of its own, Windows the others. */
const ENVIRONMENT = ['LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot', 'windir', 'TEMP', 'TMP']

/** Processor time after which the operating system kills the child. */
export function childCpu_ms(limits: QueryLimits): number {
  return CPU_START_S * 1000 + CPU_STATEMENTS * statementCpu_ms(limits)
}

/**
 * Starts a process for people's statements. It has nothing of this process's environment, so no credentials; file 3
 * is its pipe to this process, and it ends when that closes.
 */
export function launchChild(options: ChildOptions): ChildProcess {
  const node = [process.execPath, `--max-old-space-size=${HEAP_MIB}`, '--expose-gc', ENTRY, JSON.stringify(options)]
  const [file, args] =
    process.platform === 'win32'
      ? [node[0] as string, node.slice(1)]
      : ['/bin/sh', ['-c', `${limitsScript(options.limits)}\nexec "$@"`, 'sh', ...node]]
  return spawn(file, args, {
    env: childEnvironment(process.env),
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C in a terminal is for the parent to answer.
    detached: process.platform !== 'win32',
    windowsHide: true,
  })
}

function childEnvironment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(ENVIRONMENT.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])))
}

/**
 * Limits that the operating system enforces. Data, not address space: the runtime reserves addresses freely. A limit
 * that can't be set because a lower one is in force stays as it is. Where the system has no limit of a process's data
 * (macOS), the child watches its own memory.
 */
function limitsScript(limits: QueryLimits): string {
  const data_kib = Math.floor(processBytes(limits) / 1024)
  const file_blocks = Math.ceil(Math.max(limits.scratch_bytes, limits.output_bytes) / FILE_BLOCK_BYTES)
  const cpu_s = Math.ceil(childCpu_ms(limits) / 1000)
  return [
    'ulimit -c 0',
    `ulimit -d ${data_kib}`,
    `ulimit -t ${cpu_s}`,
    `ulimit -n ${OPEN_FILES_MAX}`,
    `ulimit -f ${file_blocks}`,
    '{ echo 1000 > /proc/self/oom_score_adj; }',
  ]
    .map((command) => `${command} 2>/dev/null || :`)
    .join('\n')
}
