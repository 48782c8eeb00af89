import { constants } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import path from 'node:path'

/** A socket that the system closes with its process, whatever ends it. */
export interface LifeSign {
  readonly name: string
  close(): Promise<void>
}

const ANSWER_MS_MAX = 1_000

/**
 * Makes a socket in the folder; undefined where none can be had. Whoever sees the folder under the same kernel can ask it,
 * from other containers too: neither namespaces of processes nor of networks stand between.
 */
export async function makeLifeSign(folder: string, name: string): Promise<LifeSign | undefined> {
  try {
    return await inFolder(folder, async (short) => {
      const server = createServer((socket) => socket.destroy())
      await listening(server, path.join(short, name))
      // It must not keep the process alive.
      server.unref()
      return { name, close: () => closed(server, path.join(folder, name)) }
    })
  } catch {
    return undefined
  }
}

/** Whether the process that made the socket runs; `unknown` where it can't be asked. */
export async function askLifeSign(folder: string, name: string): Promise<'alive' | 'dead' | 'unknown'> {
  try {
    return await inFolder(folder, (short) => answerOf(path.join(short, name)))
  } catch {
    return 'unknown'
  }
}

/**
 * Runs a step with a short name of the folder: addresses of sockets have 107 bytes at most. Only what is done before the
 * step ends may use it.
 */
async function inFolder<T>(folder: string, step: (short: string) => Promise<T>): Promise<T> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return await step(`/proc/self/fd/${handle.fd}`)
  } finally {
    await handle.close()
  }
}

function listening(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Other users' processes may ask.
    server.listen({ path: address, writableAll: true, exclusive: true }, () => {
      server.off('error', reject).on('error', () => undefined)
      resolve()
    })
  })
}

async function closed(server: Server, file: string): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()))
  await unlink(file).catch(() => undefined)
}

/** Only a refusal says that nobody listens; a process that is frozen has its connections taken by the system. */
function answerOf(address: string): Promise<'alive' | 'dead' | 'unknown'> {
  return new Promise((resolve) => {
    const socket = connect(address)
    const end = (state: 'alive' | 'dead' | 'unknown'): void => {
      socket.destroy()
      resolve(state)
    }
    socket.setTimeout(ANSWER_MS_MAX, () => end('unknown'))
    socket.once('connect', () => end('alive'))
    socket.once('error', (error) => end('code' in error && error.code === 'ECONNREFUSED' ? 'dead' : 'unknown'))
  })
}
