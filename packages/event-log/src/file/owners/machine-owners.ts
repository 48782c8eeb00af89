import { readFile, readlink, statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Random } from '@assay/core'
import { unlessMissing } from '../../log-errors.js'
import { askLifeSign, type LifeSign, makeLifeSign } from './life-sign.js'
import type { Owner, OwnerState, Owners } from './owner.js'

/** The processes of this machine. */
export const machineOwners: Owners = { make: newOwner, stateOf: ownerState, release: releaseOwner }

/** What tells this process from those of other machines, boots and containers. */
interface ThisPlace {
  readonly host: string
  readonly namespace: string
  readonly boot: string
}

let owners = 0
const lifeSigns = new Map<string, LifeSign>()

async function newOwner(random: Random, folder: string): Promise<Owner> {
  const [{ host, namespace, boot }, status] = await Promise.all([thisPlace(), processStatus(process.pid)])
  const started = status?.started ?? ''
  owners += 1
  // Randomness alone wouldn't do: processes with the same seed draw the same.
  const nonce = `${process.pid}-${started}-${owners}-${random.uuid()}`
  const lifeSign = boot === '' ? undefined : await makeLifeSign(folder, `${nonce}.alive`)
  if (lifeSign) lifeSigns.set(nonce, lifeSign)
  const name = lifeSign && { lifeSign: lifeSign.name }
  return { nonce, pid: process.pid, started, host: `${host} ${namespace}`.trim(), boot, ...name }
}

async function releaseOwner({ nonce }: Owner): Promise<void> {
  await lifeSigns.get(nonce)?.close()
  lifeSigns.delete(nonce)
}

async function ownerState(owner: Owner, folder: string): Promise<OwnerState> {
  switch (howToTell(owner, await thisPlace(), await isOnLocalDisk(folder))) {
    case 'by_process':
      return stateOfProcess(owner)
    case 'by_life_sign':
      return owner.lifeSign === undefined ? 'unknown' : askLifeSign(folder, owner.lifeSign)
    case 'other_boot':
      return 'dead'
    case 'not':
      return 'unknown'
  }
}

/**
 * How the state of an owner can be told from here. Names of machines and numbers of namespaces are the same on many of
 * them, so the boot's id goes first. A disk of this machine alone has no writers that run under another boot.
 */
export function howToTell(
  owner: Owner,
  place: ThisPlace,
  isLocal: boolean,
): 'by_process' | 'by_life_sign' | 'other_boot' | 'not' {
  const { host, namespace, boot } = place
  // Earlier versions, and machines without /proc, have no more than the names.
  if (!owner.boot || boot === '') return owner.host === `${host} ${namespace}`.trim() ? 'by_process' : 'not'
  if (owner.boot !== boot) return isLocal ? 'other_boot' : 'not'
  if (namespace !== '' && owner.host.endsWith(` ${namespace}`)) return 'by_process'
  return isLocal ? 'by_life_sign' : 'not'
}

async function stateOfProcess(owner: Owner): Promise<OwnerState> {
  if (!isRunning(owner.pid)) return 'dead'
  const status = await processStatus(owner.pid)
  if (!status || owner.started === '') return 'alive'
  // A zombie runs no more code; another start time is another process with the same number.
  return status.state === 'Z' || status.state === 'X' || status.started !== owner.started ? 'dead' : 'alive'
}

async function thisPlace(): Promise<ThisPlace> {
  const [namespace, boot] = await Promise.all([
    readlink('/proc/self/ns/pid').catch(() => ''),
    readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => ''),
  ])
  return { host: hostname(), namespace, boot: boot.trim() }
}

/** File systems that one machine alone has mounted for writing (statfs(2)); of all others nothing is taken for granted. */
const LOCAL_DISKS: ReadonlySet<number> = new Set([
  0xef53, // ext2 to ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
])

async function isOnLocalDisk(folder: string): Promise<boolean> {
  try {
    return LOCAL_DISKS.has((await statfs(folder)).type)
  } catch {
    return false
  }
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
