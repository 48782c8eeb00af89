import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { run } from '../src/run/run.js'

const ENTRY = fileURLToPath(new URL('../bin/assay.js', import.meta.url))
export const SAMPLES = fileURLToPath(new URL('../../../packages/exchanges/src/', import.meta.url))
export const BINANCE_BTC = join(SAMPLES, 'binance/samples/binance-btcusdt-trades.jsonl')
export const BINANCE_ETH = join(SAMPLES, 'binance/samples/binance-ethusdt-trades.jsonl')
export const KRAKEN_BTC = join(SAMPLES, 'kraken/samples/kraken-btcusdt-trades.jsonl')

/** Tests name offsets of a lane: one topic has one, unless a test asks for more. */
const ONE_LANE = { ASSAY_TOPIC_PARTITIONS: '1' }

export interface Ended {
  /** Exit code, or null when a signal killed it. */
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface Running {
  readonly process: ChildProcessWithoutNullStreams
  readonly ended: Promise<Ended>
  /** Resolves when standard output or error has the text. */
  shows(text: string): Promise<void>
}

/** Starts the command as a process of its own, without a terminal; `under` another program, if need be. */
export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
): Running {
  const [program = '', ...rest] = [...under, process.execPath, ENTRY, ...args]
  const child = spawn(program, rest, {
    env: { PATH: process.env.PATH, TZ: 'Asia/Tokyo', ...ONE_LANE, ...env },
  })
  const stdout: Buffer[] = []
  let shown = ''
  let stderr = ''
  const watchers = new Set<() => void>()
  const show = (chunk: Buffer): void => {
    shown += chunk.toString()
    for (const watch of watchers) watch()
  }
  child.stdout.on('data', (chunk: Buffer) => {
    stdout.push(chunk)
    show(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
    show(chunk)
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }))
  })
  return {
    process: child,
    ended,
    shows: (text) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          if (shown.includes(text)) resolve()
        }
        watchers.add(watch)
        watch()
        void ended.then(() => reject(new Error(`it ended without showing "${text}": ${shown}`)))
      }),
  }
}

/** Runs the command to its end; standard input is `input`. */
export function assay(
  args: readonly string[],
  input: string | Buffer = '',
  env = {},
  under: readonly string[] = [],
): Promise<Ended> {
  const running = start(args, env, under)
  running.process.stdin.on('error', () => undefined)
  running.process.stdin.end(input)
  return running.ended
}

/** The same within this process, for what needs no process of its own. */
export async function here(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<Ended> {
  const stdout = collector()
  const stderr = collector()
  const code = await run(args, {
    stdin: Readable.from([]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    stdoutWidth: Number(env.COLUMNS) || Number.POSITIVE_INFINITY,
    stdoutHeight: Number.POSITIVE_INFINITY,
    stderrWidth: Number(env.COLUMNS) || Number.POSITIVE_INFINITY,
    env: { ...ONE_LANE, ...env },
    signal,
  })
  return { code, stdout: stdout.bytes(), stderr: stderr.bytes().toString() }
}

function collector(): { readonly stream: Writable; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, bytes: () => Buffer.concat(chunks) }
}

/** The one JSON value that the command printed, in this process unless told otherwise. Throws when it failed. */
export async function json<T>(args: readonly string[], runs: typeof assay | typeof here = here): Promise<T> {
  const { code, stdout, stderr } = await runs([...args, '--json'])
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`)
  return JSON.parse(stdout.toString()) as T
}

/** What was written to standard error but for progress, which a busy machine has more of. */
export function withoutProgress(stderr: string): string {
  return stderr.replace(/.*(?: so far\)| left|, 100 %)\n/g, '')
}

/** A folder for the tests of a file, removed after them. */
export function temporaryFolder(): { readonly path: (name: string) => string } {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'assay-cli-'))
  })
  afterAll(() => rm(folder, { recursive: true, maxRetries: 5 }))
  return { path: (name) => join(folder, name) }
}

export interface TablesJson {
  readonly lake: string
  readonly tables: readonly {
    readonly name: string
    readonly rows: number
    readonly files: number
    readonly bytes: number
    readonly snapshot: string | null
    readonly snapshots: number
    readonly last_commit: string | null
    readonly checkpoint: readonly { readonly lane: string; readonly position: number }[]
  }[]
}

export function rowsOf({ tables }: TablesJson): Record<string, number> {
  return Object.fromEntries(tables.map(({ name, rows }) => [name, rows]))
}
