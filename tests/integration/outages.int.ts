import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { assay } from './support/assay.js'
import { eventually } from './support/eventually.js'
import { AS_NOBODY, canBreakDisks, diskOutages, isTold, type Outage, SmallDisk } from './support/os-outages.js'
import { type ServiceName, ServiceProcess } from './support/service-process.js'
import { UpProcess } from './support/up-process.js'

const DISK_MIB = 96
const NAMES = ['feed', 'bronze', 'silver', 'gold'] as const
/** A worker that has waited for a few seconds tries again in as many at the latest; a busy machine is given more. */
const TOLD_MS = 20_000
const OVER_MS = 30_000

/** The outages that show most; ASSAY_TEST_OUTAGES=all runs all of them. */
const isForUp = ({ hits, name }: Outage): boolean =>
  process.env.ASSAY_TEST_OUTAGES === 'all' ||
  name === 'the disk is full' ||
  name === 'no file can be opened' ||
  name === 'the log is not there' ||
  hits === 'all'

interface Progress {
  readonly of: ServiceName
  readonly counter: string
}

/** Layers that are paused until there is something for them to write, downstream first. */
const BACKLOGS: readonly { readonly name: ServiceName; readonly progress: Progress }[] = [
  { name: 'gold', progress: { of: 'silver', counter: 'assay_silver_commits_total' } },
  { name: 'silver', progress: { of: 'bronze', counter: 'assay_bronze_commits_total' } },
  { name: 'bronze', progress: { of: 'feed', counter: 'assay_feed_records_total' } },
]

type Crew = ReadonlyMap<ServiceName, ServiceProcess>

describe.skipIf(!canBreakDisks())('outages of the machine', () => {
  it.concurrent('A7: feed, bronze, silver and gold wait, say what for, and go on by themselves', async () => {
    const disk = new SmallDisk(DISK_MIB)
    const env = { ASSAY_LAKE: path.join(disk.folder, 'lake'), ASSAY_FEED: 'simulated', ASSAY_FEED_RATE: '60' }
    const crew: Crew = new Map(
      NAMES.map((name) => [name, new ServiceProcess(name, { ...env, ASSAY_HTTP_PORT: '0' }, { wrap: AS_NOBODY })]),
    )
    const services = [...crew.values()]
    try {
      await Promise.all(services.map((service) => service.untilLogged(/listening/)))
      await Promise.all(services.map((service) => service.untilReadiness(200)))
      for (const outage of diskOutages(disk, () => services.map(({ pid }) => pid))) await waitedOut(outage, crew)
      const fed = await recordsFed(crew)
      await Promise.all(services.map((service) => service.stop()))
      expect(leftBehind(disk)).toEqual([])
      expect(await provenRows(env)).toBeGreaterThanOrEqual(fed)
    } finally {
      await Promise.all(services.map((service) => service.end()))
      disk.remove()
    }
  })

  it.concurrent('A7: up waits, says what for, and goes on by itself', async () => {
    const disk = new SmallDisk(DISK_MIB)
    const env = { ASSAY_LAKE: path.join(disk.folder, 'lake') }
    const up = new UpProcess(['--feed', 'simulated'], env, AS_NOBODY)
    const tell = (): string => up.tell()
    try {
      await eventually('gold has rows', async () => up.goldRows > 0, OVER_MS, tell)
      for (const outage of diskOutages(disk, () => [up.pid]).filter(isForUp)) {
        const from = up.printed
        outage.begin()
        try {
          await eventually(`up says that ${outage.name}`, async () => isTold(outage, up.waits(from)), TOLD_MS, tell)
        } finally {
          outage.end()
        }
        report('up', outage, up.waits(from))
        await eventually(`up goes on after ${outage.name}`, async () => up.waiting.length === 0, OVER_MS, tell)
        expect(up.ending, tell()).toBeUndefined()
      }
      const rows = up.goldRows
      await eventually('gold has more rows', async () => up.goldRows > rows, OVER_MS, tell)
      expect(await up.stop(), tell()).toBe('0')
      expect(leftBehind(disk)).toEqual([])
      expect(await provenRows(env)).toBeGreaterThanOrEqual(up.goldRows)
    } finally {
      await up.end()
      disk.remove()
    }
  })
})

/**
 * The services meet the outage while they work; those that it hits say so, nobody ends, and all are ready when it
 * passes.
 */
async function waitedOut(outage: Outage, crew: Crew): Promise<void> {
  const hit = [...crew].filter(([name]) => typeof outage.hits === 'string' || outage.hits.includes(name))
  const slow = outage.hits === 'work' ? BACKLOGS : []
  for (const { name, progress } of slow) {
    crew.get(name)?.pause()
    await untilGrown(crew, progress)
  }
  outage.begin()
  try {
    for (const { name } of slow) crew.get(name)?.resume()
    for (const [name, service] of hit) {
      const said = async (): Promise<string[] | undefined> => {
        const { status, parts } = await service.readiness()
        const texts = Object.values(parts)
        return status === 503 && isTold(outage, texts) ? texts : undefined
      }
      const texts = await eventually(`${name} says that ${outage.name}`, said, TOLD_MS, () => service.tell())
      report(name, outage, texts)
    }
  } finally {
    outage.end()
  }
  const passed_ms = performance.now()
  for (const service of crew.values()) await service.untilReadiness(200, OVER_MS)
  process.stderr.write(`all are ready ${((performance.now() - passed_ms) / 1000).toFixed(1)} s after ${outage.name}\n`)
}

/** Waits until a counter of a service has grown: whoever reads what it makes has something to do then. */
async function untilGrown(crew: Crew, { of, counter }: Progress): Promise<void> {
  const total = async (): Promise<number> => totalOf((await crew.get(of)?.metrics()) ?? new Map(), counter)
  const before = await total()
  await eventually(`${of} goes on`, async () => (await total()) > before, TOLD_MS)
}

function report(who: string, outage: Outage, texts: readonly string[]): void {
  const text = texts.find((one) => isTold(outage, [one]))
  process.stderr.write(`${outage.name}: ${who}: ${text}\n`)
}

/**
 * What the log left behind: owners of locks, copies that were not made to their end, empty files. A scratch file that
 * could not be removed stays for a day.
 */
function leftBehind(disk: SmallDisk): string[] {
  const files = disk.files().filter(({ name }) => !name.includes('/.scratch/'))
  return files
    .filter(({ name, size_bytes }) => /\.(owner|lock|claim|new)$/.test(name) || size_bytes === 0)
    .map(({ name }) => name)
}

/** Records that the feed was told are in the log. */
async function recordsFed(crew: Crew): Promise<number> {
  return totalOf((await crew.get('feed')?.metrics()) ?? new Map(), 'assay_feed_records_total')
}

/** The sum of a counter over its labels. */
function totalOf(samples: ReadonlyMap<string, number>, counter: string): number {
  const own = [...samples].filter(([name]) => name.startsWith(counter))
  return own.reduce((sum, [, value]) => sum + value, 0)
}

/** Takes the rest through every layer, has the lake proven, and gives bronze's rows. */
async function provenRows(env: Readonly<Record<string, string>>): Promise<number> {
  const drained = await assay(['up', '--drain'], env)
  expect(drained.code, drained.stderr).toBe(0)
  const verified = await assay(['verify', '--from-log'], env)
  expect(verified.code, verified.stdout).toBe(0)
  const rows =
    'SELECT ((FROM bronze_binance_trades SELECT count(*)) + (FROM bronze_kraken_trades SELECT count(*)))::INT n'
  return (JSON.parse((await assay(['sql', rows, '--json'], env)).stdout) as [{ n: number }])[0].n
}
