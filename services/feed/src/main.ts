import { stopOnSignals, systemClock, systemRandom } from '@assay/core'

const stop = stopOnSignals(process, systemClock)
stop.stopWithReader(process.stdout)
const { runService } = await stop.whileLoading(import('@assay/host'), 0)
const { feedWork } = await stop.whileLoading(import('./feed-work.js'), 0)
const frame = { service: 'feed', clock: systemClock, random: systemRandom, stop }
await stop.exit(await runService({ ...frame, work: feedWork }, process))
