import type { Random } from '@assay/core'

/** Who holds a lock, as written in the lock's file. */
export interface Owner {
  /** Unlike that of any other owner, in this process or another. */
  readonly nonce: string
  readonly pid: number
  /** Clock ticks from boot to the start of the process, as /proc has it; '' where there is no /proc. */
  readonly started: string
  /** Machine by name, and where there are such things the namespace in which `pid` counts: for people. */
  readonly host: string
  /** Id of the boot that the process runs under; left out by earlier versions, '' where there is no /proc. */
  readonly boot?: string
  /** Name of the file beside the lock that answers for as long as the process runs; left out where there is none. */
  readonly lifeSign?: string
}

/** `unknown`: it can't be asked from here. */
export type OwnerState = 'alive' | 'dead' | 'unknown'

/** Makes owners, and tells whether an owner's process still runs. `folder` is that of the lock. */
export interface Owners {
  /** A new owner in this process. */
  make(random: Random, folder: string): Promise<Owner>
  stateOf(owner: Owner, folder: string): Promise<OwnerState>
  /** Ends what `make` has begun for others to ask. */
  release?(owner: Owner): Promise<void>
}

/** Undefined for text that no owner wrote. What earlier versions left out is left out. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const { nonce, pid, started, host, boot, lifeSign } = value as Partial<Record<keyof Owner, unknown>>
    if (typeof nonce !== 'string' || typeof pid !== 'number') return undefined
    if (typeof started !== 'string' || typeof host !== 'string') return undefined
    return {
      nonce,
      pid,
      started,
      host,
      ...(typeof boot === 'string' && { boot }),
      // A name and no path: what answers lies beside the lock.
      ...(typeof lifeSign === 'string' && /^[\w.-]+$/.test(lifeSign) && { lifeSign }),
    }
  } catch {
    return undefined
  }
}
