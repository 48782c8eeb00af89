import { AssayError, type Clock, type Lane, laneKey, type Position, position, type RecordBatch } from '@assay/core'
import { decodeBatch } from '../batch-format.js'
import { damagedRecords } from '../damage.js'
import type { ReadLimits, ReadResult } from '../event-log.js'
import { type RowBudget, rowAt, takeRows } from '../rows.js'
import type { LogFiles } from './files/log-files.js'
import type { LaneTail, LaneView } from './lane-tail.js'
import { OpenSegment, type SegmentExtent } from './open-segment.js'
import type { SegmentFile } from './segment-files.js'
import { Serial } from './serial.js'

const OPEN_SEGMENTS_MAX = 4
const CHUNK_BYTES_MIN = 64 * 1024
// A part of a batch that is kept for the next read keeps its whole chunk in memory.
const CHUNK_BYTES_MAX = 1024 * 1024
const ATTEMPTS_MAX = 4
const SECOND_LOOK_AFTER_MS = 10

/** A read under way. */
interface Taking {
  readonly budget: RowBudget
  readonly batches: RecordBatch[]
  next: bigint
}

/** Why a read came to a stop. */
type Stop =
  | { readonly kind: 'done' }
  /** Retention has deleted the segment meanwhile. */
  | { readonly kind: 'gone' }
  /** The lane has no segment at all. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'damaged'; readonly file: SegmentFile; readonly byte: number }

const DONE: Stop = { kind: 'done' }

interface LaneReaderOptions {
  readonly lane: Lane
  readonly seal: number
  readonly tail: LaneTail
  readonly files: LogFiles
  readonly clock: Clock
}

/** Reads a lane without ever taking its lock. */
export class LaneReader {
  readonly #options: LaneReaderOptions
  readonly #serial = new Serial()
  /** Open segments; the one used last comes last. */
  #open: OpenSegment[] = []
  /** A batch of which only a part was asked for: its other rows will be wanted next. */
  #partial: { readonly segment: OpenSegment; readonly batch: RecordBatch; readonly endByte: number } | undefined

  constructor(options: LaneReaderOptions) {
    this.#options = options
  }

  /** See `EventLog.read`. */
  read(from: Position, limits: ReadLimits): Promise<ReadResult> {
    return this.#serial.run(() => this.#read(from, limits))
  }

  close(): Promise<void> {
    return this.#serial.run(() => this.#closeSegments())
  }

