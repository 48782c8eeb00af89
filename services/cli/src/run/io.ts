import type { Readable, Writable } from 'node:stream'

/** What a command may touch of the process that it runs in. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the user or the system asks for a graceful end. */
  readonly signal: AbortSignal
}

/** Resolves when the stream has taken the bytes. */
export function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()))
  })
}
