import { systemClock, systemRandom } from '@assay/core'
import { runService } from '@assay/host'

process.exit(await runService({ service: 'feed', clock: systemClock, random: systemRandom }, process))
