import { stopOnSignals, systemClock, systemRandom } from '@assay/core'

const stop = stopOnSignals(process, systemClock)
stop.stopWithReader(process.stdout)
const { runService } = await import('@assay/host')
const { feedWork } = await import('./feed-work.js')
const frame = { service: 'feed', clock: systemClock, random: systemRandom, stop }
await stop.exit(await runService({ ...frame, work: feedWork }, process))
