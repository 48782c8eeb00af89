import { systemClock, systemRandom } from '@assay/core'
import { runService } from '@assay/runtime'

process.exit(await runService({ layer: 'silver', clock: systemClock, random: systemRandom }, process))
