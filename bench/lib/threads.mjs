import { readdirSync, readFileSync } from 'node:fs'

/** The thread that takes a CPU profile's samples: what it costs is no part of what is measured. */
const PROFILER = 'v8:ProfEvntProc'

/**
 * CPU time of each thread of this process, in µs, by thread id; empty where there is no Linux.
 * @returns {Map<string, { name: string, cpu_us: number }>}
 */
export function threadTimes() {
  const threads = new Map()
  for (const id of ofLinux(() => readdirSync('/proc/self/task')) ?? []) {
    const read = (file) => ofLinux(() => readFileSync(`/proc/self/task/${id}/${file}`, 'utf8').trim())
    const [cpu_ns] = read('schedstat')?.split(' ') ?? []
    if (cpu_ns !== undefined) threads.set(id, { name: read('comm') ?? '', cpu_us: Number(cpu_ns) / 1000 })
  }
  return threads
}

/** Undefined where there is no such file: a thread that has ended, or another system. */
function ofLinux(read) {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Node starts the timer of V8's tasks and four threads for them before any other; none of them has a name on Node 20. */
const V8_THREADS = 5

/**
 * CPU time between two looks: of the main thread, of V8's (garbage collection, compilation), of the profiler, and of all
 * others (compression, file work, DuckDB).
 */
export function threadsBetween(before, after) {
  const times = { main: 0, V8: 0, profiler: 0, others: 0 }
  const inOrder = [...after].sort(([a], [b]) => Number(a) - Number(b))
  for (const [i, [id, { name, cpu_us }]] of inOrder.entries()) {
    const kind =
      id === String(process.pid) ? 'main' : name === PROFILER ? 'profiler' : i <= V8_THREADS ? 'V8' : 'others'
    times[kind] += cpu_us - (before.get(id)?.cpu_us ?? 0)
  }
  return times
}
