import { systemClock, systemRandom } from '@assay/core'
import { runService } from '@assay/runtime'

process.exit(await runService({ layer: 'bronze', clock: systemClock, random: systemRandom }, process))
