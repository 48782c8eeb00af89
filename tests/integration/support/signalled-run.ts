import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'

/** A process that gets signals: each at a time since it was started. */
export interface SignalledRun {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly signals: readonly { readonly at_ms: number; readonly name: NodeJS.Signals }[]
  /** Time since the last signal after which the process counts as hung. */
  readonly gone_ms_max: number
}

export interface SignalledEnd {
  /** Exit code, or the signal that ended it, or that it did not end. */
  readonly end: number | NodeJS.Signals | 'hung'
  /** Time from the last signal to the end; 0 for a process that had ended before. */
  readonly after_ms: number
  readonly output: string
  /** What its main thread did since the last signal, as far as the system told before it was gone. */
  readonly thread: ThreadTimes
}

/** Time for which a thread ran, and for which it was ready to run and had no processor. */
export interface ThreadTimes {
  readonly ran_ms: number
  readonly waited_ms: number
}

const LOOK_EVERY_MS = 20

/** Starts the process, signals it, and waits for its end. */
export async function signalled({ args, env, signals, gone_ms_max }: SignalledRun): Promise<SignalledEnd> {
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    output += chunk
  })
  child.stdin.on('error', () => undefined)
  let ended_ms: number | undefined
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('exit', (code, signal) => {
      ended_ms = performance.now()
      resolve(code ?? signal ?? 0)
    })
  })
  const closed = new Promise((resolve) => child.on('close', resolve))
  const started_ms = performance.now()
  for (const { at_ms, name } of signals) {
    await pause(started_ms + at_ms - performance.now())
    child.kill(name)
  }
  const signalled_ms = performance.now()
  const before = await threadTimes(child.pid)
  const watch = watchThread(child.pid, before, () => ended_ms !== undefined)
  const end = await Promise.race([exited, pause(gone_ms_max).then(() => 'hung' as const)])
  const after_ms = Math.max(0, (ended_ms ?? performance.now()) - signalled_ms)
  child.kill('SIGKILL')
  await closed
  return { end, after_ms, output, thread: await watch }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)).unref())
}

async function watchThread(
  pid: number | undefined,
  before: ThreadTimes | undefined,
  isOver: () => boolean,
): Promise<ThreadTimes> {
  let last = before
  while (!isOver()) {
    last = (await threadTimes(pid)) ?? last
    await pause(LOOK_EVERY_MS)
  }
  const since = (part: keyof ThreadTimes): number => Math.round((last?.[part] ?? 0) - (before?.[part] ?? 0))
  return { ran_ms: since('ran_ms'), waited_ms: since('waited_ms') }
}

/** Of the main thread; undefined where the system does not tell, and once it is gone. */
async function threadTimes(pid: number | undefined): Promise<ThreadTimes | undefined> {
  const text = await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').catch(() => '')
  const [ran_ns, waited_ns] = text.split(' ').map(Number)
  if (ran_ns === undefined || waited_ns === undefined) return undefined
  return { ran_ms: ran_ns / 1e6, waited_ms: waited_ns / 1e6 }
}
