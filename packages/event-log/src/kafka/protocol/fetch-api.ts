import { createAPI, type Reader, Writer } from '@platformatic/kafka'
import type { BrokerConnection } from './connections.js'
import { checkAnswer } from './kafka-errors.js'

const FETCH_API = 1
/** From this version on a consumer doesn't say that it is no replica. */
const VERSION_WITHOUT_REPLICA = 15
const READ_COMMITTED = 1

interface FetchRequest {
  readonly topicId: string
  readonly partition: number
  readonly from: bigint
  /** Epoch of the leader that we think leads; -1 for any. */
  readonly leaderEpoch: number
  /** Epoch of the record before `from`; -1 when not known. */
  readonly lastEpoch: number
  readonly bytes: number
}

export interface FetchedLane {
  /** Kafka's number of what was wrong; 0 for nothing. */
  readonly error: number
  /** Offset after the last record that readers of committed records may see. */
  readonly stableEnd: bigint
  readonly logStart: bigint
  readonly aborted: readonly AbortedTransaction[]
  /** Where the log ended that the position doesn't belong to. */
  readonly divergedEnd: bigint | undefined
  /** Record batches one after the other; the last may be cut short. */
  readonly records: Buffer
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** Asks for what a lane has from a position on; the broker doesn't wait for more. */
export async function fetchLane(to: BrokerConnection, request: FetchRequest): Promise<FetchedLane> {
  const version = to.fetchVersion
  const api = createAPI<[FetchRequest], FetchedLane>(
    FETCH_API,
    version,
    (asked) => writeFetchRequest(asked, version),
    (_correlation, _key, _version, reader) => readFetchResponse(contents(reader), request.topicId, request.partition),
  )
  return api.async(to.connection, request)
}

/** A Fetch request of versions 13 to 17, for one lane (kafka.apache.org/protocol, Fetch). */
function writeFetchRequest(request: FetchRequest, version: number): Writer {
  const writer = Writer.create()
  if (version < VERSION_WITHOUT_REPLICA) writer.appendInt32(-1)
  return writer
    .appendInt32(0) // max wait
    .appendInt32(0) // min bytes
    .appendInt32(request.bytes)
    .appendInt8(READ_COMMITTED)
    .appendInt32(0) // session id: none
    .appendInt32(-1) // session epoch: none
    .appendArray([request], (w) => {
      w.appendUUID(request.topicId).appendArray([request], (v) => {
        v.appendInt32(request.partition)
          .appendInt32(request.leaderEpoch)
          .appendInt64(request.from)
          .appendInt32(request.lastEpoch)
          .appendInt64(-1n) // log start: a replica's
          .appendInt32(request.bytes)
      })
    })
    .appendArray([], () => undefined) // forgotten topics
    .appendString('') // rack
    .appendTaggedFields()
}

function contents(reader: Reader): Buffer {
  return reader.buffer.slice(reader.position)
}

/** The one lane of a Fetch response of versions 13 to 17. Throws a `RangeError` when it is cut short. */
export function readFetchResponse(data: Buffer, topicId: string, partition: number): FetchedLane {
  const cursor = new ResponseCursor(data)
  cursor.skip(4) // throttle time
  checkAnswer(cursor.int16())
  cursor.skip(4) // session id
  let found: FetchedLane | undefined
  for (let topics = cursor.arrayLength(); topics > 0; topics -= 1) {
    const id = cursor.uuid()
    for (let lanes = cursor.arrayLength(); lanes > 0; lanes -= 1) {
      const index = cursor.int32()
      const lane = readLane(cursor)
      if (id === topicId && index === partition) found = lane
    }
    cursor.skipTags()
  }
  if (!found) throw new RangeError('the response to a fetch has not the lane that was asked for')
  return found
}

function readLane(cursor: ResponseCursor): FetchedLane {
  const error = cursor.int16()
  cursor.skip(8) // high watermark
  const stableEnd = cursor.int64()
  const logStart = cursor.int64()
  const aborted: AbortedTransaction[] = []
  for (let left = cursor.arrayLength(); left > 0; left -= 1) {
    aborted.push({ producerId: cursor.int64(), firstOffset: cursor.int64() })
    cursor.skipTags()
  }
  cursor.skip(4) // preferred read replica
  const records = cursor.bytes()
  let divergedEnd: bigint | undefined
  cursor.tags((tag, value) => {
    // Tag 0, DivergingEpoch: epoch i32, end offset i64; -1 when the epoch is not known.
    if (tag === 0) divergedEnd = value.readBigInt64BE(4)
  })
  return { error, stableEnd, logStart, aborted, divergedEnd, records }
}

/** Reads the protocol's flexible encoding; whatever it is told, it doesn't read beyond the response. */
class ResponseCursor {
  readonly #data: Buffer
  #at = 0

  constructor(data: Buffer) {
    this.#data = data
  }

  skip(bytes: number): void {
    if (bytes > this.#data.length - this.#at) throw new RangeError('the response to a fetch is cut short')
    this.#at += bytes
  }

  int16(): number {
    this.skip(2)
    return this.#data.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.skip(4)
    return this.#data.readInt32BE(this.#at - 4)
  }

  int64(): bigint {
    this.skip(8)
    return this.#data.readBigInt64BE(this.#at - 8)
  }

  uuid(): string {
    this.skip(16)
    const hex = this.#data.toString('hex', this.#at - 16, this.#at)
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }

  /** Entries of an array; none for a null. Each has a byte at least, so no more than there are bytes. */
  arrayLength(): number {
    const length = Math.max(0, this.#unsigned() - 1)
    if (length > this.#data.length - this.#at) throw new RangeError('the response to a fetch is cut short')
    return length
  }

  bytes(): Buffer {
    const length = Math.max(0, this.#unsigned() - 1)
    this.skip(length)
    return this.#data.subarray(this.#at - length, this.#at)
  }

  tags(take: (tag: number, value: Buffer) => void): void {
    for (let left = this.#unsigned(); left > 0; left -= 1) {
      const tag = this.#unsigned()
      const length = this.#unsigned()
      this.skip(length)
      take(tag, this.#data.subarray(this.#at - length, this.#at))
    }
  }

  skipTags(): void {
    this.tags(() => undefined)
  }

  #unsigned(): number {
    let value = 0
    for (let scale = 1; scale <= 128 ** 4; scale *= 128) {
      this.skip(1)
      const byte = this.#data[this.#at - 1] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new RangeError('a number in the response to a fetch is too long')
  }
}
