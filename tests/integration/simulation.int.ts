import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const RUN = fileURLToPath(new URL('../simulation/run.mjs', import.meta.url))
const SEEDS = process.env.SEEDS ?? '60'
/** The same with every run: a change is judged by what it does. `FROM` takes others. */
const FROM = process.env.FROM ?? '1000'

/** The rest of the seeds' profiles are drawn; this one comes by its name only. */
const STORE_SEEDS = process.env.SEEDS ?? '16'

it(`A1 A2 A8 A9 B2 B3 S1 S2 G1 G2 W1 W2: ${SEEDS} courses of events, from seed ${FROM} on`, async () => {
  await simulate('--seeds', SEEDS)
}, 3_600_000)

it(`B1 S2 G1 A9 A12: the store's disks flip, cut, lose and misplace what tables are made of: ${STORE_SEEDS} courses`, async () => {
  await simulate('--seeds', STORE_SEEDS, '--profile', 'store')
}, 3_600_000)

async function simulate(...chosen: readonly string[]): Promise<void> {
  const args = [RUN, ...chosen, '--from', FROM, '--jobs', String(availableParallelism())]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [told, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  console.info(told)
  expect({ code, told }).toMatchObject({ code: 0 })
}
