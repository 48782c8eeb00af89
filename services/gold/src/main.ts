import { stopOnSignals, systemClock, systemRandom } from '@assay/core'

const stop = stopOnSignals(process, systemClock)
stop.stopWithReader(process.stdout)
const { layerWork, runService } = await import('@assay/host')
const { goldLayer } = await import('@assay/medallion')
const frame = { service: 'gold', clock: systemClock, random: systemRandom, stop }
await stop.exit(await runService({ ...frame, work: layerWork(goldLayer) }, process))
