import type { Clock } from '@assay/core'
import type { LakeParts } from '@assay/lake'
import { type Finding, skipped } from '../judge/finding.js'
import { judgeClock } from '../judge/machine.js'

/** Compares this clock with those of the servers that tell the time with their answers; `ahead_ms`: of the file system. */
export async function lookAtClock(
  parts: LakeParts,
  clock: Clock,
  patience_ms: number,
  disk: { readonly path: string; readonly ahead_ms: number | undefined } | undefined,
): Promise<Finding[]> {
  const asked = await Promise.all(
    serversOf(parts).map(async (url) => ({ url, ahead_ms: await aheadOf(url, clock, patience_ms) })),
  )
  const told = asked.flatMap(({ url, ahead_ms }) =>
    ahead_ms === undefined ? [] : [judgeClock({ server: url, ahead_ms })],
  )
  if (disk?.ahead_ms !== undefined)
    told.push(judgeClock({ server: `the file system of ${disk.path}`, ahead_ms: disk.ahead_ms }))
  return told.length > 0 ? told : [skipped('clock', 'nothing that was reached tells its time')]
}

function serversOf({ store, catalog, registry }: LakeParts): string[] {
  const bucket = store.kind === 's3' ? [store.endpoint ?? `https://s3.${store.region}.amazonaws.com`] : []
  const urls = [
    ...bucket,
    ...(catalog.kind === 'rest' ? [catalog.url] : []),
    ...(registry.kind === 'confluent' ? [registry.url] : []),
  ]
  return [...new Set(urls.map((url) => new URL(url).origin))]
}

/** By the header `Date` of any answer, which has whole seconds; undefined without one. */
async function aheadOf(origin: string, clock: Clock, patience_ms: number): Promise<number | undefined> {
  const asked_ms = clock.now_ms()
  try {
    const response = await fetch(origin, { redirect: 'manual', signal: AbortSignal.timeout(patience_ms) })
    await response.body?.cancel()
    const server_ms = Date.parse(response.headers.get('date') ?? '')
    if (Number.isNaN(server_ms)) return undefined
    const here_ms = (asked_ms + clock.now_ms()) / 2
    // The header tells the beginning of its second.
    return here_ms - (server_ms + 500)
  } catch {
    return undefined
  }
}
