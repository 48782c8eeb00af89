// What becomes of the events of a file of JSON lines: node examples/user-events/main.mjs [FILE]
import { readFileSync } from 'node:fs'
import { UserSums } from './user-sums.mjs'

const file = process.argv[2] ?? new URL('events.jsonl', import.meta.url)
const sums = new UserSums()
for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
  const { id, user, time, amount } = JSON.parse(line)
  const out = sums.add([{ id, user, time_us: BigInt(Date.parse(time)) * 1000n, amount }])
  console.log(`(${user}, ${time.slice(11, 16)}, ${amount})  watermark ${minute(sums.watermark_us)}`)
  for (const row of out)
    console.log(`  out: (${minute(row.start_us)}, ${row.user}, ${row.sum}), revision ${row.revision}`)
}
console.log('ledger')
for (const { start_us, user, revision, old, sum } of sums.ledger) {
  console.log(`  (${minute(start_us)}, ${user}) revision ${revision}: ${old} -> ${sum}`)
}
console.log('frozen')
for (const { start_us, user, sum } of sums.frozen) console.log(`  (${minute(start_us)}, ${user}, ${sum})`)

function minute(time_us) {
  return time_us === undefined ? 'not known yet' : new Date(Number(time_us / 1000n)).toISOString().slice(11, 16)
}
