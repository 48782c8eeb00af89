import type { Clock, Random } from '@assay/core'
import type { Session } from '@assay/engine'
import type { HandOver } from '../hand-over/hand-over.js'
import type { WriteDataFile } from '../table/row-source.js'
import type { BatchLimits } from './stage.js'

/** What every stage works with. */
export interface StageContext {
  readonly session: Session
  readonly clock: Clock
  readonly random: Random
  readonly limits: BatchLimits
  readonly write: WriteDataFile
  /** Rows that layers above in this process have just committed; without it all is read from files. */
  readonly handOver?: HandOver
}
