import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SCENARIO_NAMES } from './scenario-list.mjs'

/** Parts in the order in which they run, each with the options that it takes. */
const PARTS = {
  throughput: ({ count, threads, phases }) => ({ count, threads, profile: phases }),
  rounds: ({ rounds, threads }) => ({ rounds, threads }),
  scenarios: ({ scenario, scenarioCount, threads }) => ({ names: scenario, count: scenarioCount, threads }),
  queries: ({ rows, threads }) => ({ rows, threads }),
  freshness: ({ rate, seconds, threads }) => ({ rate, seconds, threads }),
  hour: ({ commits, threads }) => ({ commits, threads }),
  /** Only where it is asked for: it starts a broker, which needs Java and Maven. */
  kafka: ({ count, rate, seconds, threads }) => ({ count, rate, seconds, threads }),
}
const USUAL_PARTS = Object.keys(PARTS).filter((part) => part !== 'kafka')

const OPTIONS = {
  count: { type: /** @type {const} */ ('string'), default: '1000000' },
  phases: { type: /** @type {const} */ ('boolean'), default: false },
  scenario: {
    type: /** @type {const} */ ('string'),
    multiple: /** @type {const} */ (true),
    default: /** @type {string[]} */ ([]),
  },
  'scenario-count': { type: /** @type {const} */ ('string'), default: '200000' },
  rounds: { type: /** @type {const} */ ('string'), default: '100' },
  rows: { type: /** @type {const} */ ('string'), default: '1000000' },
  rate: { type: /** @type {const} */ ('string'), default: '1000' },
  seconds: { type: /** @type {const} */ ('string'), default: '30' },
  commits: { type: /** @type {const} */ ('string'), default: '3600' },
  threads: { type: /** @type {const} */ ('string'), default: '1' },
  only: { type: /** @type {const} */ ('string'), multiple: /** @type {const} */ (true), default: USUAL_PARTS },
  repo: {
    type: /** @type {const} */ ('string'),
    multiple: /** @type {const} */ (true),
    default: /** @type {string[]} */ ([]),
  },
  repeat: { type: /** @type {const} */ ('string'), default: '1' },
  against: { type: /** @type {const} */ ('string') },
}

/** The command's options; throws a TypeError that says all that is wrong with them. */
export function readOptions() {
  const { values } = parseArgs({ options: OPTIONS })
  const mistakes = []
  const whole = (name, least) => {
    const value = Number(values[name])
    if (!/^\d+$/.test(values[name]) || value < least) mistakes.push(`--${name} must be a whole number from ${least} on`)
    return value
  }
  const among = (name, known) => {
    for (const value of values[name]) if (!known.includes(value)) mistakes.push(`--${name} takes ${known.join(', ')}`)
    return values[name]
  }
  const only = among('only', Object.keys(PARTS))
  const given = {
    count: whole('count', 1000),
    phases: values.phases,
    scenario: among('scenario', SCENARIO_NAMES),
    scenarioCount: whole('scenario-count', 1000),
    rounds: whole('rounds', 10),
    rows: whole('rows', 20_000),
    rate: whole('rate', 50),
    seconds: whole('seconds', 1),
    commits: whole('commits', 100),
    threads: whole('threads', 1),
  }
  const how = {
    repos: values.repo.map((folder) => resolve(folder)),
    repeat: whole('repeat', 1),
    against: values.against,
  }
  if (mistakes.length > 0) throw new TypeError(mistakes.join('; '))
  const parts = Object.entries(PARTS).filter(([part]) => only.includes(part))
  const named = parts.map(([part, optionsOf]) => ({ part, options: optionsOf(given) }))
  return { ...how, parts: named }
}
