import { type Analyst, type GatedStatement, openAnalyst, type QueryParam } from '@assay/engine'
import { encoderOf } from '../encode/encoder.js'
import type { QueryLimits } from '../protocol/limits.js'
import { type Output, type Reads, type Statement, sentError, type ToChild } from '../protocol/messages.js'
import type { Channel } from './channel.js'
import { Collector } from './collector.js'
import { headOf } from './head.js'
import { sendCells } from './send-cells.js'

export interface ChildOptions {
  readonly limits: QueryLimits
  readonly scratchDirectory: string
}

/** Answers one statement after the other, each in an engine of its own, until the parent closes the pipe. */
export async function serve(channel: Channel, options: ChildOptions): Promise<void> {
  const messages = channel.messages()
  // Opened before it is needed: it takes longer than most statements.
  let analyst = await open(options)
  await channel.send({ kind: 'ready' })
  for (;;) {
    const asked = await messages.next()
    if (asked.done) return
    const statement = await inspect(analyst, expect(asked.value, 'inspect'), channel)
    // Looking at a statement leaves nothing behind.
    if (!statement) continue
    const next = await messages.next()
    if (next.done) return
    try {
      await answer(analyst, { ...statement, reads: expect(next.value, 'execute') }, channel)
    } catch (error) {
      await channel.send({ kind: 'failed', error: sentError(error) })
    }
    analyst.close()
    analyst = await open(options)
  }
}

function open({ limits, scratchDirectory }: ChildOptions): Promise<Analyst> {
  return openAnalyst({
    memoryLimit_bytes: limits.memory_bytes,
    threads: limits.threads,
    tempDirectory: scratchDirectory,
    tempLimit_bytes: limits.scratch_bytes,
  })
}

interface Inspected extends Required<Pick<Statement, 'params' | 'output'>> {
  readonly statement: GatedStatement
}

async function inspect(
  analyst: Analyst,
  { sql, tables, params = [], output }: Extract<ToChild, { readonly kind: 'inspect' }>,
  channel: Channel,
): Promise<Inspected | undefined> {
  try {
    const statement = await analyst.inspect(sql, tables)
    await channel.send({ kind: 'reads', tables: statement.reads, isCatalogRead: statement.isCatalogRead })
    return { statement, params, output }
  } catch (error) {
    await channel.send({ kind: 'failed', error: sentError(error) })
    return undefined
  }
}

async function answer(
  analyst: Analyst,
  { statement, params, output, reads }: Inspected & { readonly reads: Reads },
  channel: Channel,
): Promise<void> {
  await define(analyst, reads, output)
  const sent =
    output.kind === 'parquet'
      ? { rows: await analyst.exportParquet(statement), isAll: true, bytes: 0 }
      : await sendRows(analyst, { statement, params, output }, channel)
  const { user, system } = process.cpuUsage()
  await channel.send({ kind: 'end', ...sent, cpu_ms: (user + system) / 1000 })
}

function expect<Kind extends ToChild['kind']>(message: ToChild, kind: Kind): Extract<ToChild, { readonly kind: Kind }> {
  if (message.kind !== kind) throw new RangeError(`expected ${kind}, got ${message.kind}`)
  return message as Extract<ToChild, { readonly kind: Kind }>
}

async function define(analyst: Analyst, { views, files }: Reads, output: Output): Promise<void> {
  for (const { name, select } of views) await analyst.defineView(name, select)
  await analyst.lock({ read: files, ...(output.kind === 'parquet' && { write: output.path }) })
}

interface Asked {
  readonly statement: GatedStatement
  readonly params: readonly QueryParam[]
  readonly output: Exclude<Statement['output'], { readonly kind: 'parquet' }>
}

async function sendRows(
  analyst: Analyst,
  { statement, params, output }: Asked,
  channel: Channel,
): Promise<{ readonly rows: bigint; readonly isAll: boolean; readonly bytes: number }> {
  const stream = await analyst.open(statement, params)
  await channel.send({ kind: 'head', columns: headOf(stream.columns) })
  if (output.kind === 'cells') return sendCells(stream, output.rows_max, channel)
  const encoder = await encoderOf(output.format, stream.columns)
  const collect = new Collector()
  let rows = 0n
  let bytes = 0
  const send = async (piece: Uint8Array): Promise<void> => {
    bytes += piece.length
    await channel.sendBytes(piece)
  }
  for await (const chunk of stream.chunks()) {
    // The head is sent with the first row: until then nothing of the answer is out, and it can be asked for anew.
    if (rows === 0n) await send(encoder.start())
    rows += BigInt(chunk.count)
    await send(encoder.rows(chunk))
    collect.passed(chunk.weight_bytes)
  }
  if (rows === 0n) await send(encoder.start())
  await send(encoder.end())
  return { rows, isAll: true, bytes }
}
