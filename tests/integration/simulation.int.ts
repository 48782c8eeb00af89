import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const RUN = fileURLToPath(new URL('../simulation/run.mjs', import.meta.url))
const SEEDS = process.env.SEEDS ?? '800'
/** The same with every run: a change is judged by what it does. `FROM` takes others. */
const FROM = process.env.FROM ?? '1000'

it(`A1 A2 A8 A9 B2 B3 S1 S2 G1 G2: ${SEEDS} courses of events, from seed ${FROM} on`, async () => {
  const args = [RUN, '--seeds', SEEDS, '--from', FROM, '--jobs', String(availableParallelism())]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [told, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  console.info(told)
  expect({ code, told }).toMatchObject({ code: 0 })
}, 3_600_000)
