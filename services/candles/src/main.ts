import { stopOnSignals, systemClock, systemRandom } from '@assay/core'

const stop = stopOnSignals(process, systemClock)
stop.stopWithReader(process.stdout)
const { layerWork, runService } = await stop.whileLoading(import('@assay/host'), 0)
const { candlesLayer } = await stop.whileLoading(import('@assay/medallion'), 0)
const frame = { service: 'candles', clock: systemClock, random: systemRandom, stop }
await stop.exit(await runService({ ...frame, work: layerWork(candlesLayer) }, process))
