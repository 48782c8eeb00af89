import type { Socket } from 'node:net'
import { encodeFrame, FrameReader } from '../protocol/frames.js'
import { decodeMessage, encodeMessage, type FromChild, type ToChild } from '../protocol/messages.js'

/** Long answers go in pieces, so that neither side holds much of one. */
const PIECE_BYTES = 2 ** 20

/** The child's end of the pipe to its parent. */
export class Channel {
  readonly #socket: Socket
  readonly #frames = new FrameReader()

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** What the parent sends, until it closes the pipe. */
  async *messages(): AsyncGenerator<ToChild, void, undefined> {
    for await (const piece of this.#socket) {
      this.#frames.push(piece as Uint8Array)
      for (let frame = this.#frames.next(); frame; frame = this.#frames.next()) {
        yield decodeMessage<ToChild>(frame.payload)
      }
    }
  }

  send(message: FromChild): Promise<void> {
    return this.#write(encodeFrame('message', encodeMessage(message)))
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      await this.#write(encodeFrame('bytes', bytes.subarray(at, at + PIECE_BYTES)))
    }
  }

  /** Resolves once the pipe has taken it: a slow reader slows the query down. */
  #write(frame: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(frame, (error) => (error ? reject(error) : resolve()))
    })
  }
}
