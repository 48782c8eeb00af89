import { mkdir, readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { dirname } from 'node:path'
import { processBytes } from '../protocol/limits.js'
import { Channel } from './channel.js'
import { watchMemory } from './memory-watch.js'
import { type ChildOptions, serve } from './serve.js'

/** The pipe to the parent: it is nobody's standard output, so that nothing else can end up in it. */
const PIPE_FD = 3

/** Ends at once, whatever the engine's threads are at: an orderly exit would wait for them. */
function end(): never {
  process.kill(process.pid, 'SIGKILL')
  process.exit(1)
}

/** True when the system refuses memory beyond the limit; it does on Linux, where it was asked to. */
async function isBounded(limit_bytes: number): Promise<boolean> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max data size\s+(\d+)/m.exec(limits)?.[1]
  return soft !== undefined && Number(soft) <= limit_bytes
}

const options = JSON.parse(process.argv[2] ?? '') as ChildOptions
const socket = new Socket({ fd: PIPE_FD })
// A parent that is gone can't say so: its end of the pipe closes.
socket.on('close', end)
socket.on('error', end)
const limit_bytes = processBytes(options.limits)
if (!(await isBounded(limit_bytes))) watchMemory(limit_bytes)
// The engine makes the last folder only. Where none can be made, statements that don't spill are answered all the same.
await mkdir(dirname(options.scratchDirectory), { recursive: true }).catch(() => undefined)
const channel = new Channel(socket)
await serve(channel, options)
end()