  async #read(from: Position, limits: ReadLimits): Promise<ReadResult> {
    for (let attempt = 1; ; attempt += 1) {
      const view = await this.#options.tail.view()
      const [start, end] = [position(view.start), position(view.end)]
      if (from < start || from > end) return { kind: 'out_of_range', start, end }
      const taking: Taking = { budget: { records: limits.maxRecords, bytes: limits.maxBytes }, batches: [], next: from }
      const stop = await this.#take(view, taking)
      if (stop.kind === 'done' || taking.batches.length > 0) {
        return { kind: 'records', batches: taking.batches, next: position(taking.next), end }
      }
      if (attempt === ATTEMPTS_MAX) throw await this.#unreadable(view, stop, from)
      // Bytes read while a writer cut a torn tail and wrote over it look damaged too; a second look tells. It opens
      // the file again, which somebody may have restored.
      if (stop.kind === 'damaged') {
        await this.#closeSegments()
        await this.#options.clock.sleep(SECOND_LOOK_AFTER_MS)
      }
    }
  }

  async #take(view: LaneView, taking: Taking): Promise<Stop> {
    while (taking.next < view.end && taking.budget.records > 0) {
      const file = segmentOf(view, taking.next)
      if (!file) return { kind: 'missing' }
      const segment = await this.#segment(file)
      if (!segment) return { kind: 'gone' }
      const extent = await extentOf(view, segment)
      if (view.newest?.file.path === file.path) await segment.makeDurable(extent.end)
      if (this.#takePartial(segment, taking)) continue
      const located = await segment.locate(taking.next, extent)
      if (located.kind === 'damaged') return { kind: 'damaged', file, byte: located.byte }
      const stop = await this.#takeChunk(segment, located.byte, extent.end, taking)
      if (stop) return stop
    }
    return DONE
  }

  /** Rows left over from the read before. Says whether there were any to take. */
  #takePartial(segment: OpenSegment, taking: Taking): boolean {
    const partial = this.#partial
    if (partial?.segment !== segment || taking.next >= partial.batch.next) return false
    if (taking.next < (partial.batch.offsets[0] as bigint)) return false
    const rows = takeRows(partial.batch, rowAt(partial.batch, taking.next), taking.budget, taking.batches.length === 0)
    if (!rows) {
      taking.budget.records = 0
      return true
    }
    taking.batches.push(rows)
    taking.next = rows.next
    if (rows.next === partial.batch.next) segment.remember(rows.next, partial.endByte)
    return true
  }

  /** Takes from one chunk what the budget allows; undefined when there may be more behind it. */
  async #takeChunk(segment: OpenSegment, byte: number, end: number, taking: Taking): Promise<Stop | undefined> {
    let chunk = await segment.read(byte, Math.min(chunkBytes(taking.budget), end - byte))
    let at = 0
    for (;;) {
      const step = segment.step(chunk, at, byte, end)
      if (step.kind === 'more' && at > 0) return undefined
      if (step.kind === 'more') {
        const before_bytes = chunk.length
        chunk = await segment.read(byte, Math.min(step.bytes, end - byte))
        // The file ends before its size said that it does.
        if (chunk.length <= before_bytes) return { kind: 'damaged', file: segment.file, byte }
        continue
      }
      if (step.kind === 'end' && at > 0) return undefined
      if (step.kind !== 'batch') return { kind: 'damaged', file: segment.file, byte: byte + at }
      const batch = decodeBatch(chunk, at, step.header, this.#options.lane)
      if (batch.next <= taking.next || step.header.base > taking.next) {
        return { kind: 'damaged', file: segment.file, byte: byte + at }
      }
      segment.addToIndex({ byte: byte + at, next: step.header.base })
      const rows = takeRows(batch, rowAt(batch, taking.next), taking.budget, taking.batches.length === 0)
      if (rows) {
        taking.batches.push(rows)
        taking.next = rows.next
      }
      if (rows?.next !== batch.next) {
        this.#partial = { segment, batch, endByte: byte + at + step.header.total_bytes }
        segment.remember(taking.next, byte + at)
        return DONE
      }
      at += step.header.total_bytes
      segment.remember(taking.next, byte + at)
    }
  }

  async #closeSegments(): Promise<void> {
    this.#partial = undefined
    await Promise.all(this.#open.splice(0).map((segment) => segment.close()))
  }

  async #segment(file: SegmentFile): Promise<OpenSegment | undefined> {
    const known = this.#open.find((segment) => segment.file.path === file.path)
    if (known) {
      this.#open = [...this.#open.filter((segment) => segment !== known), known]
      return known
    }
    const opened = await OpenSegment.open(this.#options.files, file, this.#options.seal)
    if (!opened) return undefined
    this.#open.push(opened)
    if (this.#open.length > OPEN_SEGMENTS_MAX) {
      const oldest = this.#open.shift()
      if (this.#partial?.segment === oldest) this.#partial = undefined
      await oldest?.close()
    }
    return opened
  }

  async #unreadable(view: LaneView, stop: Stop, from: Position): Promise<AssayError> {
    const { lane } = this.#options
    if (stop.kind === 'missing') {
      const path = view.lost?.path ?? ''
      return damagedRecords({ lane, from, to: position(view.end), path, byte: 0 })
    }
    if (stop.kind === 'damaged') {
      const to = await this.#readableFrom(view, stop.file, stop.byte, from)
      const { path } = stop.file
      return damagedRecords({ lane, from, to: position(to), path, byte: stop.byte })
    }
    return new AssayError('log_corrupt', `lane ${laneKey(lane)} can't be read at offset ${from}: its segments vanish`, {
      hint: 'does another program delete files in the folder of the log?',
    })
  }

  /** The first offset behind the damage that can be read, or that something will have. */
  async #readableFrom(view: LaneView, file: SegmentFile, byte: number, from: bigint): Promise<bigint> {
    const segment = await this.#segment(file)
    // A segment that lies behind the offset is where reading can be taken up.
    if (file.base > from) return file.base
    const later = segment && (await segment.behind({ byte, next: from + 1n }, await extentOf(view, segment)))
    const successor = view.segments.find(({ base }) => base > file.base)
    return later?.next ?? successor?.base ?? view.end
  }
}

async function extentOf({ newest, found }: LaneView, segment: OpenSegment): Promise<SegmentExtent> {
  const { file } = segment
  if (newest?.file.path !== file.path) {
    return { end: await segment.size_bytes(), whole_bytes: Number.POSITIVE_INFINITY, acknowledged: undefined }
  }
  const acknowledged = found.kind === 'known' && found.mark.segment === file.base ? found.mark : undefined
  return { end: newest.byte, whole_bytes: acknowledged?.byte ?? 0, acknowledged }
}

function segmentOf(view: LaneView, offset: bigint): SegmentFile | undefined {
  let low = 0
  let high = view.segments.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((view.segments[middle] as SegmentFile).base <= offset) low = middle
    else high = middle - 1
  }
  return view.segments[low]
}

/** Columns and headers come on top of the bytes that were asked for. */
function chunkBytes(budget: RowBudget): number {
  return Math.min(Math.max(Math.ceil(budget.bytes * 1.5), CHUNK_BYTES_MIN), CHUNK_BYTES_MAX)
}
