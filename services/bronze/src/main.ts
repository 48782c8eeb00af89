import { stopOnSignals, systemClock, systemRandom } from '@assay/core'

const stop = stopOnSignals(process, systemClock)
stop.stopWithReader(process.stdout)
const { layerWork, runService } = await import('@assay/host')
const { bronzeLayer } = await import('@assay/medallion')
const frame = { service: 'bronze', clock: systemClock, random: systemRandom, stop }
await stop.exit(await runService({ ...frame, work: layerWork(bronzeLayer) }, process))
