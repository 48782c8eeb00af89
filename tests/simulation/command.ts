import { systemClock } from '@assay/core'
import { runSeed, type SeedOptions } from './run-seed.js'
import type { Profile } from './scenario.js'

export interface SeedsOptions {
  readonly from: number
  readonly seeds: number
  /** Distance from one to the next. */
  readonly step: number
  readonly traces: boolean
  /** Go on after a seed that failed. */
  readonly goesOn: boolean
  readonly plant: string | undefined
  readonly profile: Profile | undefined
}

const FEWER_RUNS_MAX = 40
const FAILURES_MAX = 6

/** Runs seeds and tells of those that fail how to see them again; returns those that failed. */
export async function runSeeds(options: SeedsOptions): Promise<readonly number[]> {
  const { from, seeds, step, traces } = options
  const profile = options.profile && { profile: options.profile }
  const started_ms = systemClock.monotonic_ms()
  const profiles = new Map<string, number>()
  const failed: number[] = []
  let done = 0
  for (let seed = from; seed < from + seeds * step; seed += step) {
    const result = await runSeed(seed, { traces, ...profile })
    done++
    profiles.set(result.profile, (profiles.get(result.profile) ?? 0) + 1)
    if (traces) print(result.trace.join('\n'))
    if (result.failures.length === 0) continue
    failed.push(seed)
    const chosen = [options.plant && ` --plant ${options.plant}`, options.profile && ` --profile ${options.profile}`]
    print(`seed ${seed} (${result.profile}) fails:\n  ${result.failures.slice(0, FAILURES_MAX).join('\n  ')}`)
    print(
      `  see it again: node tests/simulation/run.mjs --from ${seed} --seeds 1 --trace${chosen.filter(Boolean).join('')}`,
    )
    if (traces) print(await withFewer(seed, result.disturbances, profile))
    if (!options.goesOn) break
  }
  const taken_seconds = (systemClock.monotonic_ms() - started_ms) / 1_000
  const kinds = [...profiles].map(([name, count]) => `${count} ${name}`).join(', ')
  print(`${done} seeds from ${from} (${kinds}) in ${taken_seconds.toFixed(1)} s, ${failed.length} failed`)
  return failed
}

/** Leaves out disturbances as long as the run still fails, larger parts first. */
async function withFewer(
  seed: number,
  disturbances: number,
  profile: Pick<SeedOptions, 'profile'> = {},
): Promise<string> {
  const skips = new Set<number>()
  let runs = 0
  for (let size = Math.ceil(disturbances / 2); size >= 1 && runs < FEWER_RUNS_MAX; size = Math.floor(size / 2)) {
    for (let start = 0; start < disturbances && runs < FEWER_RUNS_MAX; start += size) {
      const tried = new Set([...skips, ...Array.from({ length: size }, (_, i) => start + i)])
      if (tried.size === skips.size) continue
      runs++
      if ((await runSeed(seed, { skips: tried, ...profile })).failures.length > 0)
        for (const one of tried) skips.add(one)
    }
  }
  const { trace, failures, disturbances: left } = await runSeed(seed, { skips, traces: true, ...profile })
  const told = trace.filter((line) => !/: (?:get|size|list|localPath|scratchDirectory|sleep|lanes)/.test(line))
  return `with ${left - [...skips].filter((one) => one < left).length} disturbances left it still fails:
${told.join('\n')}\n  ${failures.join('\n  ')}`
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
