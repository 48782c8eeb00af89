import { systemClock, systemRandom, UsageError } from '@assay/core'
import { isLakeThere, type Lake, type LakeOptions, type LakeParts, noticeText, openLake } from '@assay/lake'
import { type Io, write } from './io.js'
import { untilAborted } from './stopped.js'
import { wrapText } from './wrap.js'

const OPEN_SOON_MS = 500

type Terminal = Pick<Io, 'signal' | 'stderr' | 'stderrWidth'>
interface Telling {
  /** Takes warnings, where they can't go to standard error as they are. */
  readonly warn?: (text: string) => void
}

type HowOpened = Pick<LakeOptions, 'access' | 'home' | 'commitInterval_ms'> & Telling

/** Work on a lake. It watches the signal itself, unless it is said to be dropped. */
type Work<T> = (lake: Lake) => Promise<T>

/**
 * Works on a lake, which is made if it is missing (and said to be new: its name may be a slip), and closes it. `how` has
 * its folder, if this opens it again. Throws `command_stopped` when the signal comes before the lake is open, as the
 * others do.
 */
export async function withLake<T>(
  parts: LakeParts,
  io: Terminal,
  work: Work<T>,
  how: Omit<HowOpened, 'access'> = {},
): Promise<T> {
  const isNew = !(await untilAborted(isLakeThere(parts), io.signal))
  return onLake(parts, io, { ...how, access: 'write' }, async (lake) => {
    if (isNew) await write(io.stderr, `made a new lake in ${lake.location}\n`)
    return work(lake)
  })
}

/** The same on a lake that has to be there already. Throws `lake_missing`, having made nothing. */
export async function withExistingLake<T>(parts: LakeParts, io: Terminal, work: Work<T>): Promise<T> {
  await checkThere(parts)
  return onLake(parts, io, { access: 'write' }, work)
}

/** The same for work that only reads, for which rights to read are enough. */
export async function withLakeToRead<T>(parts: LakeParts, io: Terminal, work: Work<T>): Promise<T> {
  await checkThere(parts)
  return onLake(parts, io, { access: 'read' }, work)
}

/** The same for work that is dropped where it is when the signal comes: nothing is lost with it but its result. */
export function withLakeToLookAt<T>(parts: LakeParts, io: Terminal, work: Work<T>): Promise<T> {
  return withLakeToRead(parts, io, (lake) => untilAborted(work(lake), io.signal))
}

/** The lake open for work that only reads, for who opens it again after an outage. The caller closes it. */
export async function openToRead(parts: LakeParts, io: Terminal): Promise<Lake> {
  await checkThere(parts)
  return openFor(parts, io, { access: 'read' })
}

async function onLake<T>(parts: LakeParts, io: Terminal, how: HowOpened, work: Work<T>): Promise<T> {
  const lake = await openFor(parts, io, how)
  try {
    return await work(lake)
  } finally {
    await lake.close()
  }
}

async function openFor(parts: LakeParts, io: Terminal, { warn = warnOn(io), ...how }: HowOpened): Promise<Lake> {
  const { signal } = io
  const onFileLogEvent: LakeOptions['onFileLogEvent'] = ({ message }) => warn(message)
  const onTableNotice: LakeOptions['onTableNotice'] = (notice) => warn(noticeText(notice))
  const events = { onFileLogEvent, onTableNotice }
  const opening = openLake({ ...how, parts, clock: systemClock, random: systemRandom, ...events })
  return untilAborted(opening, signal).catch(async (error: unknown) => {
    if (signal.aborted) await closeSoon(opening)
    throw error
  })
}

function warnOn({ stderr, stderrWidth }: Terminal): (text: string) => void {
  return (text) => void write(stderr, wrapText(`warning: ${text}\n`, stderrWidth))
}

/** What is open in a moment leaves nothing behind; an outage is not waited for. */
export function closeSoon(opening: Promise<Lake>): Promise<void> {
  const closed = opening.then(
    (lake) => lake.close(),
    () => undefined,
  )
  return Promise.race([closed, systemClock.sleep(OPEN_SOON_MS)])
}

async function checkThere(parts: LakeParts): Promise<void> {
  if (await isLakeThere(parts)) return
  throw new UsageError('lake_missing', `there is no lake in "${parts.location}"`, {
    hint: 'make one with "assay up" or "assay load", or name the one you mean with --lake',
  })
}
