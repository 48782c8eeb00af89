import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock, systemRandom } from '@assay/core'
import { afterAll } from 'vitest'
import type { FileLogLimits } from '../src/file/file-log-limits.js'
import { type FileLog, openFileLog } from '../src/index.js'

const PRODUCER = fileURLToPath(new URL('./fixtures/producer.mjs', import.meta.url))

/** Gives folders that are removed when the tests of the file are done. */
export function folders(): () => Promise<string> {
  const made: string[] = []
  afterAll(async () => {
    await Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true })))
  })
  return async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'assay-file-log-'))
    made.push(folder)
    return folder
  }
}

export function openAt(directory: string, limits: Partial<FileLogLimits> = {}): Promise<FileLog> {
  return openFileLog({ directory, clock: systemClock, random: systemRandom, limits })
}

export async function segmentsOf(directory: string, topic: string, partition = 0): Promise<string[]> {
  const folder = path.join(directory, topic, String(partition))
  const names = (await readdir(folder)).filter((name) => name.endsWith('.segment'))
  return names.sort().map((name) => path.join(folder, name))
}

/** What a producer was told: these offsets are its records from number `first` on. */
export interface Ack {
  readonly name: string
  readonly from: bigint
  readonly to: bigint
  readonly first: number
}

export interface Producer {
  readonly child: ChildProcess
  readonly acks: Ack[]
  /** Codes of what went wrong. */
  readonly errors: string[]
  readonly ended: Promise<unknown>
  start(): void
}

export interface ProducerLoad {
  readonly name: string
  /** Records of a call, and calls; 0 calls for a producer without end. */
  readonly count: number
  readonly calls: number
  /** Greatest size of a file that the process can write. */
  readonly file_bytes_max?: number
}

/** A producer in a process of its own, ready to start. */
export async function spawnProducer(
  directory: string,
  topic: string,
  { name, count, calls, file_bytes_max }: ProducerLoad,
): Promise<Producer> {
  const command = [process.execPath, PRODUCER, directory, topic, name, String(count), String(calls)]
  // The shell counts in blocks of 512 bytes.
  const limit = file_bytes_max === undefined ? '' : `ulimit -f ${Math.ceil(file_bytes_max / 512)}; `
  const child = spawn('/bin/sh', ['-c', `${limit}exec "$@"`, 'sh', ...command], { stdio: ['pipe', 'pipe', 'inherit'] })
  const acks: Ack[] = []
  const errors: string[] = []
  let rest = ''
  const isReady = new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the producer ended before it was ready')))
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const [from, to, first] = line.split(' ')
        if (from === 'error' && to) errors.push(to)
        else if (from && to && first) acks.push({ name, from: BigInt(from), to: BigInt(to), first: Number(first) })
        else resolve()
      }
    })
  })
  const ended = once(child, 'close')
  await isReady
  return { child, acks, errors, ended, start: () => child.stdin.write('go\n') }
}
