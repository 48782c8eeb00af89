// Verifies a lake, and tells what that took.
import { verifyLake } from '@assay/audit'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake } from '../lib/lakes.mjs'
import { beginUsage, peakMemory_bytes } from '../lib/measure.mjs'

const { directory, threads } = childOptions()
const lake = await openBenchLake(directory, { threads })
const endUsage = beginUsage()
const { checks } = await verifyLake(lake, {
  fromLog: false,
  signal: new AbortController().signal,
  onCheck: () => undefined,
})
const usage = endUsage()
await lake.close()
const failed = checks.filter(({ outcome }) => outcome === 'failed').map(({ claim }) => claim)
await tellParent({ ...usage, failed, peakMemory_bytes: peakMemory_bytes() })
leaveParent()
