import { AssayError } from '@assay/core'
import { type NamedObjects, TABLES } from './named-objects.js'
import type { SimStore } from './sim-store.js'
import type { World } from './world.js'

/**
 * Looks at every deletion before it happens: nothing may go that a reader who planned within the grace time still
 * reads, nor what waits in an outbox (A9, T17). What it finds wrong is in `violations`.
 */
export function watchDeletions(store: SimStore, named: NamedObjects, world: World, grace_ms: number): string[] {
  const violations: string[] = []
  store.onDelete = async (key) => {
    const match = /^([^/]+)\/(?:data\/|metadata\/(?!v\d+\.|version-hint)|keys\/)/.exec(key.slice(TABLES.length + 1))
    if (!match || (await store.size_bytes(key)) === undefined) return
    if ((await named.pending()).has(key)) violations.push(`deleted while it waits in an outbox: ${key}`)
    for (const version of await named.versionsSince(`${TABLES}/${match[1]}`, world.now_ms - grace_ms)) {
      try {
        if (!(await named.of(version)).has(key)) continue
      } catch (error) {
        // A snapshot that was half cleaned up: its own turn is over.
        if (error instanceof AssayError && error.code === 'snapshot_gone') continue
        throw error
      }
      violations.push(`deleted while v${version.token} may still be read: ${key}`)
      break
    }
  }
  return violations
}
