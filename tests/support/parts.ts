import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, type RecordBatch, rowBytes, START, seededRandom, systemClock, systemRandom } from '@assay/core'
import { MemoryLog } from '@assay/event-log'
import { exchanges } from '@assay/exchanges'
import { embeddedParts, type Lake, openLake } from '@assay/lake'
import { MemoryStore } from '@assay/object-store'
import { openEmbeddedRegistry } from '@assay/schema-registry'

/** A clock that moves only when somebody sleeps. */
export class SleepingClock implements Clock {
  now = Date.UTC(2026, 4, 1)
  /** What is due at a time of the clock, such as an abort. */
  at: { readonly time_ms: number; readonly act: () => void } | undefined

  now_ms(): number {
    return this.now
  }

  monotonic_ms(): number {
    return this.now
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return
    this.now += ms
    if (this.at && this.now >= this.at.time_ms) this.at.act()
  }
}

/** Log and registry in memory. */
export function memoryTarget(clock: Clock) {
  const random = seededRandom(7)
  const log = new MemoryLog({ clock, random })
  return {
    log,
    registry: openEmbeddedRegistry(new MemoryStore(), 'schemas'),
    clock,
    random,
    exchanges,
    topicPartitions: 1,
  }
}

/** All records of one partition of a topic. */
export async function recordsOf(log: MemoryLog, topic: string, partition = 0): Promise<readonly RecordBatch[]> {
  const read = await log.read({ topic, partition }, START, { maxRecords: 1_000_000, maxBytes: 2 ** 30 })
  if (read.kind !== 'records') throw new Error('the log has lost its start')
  return read.batches
}

export function valuesOf(batches: readonly RecordBatch[]): string[] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, i) => {
      const bytes = rowBytes(batch.values, i)
      return bytes ? Buffer.from(bytes).toString('hex') : 'null'
    }),
  )
}

/** A lake in a folder of its own, removed by `remove`. */
export async function temporaryLake(): Promise<{ readonly lake: Lake; readonly remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'assay-parts-'))
  const lake = await openLake({
    parts: { ...embeddedParts(directory), topicPartitions: 1 },
    clock: systemClock,
    random: systemRandom,
  })
  return {
    lake,
    async remove() {
      await lake.close()
      await rm(directory, { recursive: true })
    },
  }
}

export async function* chunksOf(text: string | Uint8Array, size_bytes: number): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  for (let at = 0; at < bytes.length; at += size_bytes) yield bytes.subarray(at, at + size_bytes)
}
