// Joins a group and writes the lanes that it holds as a JSON array, a line each time they change. Leaves when its input
// ends.
import { systemClock, systemRandom } from '@assay/core'
import { openKafkaLog } from '../../dist/index.js'

const [broker, group, topic, partitions] = process.argv.slice(2)
const limits = { session_ms: 1500 }
const log = await openKafkaLog({ brokers: [broker], clock: systemClock, random: systemRandom, limits })
const share = await log.share(group, topic)
let isEnding = false
process.stdin.resume().once('end', () => {
  isEnding = true
})
let last
while (!isEnding) {
  const held = Array.from({ length: Number(partitions) }, (_, i) => i).filter((i) =>
    share.holds({ topic, partition: i }),
  )
  const line = JSON.stringify(held)
  if (line !== last) console.log(line)
  last = line
  await systemClock.sleep(10)
}
await share.close()
await log.close()
