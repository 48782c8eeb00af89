import { Session } from 'node:inspector/promises'

const INTERVAL_US = 500
/** Phases by the source of a function; the first that fits. Other code counts to whoever called it. */
/** @type {readonly (readonly [RegExp, string])[]} */
const PHASES = [
  [/\/packages\/event-log\//, 'read log'],
  [/\/packages\/(avro|schema-registry|exchanges)\//, 'decode'],
  [/\/packages\/(rules|medallion\/\w+\/(silver|rules))\//, 'judge'],
  [/\/packages\/(deduplication|medallion\/\w+\/gold)\//, 'deduplicate'],
  [/\/packages\/medallion\/\w+\/bronze\//, 'bronze'],
  [/\/packages\/parquet\/.*(compress|zstd|codec)|node_modules\/@toondepauw|^node:zlib/, 'compress'],
  [/\/packages\/parquet\/|\/packages\/pipeline\/\w+\/table\/(encode|copied)-rows/, 'encode Parquet'],
  [/\/packages\/pipeline\/\w+\/(source|hand-over)\//, 'read upstream'],
  [/\/packages\/(iceberg|object-store|pipeline|lake)\//, 'commit'],
  [/\/packages\/engine\/|node_modules\/@duckdb/, 'engine'],
]
const GARBAGE = 'garbage collection'
const OTHER = 'other'

/** Begins a CPU profile of this thread; what is called at its end gives the share of each phase in its busy time. */
export async function beginProfile() {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_US })
  await session.post('Profiler.start')
  return async () => {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return phaseShares(profile)
  }
}

/**
 * Self time of all functions by phase, as shares of the time in which the thread was not idle.
 * @param {import('node:inspector').Profiler.Profile} profile
 */
function phaseShares({ nodes, samples = [], timeDeltas = [] }) {
  const phases = phasesOfNodes(nodes)
  const times = new Map()
  let total = 0
  for (const [i, node] of samples.entries()) {
    const phase = phases.get(node)
    const time_us = timeDeltas[i + 1] ?? 0
    if (phase === undefined || time_us < 0) continue
    times.set(phase, (times.get(phase) ?? 0) + time_us)
    total += time_us
  }
  return Object.fromEntries([...times].sort(([, a], [, b]) => b - a).map(([phase, time]) => [phase, time / total]))
}

/** The phase of each node of the call tree; undefined of idle ones. */
function phasesOfNodes(nodes) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const phases = new Map()
  const visit = ({ id, callFrame, children = [] }, inherited) => {
    const phase = phaseOf(callFrame) ?? inherited
    phases.set(id, callFrame.functionName === '(idle)' ? undefined : phase)
    for (const child of children) visit(byId.get(child), phase)
  }
  visit(nodes[0], OTHER)
  return phases
}

function phaseOf({ url, functionName }) {
  if (functionName === '(garbage collector)') return GARBAGE
  return PHASES.find(([pattern]) => pattern.test(url))?.[1]
}
