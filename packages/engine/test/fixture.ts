import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Column, NamedColumn } from '@assay/core'
import { afterAll, beforeAll } from 'vitest'
import { type Engine, openEngine, type Session } from '../src/index.js'
import type { ResultColumn } from '../src/results/result-chunk.js'

/** An engine, a session and a folder for the tests of a file; removed after them. */
export function useEngine(): { readonly session: Session; readonly engine: Engine; readonly folder: string } {
  const held: { session?: Session; engine?: Engine; folder?: string } = {}
  beforeAll(async () => {
    held.folder = await mkdtemp(join(tmpdir(), 'assay-engine-'))
    held.engine = await openEngine({
      memoryLimit_bytes: 512 * 2 ** 20,
      threads: 2,
      tempDirectory: join(held.folder, 'spill'),
    })
    held.session = await held.engine.session()
  })
  afterAll(async () => {
    await held.engine?.close()
    if (held.folder) await rm(held.folder, { recursive: true, force: true })
  })
  return {
    get session() {
      return held.session as Session
    },
    get engine() {
      return held.engine as Engine
    },
    get folder() {
      return held.folder as string
    },
  }
}

export function named(columns: Record<string, Column>): NamedColumn[] {
  return Object.entries(columns).map(([name, column]) => ({ name, column }))
}

/** A column of texts or byte strings, packed with gaps between the values as a decoder leaves them. */
export function spans(type: 'VARCHAR' | 'BLOB', values: readonly (Uint8Array | null)[], gap = 0): Column {
  const starts = new Uint32Array(values.length)
  const ends = new Uint32Array(values.length)
  const nulls = Uint8Array.from(values, (value) => (value === null ? 1 : 0))
  let at = 0
  values.forEach((value, i) => {
    starts[i] = at
    at += value?.length ?? 0
    ends[i] = at
    at += gap
  })
  const source = new Uint8Array(at).fill(0xff)
  values.forEach((value, i) => {
    if (value) source.set(value, starts[i])
  })
  return nulls.includes(1) ? { type, source, starts, ends, nulls } : { type, source, starts, ends }
}

export function texts(values: readonly (string | null)[], gap = 0): Column {
  return spans(
    'VARCHAR',
    values.map((value) => (value === null ? null : Buffer.from(value))),
    gap,
  )
}

/** Unscaled 128-bit values, little-endian. */
export function decimals(values: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 16))
  values.forEach((value, i) => {
    view.setBigUint64(i * 16, BigInt.asUintN(64, value), true)
    view.setBigInt64(i * 16 + 8, value >> 64n, true)
  })
  return new Uint8Array(view.buffer)
}

/** Reads a query to its end; byte strings become arrays of bytes, null where there is no value. */
export async function readAll(session: Session, sql: string): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {}
  for await (const chunk of session.read(sql)) {
    for (const [name, column] of chunk.columns) {
      all[name] = (all[name] ?? []).concat(valuesOf(column, chunk.count))
    }
  }
  return all
}

function valuesOf(column: ResultColumn, count: number): unknown[] {
  return Array.from({ length: count }, (_, i) => {
    if (column.nulls?.[i]) return null
    if ('offsets' in column) {
      const bytes = Buffer.from(column.data.subarray(column.offsets[i], column.offsets[i + 1]))
      return column.type === 'VARCHAR' ? bytes.toString() : bytes.toString('hex')
    }
    if (column.type === 'UUID') return Buffer.from(column.data.subarray(i * 16, i * 16 + 16)).toString('hex')
    if (column.type === 'DECIMAL') {
      const view = new DataView(column.data.buffer, column.data.byteOffset + i * 16, 16)
      return (view.getBigInt64(8, true) << 64n) | view.getBigUint64(0, true)
    }
    return column.data[i]
  })
}
