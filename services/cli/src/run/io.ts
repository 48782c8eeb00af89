import type { Readable, Writable } from 'node:stream'

/** What a command may touch of the process that it runs in. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
  /** Characters of a line that whoever reads stdout sees; endless where that is no terminal and nobody said. */
  readonly stdoutWidth: number
  /** Lines that it shows at a time; endless where it is no terminal. */
  readonly stdoutHeight: number
  /** The same of stderr. */
  readonly stderrWidth: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the user or the system asks for a graceful end. */
  readonly signal: AbortSignal
}

/** What an output fails with when its reader has gone: of a pipe, of a terminal, and for all that is written later. */
const READER_GONE: ReadonlySet<string> = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED'])

/** Resolves when the stream has taken the bytes, or when nobody is left to read them. */
export function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error && !isReaderGone(error) ? reject(error) : resolve()))
  })
}

function isReaderGone(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && READER_GONE.has(error.code)
}
