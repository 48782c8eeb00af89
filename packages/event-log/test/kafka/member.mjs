// Joins a group and writes the lanes that it holds as a JSON array, a line each time they change. Leaves when its input
// ends.
import { systemClock, systemRandom } from '@assay/core'
import { openKafkaLog } from '../../dist/index.js'

const [broker, group, topic, partitions] = process.argv.slice(2)
const limits = { session_ms: 1500 }
const log = await openKafkaLog({ brokers: [broker], clock: systemClock, random: systemRandom, limits })
const assignment = await log.assign(group, topic)
let isEnding = false
process.stdin.resume().once('end', () => {
  isEnding = true
})
let last
while (!isEnding) {
  const owned = Array.from({ length: Number(partitions) }, (_, i) => i).filter((i) =>
    assignment.owns({ topic, partition: i }),
  )
  const line = JSON.stringify(owned)
  if (line !== last) console.log(line)
  last = line
  await systemClock.sleep(10)
}
await assignment.close()
await log.close()
