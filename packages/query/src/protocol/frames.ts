import { AssayError } from '@assay/core'

/** A frame: a byte for its kind, the length of its payload (32 bits, little-endian), the payload. */
type FrameKind = 'message' | 'bytes'

export interface Frame {
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

const HEAD_BYTES = 5
const KINDS: readonly FrameKind[] = ['message', 'bytes']
/** A frame that claims more is no frame: the other side is broken. */
export const PAYLOAD_BYTES_MAX = 64 * 2 ** 20

export function encodeFrame(kind: FrameKind, payload: Uint8Array): Uint8Array {
  if (payload.length > PAYLOAD_BYTES_MAX) throw broken(`a frame of ${payload.length} bytes`)
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length)
  frame.writeUInt8(KINDS.indexOf(kind), 0)
  frame.writeUInt32LE(payload.length, 1)
  frame.set(payload, HEAD_BYTES)
  return frame
}

/** Puts frames together from the pieces that a pipe gives. Throws `query_protocol_broken`. */
export class FrameReader {
  #pieces: Uint8Array[] = []
  #buffered = 0

  push(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#buffered += piece.length
  }

  /** The next whole frame, if there is one. */
  next(): Frame | undefined {
    if (this.#buffered < HEAD_BYTES) return undefined
    const head = this.#joined()
    const kind = KINDS[head.readUInt8(0)]
    const length = head.readUInt32LE(1)
    if (kind === undefined || length > PAYLOAD_BYTES_MAX) throw broken(`kind ${head[0]}, ${length} bytes`)
    if (this.#buffered < HEAD_BYTES + length) return undefined
    const rest = head.subarray(HEAD_BYTES + length)
    this.#pieces = [rest]
    this.#buffered = rest.length
    return { kind, payload: head.subarray(HEAD_BYTES, HEAD_BYTES + length) }
  }

  /** One buffer of all pieces, but only once it is known to be worth it: a large frame comes in many. */
  #joined(): Buffer {
    const first = this.#pieces[0] as Uint8Array
    if (this.#pieces.length > 1 && (first.length < HEAD_BYTES || this.#buffered >= HEAD_BYTES + lengthIn(first))) {
      this.#pieces = [Buffer.concat(this.#pieces)]
    }
    const head = this.#pieces[0] as Uint8Array
    return Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  }
}

function lengthIn(head: Uint8Array): number {
  return Buffer.from(head.buffer, head.byteOffset, head.byteLength).readUInt32LE(1)
}

export function broken(what: string): AssayError {
  return new AssayError('query_protocol_broken', `the query's process sent what is no answer: ${what}`, {
    hint: 'run the statement again, written in another way if it does so again',
  })
}
