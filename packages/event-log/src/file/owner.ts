import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Random } from '@assay/core'
import { unlessMissing } from '../log-errors.js'

/** Who holds a lock, as written in the lock's file. */
export interface Owner {
  /** Unlike that of any other owner, in this process or another. */
  readonly nonce: string
  readonly pid: number
  /** Clock ticks from boot to the start of the process, as /proc has it; '' where there is no /proc. */
  readonly started: string
  /** Machine, and where there are such things the namespace in which `pid` counts. */
  readonly host: string
}

/** `unknown`: on another machine, which can't be asked. */
export type OwnerState = 'alive' | 'dead' | 'unknown'

/** Makes owners, and tells whether an owner's process still runs. */
export interface Owners {
  /** A new owner in this process. */
  make(random: Random): Promise<Owner>
  stateOf(owner: Owner): Promise<OwnerState>
}

/** The processes of this machine. */
export const machineOwners: Owners = { make: newOwner, stateOf: ownerState }

let owners = 0

async function newOwner(random: Random): Promise<Owner> {
  const [host, status] = await Promise.all([thisHost(), processStatus(process.pid)])
  const started = status?.started ?? ''
  owners += 1
  // Randomness alone wouldn't do: processes with the same seed draw the same.
  const nonce = `${process.pid}-${started}-${owners}-${random.uuid()}`
  return { nonce, pid: process.pid, started, host }
}

async function ownerState(owner: Owner): Promise<OwnerState> {
  if (owner.host !== (await thisHost())) return 'unknown'
  if (!isRunning(owner.pid)) return 'dead'
  const status = await processStatus(owner.pid)
  if (!status || owner.started === '') return 'alive'
  // A zombie runs no more code; another start time is another process with the same number.
  return status.state === 'Z' || status.state === 'X' || status.started !== owner.started ? 'dead' : 'alive'
}

/** Undefined for text that no owner wrote. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { nonce, pid, started, host } = value as Partial<Record<keyof Owner, unknown>>
    if (typeof nonce !== 'string' || typeof pid !== 'number') return undefined
    if (typeof started !== 'string' || typeof host !== 'string') return undefined
    return { nonce, pid, started, host }
  } catch {
    return undefined
  }
}

async function thisHost(): Promise<string> {
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return `${hostname()} ${namespace}`.trim()
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** Fields 3 and 22 of /proc/<pid>/stat (proc(5)); the name in field 2 may hold spaces and brackets. */
async function processStatus(pid: number): Promise<{ state: string; started: string } | undefined> {
  const text = await unlessMissing(readFile(`/proc/${pid}/stat`, 'latin1')).catch(() => undefined)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields?.[0]
  const started = fields?.[19]
  return state && started ? { state, started } : undefined
}
