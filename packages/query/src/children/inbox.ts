import type { Readable } from 'node:stream'
import { type Frame, FrameReader } from '../protocol/frames.js'

/** Frames as they come from a pipe. It is read only while somebody waits, so that a slow reader holds the child up. */
export class Inbox {
  readonly #pipe: Readable
  readonly #frames = new FrameReader()

  constructor(pipe: Readable) {
    this.#pipe = pipe
    pipe.pause()
  }

  /** The next frame; undefined once the pipe has closed. Throws `query_protocol_broken`. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.next()
      if (frame) return frame
      const piece = this.#pipe.read() as Buffer | null
      if (piece) this.#frames.push(piece)
      else if (!(await this.#readable())) return undefined
    }
  }

  #readable(): Promise<boolean> {
    const pipe = this.#pipe
    if (pipe.destroyed || pipe.readableEnded) return Promise.resolve(false)
    return new Promise((resolve) => {
      const settle = (isReadable: boolean) => (): void => {
        for (const [event, listener] of listeners) pipe.off(event, listener)
        resolve(isReadable)
      }
      const listeners = [
        ['readable', settle(true)],
        ['end', settle(false)],
        ['close', settle(false)],
        ['error', settle(false)],
      ] as const
      for (const [event, listener] of listeners) pipe.on(event, listener)
    })
  }
}
