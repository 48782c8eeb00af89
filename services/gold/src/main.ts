import { stopOnSignals, systemClock, systemRandom } from '@assay/core'

const stop = stopOnSignals(process, systemClock)
stop.stopWithReader(process.stdout)
const { runService } = await import('@assay/host')
await stop.exit(await runService({ service: 'gold', clock: systemClock, random: systemRandom, stop }, process))
