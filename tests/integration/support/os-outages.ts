import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** A user without rights of his own: what the superuser may do is never denied. */
const NOBODY = 65_534
/** Runs a command as that user. */
export const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const

const PAGE_BYTES = 4_096
const FILES_MAX = 1_024

/** False, with a loud line, where this machine lets no test mount a file system or become another user. */
export function canBreakDisks(): boolean {
  const tried = spawnSync('sh', [
    '-c',
    `d=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d" && ${AS_NOBODY.join(' ')} prlimit --nofile`,
  ])
  if (tried.status === 0) return true
  process.stderr.write(`SKIPPED: outages of this machine are NOT tested here: ${tried.stderr ?? tried.error}\n`)
  return false
}

/** A small file system of a test's own, on which all users may write. */
export class SmallDisk {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'assay-disk-'))
  #filling: { readonly file: number; readonly timer: NodeJS.Timeout } | undefined

  constructor(size_mib: number) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size_mib}m,mode=777`, 'tmpfs', this.folder])
  }

  /** Fills the disk, and what others free, too. */
  fill(): void {
    const file = openSync(path.join(this.folder, 'big'), 'w')
    const pages = Buffer.alloc(256 * PAGE_BYTES)
    const fill = (): void => {
      for (const bytes of [pages, pages.subarray(0, PAGE_BYTES)]) {
        try {
          while (writeSync(file, bytes) > 0);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
    }
    fill()
    this.#filling = { file, timer: setInterval(fill, 50) }
  }

  free(): void {
    if (!this.#filling) return
    clearInterval(this.#filling.timer)
    closeSync(this.#filling.file)
    this.#filling = undefined
    rmSync(path.join(this.folder, 'big'))
  }

  /** Every file on the disk, by its path from the disk's root. */
  files(): { readonly name: string; readonly size_bytes: number }[] {
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => ({ name: path.relative(this.folder, file), size_bytes: statSync(file).size }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  remove(): void {
    this.free()
    execFileSync('umount', ['-l', this.folder])
    rmdirSync(this.folder)
  }
}

const RIGHTS = /give the process read and write access to the folder/

/** Something that the operating system takes from running processes, and gives back. */
export interface Outage {
  readonly name: string
  /** What they say that they wait for: its code, the thing, and the way out. */
  readonly told: { readonly code: RegExp; readonly thing: RegExp; readonly remedy: RegExp }
  /** Services that it keeps from working; `work` only while there is something to do. */
  readonly hits: 'all' | 'work' | readonly string[]
  begin(): void
  end(): void
}

/** Whether one of the texts says all that there is to say of the outage. */
export function isTold({ told }: Outage, texts: readonly string[]): boolean {
  return texts.some((text) => told.code.test(text) && told.thing.test(text) && told.remedy.test(text))
}

/** Outages of a lake in `<disk>/lake`, with an embedded log, that these processes work on. */
export function diskOutages(disk: SmallDisk, pids: () => readonly number[]): Outage[] {
  const lake = path.join(disk.folder, 'lake')
  const log = path.join(lake, 'log')
  const table = path.join(lake, 'tables/market_data/bronze_binance_trades')
  return [
    {
      name: 'the disk is full',
      told: { code: /_full\b/, thing: /No space left on device/i, remedy: /free disk space/ },
      hits: 'work',
      begin: () => disk.fill(),
      end: () => disk.free(),
    },
    {
      name: 'no file can be opened',
      told: { code: /_too_many_files\b/, thing: /too many open files/i, remedy: /raise the limit of open files/ },
      // Looking for what is not there opens no file.
      hits: 'work',
      begin: () => limitFiles(pids(), 3),
      end: () => limitFiles(pids(), FILES_MAX),
    },
    {
      name: 'the lake may not be entered',
      told: { code: /_denied\b/, thing: /permission denied.*\/lake\//i, remedy: RIGHTS },
      hits: 'all',
      ...withMode(() => [lake], 0o000),
    },
    {
      name: 'no folder may be written to',
      told: { code: /_denied\b/, thing: /permission denied|\/lake\//i, remedy: RIGHTS },
      hits: 'work',
      ...withMode(() => foldersIn(lake), 0o555),
    },
    {
      name: 'a table may not be entered',
      told: { code: /store_denied\b/, thing: /permission denied.*bronze_binance_trades/i, remedy: RIGHTS },
      hits: ['bronze', 'silver'],
      ...withMode(() => [table], 0o000),
    },
    {
      name: 'the lake is not there',
      told: { code: /store_away\b/, thing: /the folder \S+\/lake is not there any more/, remedy: /put it back/ },
      hits: 'all',
      ...renamed(lake),
    },
    {
      name: 'the log is not there',
      told: { code: /store_away\b/, thing: /the folder \S+\/lake\/log is not there any more/, remedy: /put it back/ },
      hits: ['feed', 'bronze'],
      ...renamed(log),
    },
  ]
}

function limitFiles(pids: readonly number[], most: number): void {
  const [program, ...args] = AS_NOBODY
  // A limit may be set by a process of the same user.
  for (const pid of pids) execFileSync(program, [...args, 'prlimit', `--pid=${pid}`, `--nofile=${most}:`])
}

function withMode(find: () => readonly string[], mode: number): Pick<Outage, 'begin' | 'end'> {
  let folders: readonly string[] = []
  return {
    begin: () => {
      folders = find()
      for (const folder of folders) chmodSync(folder, mode)
    },
    end: () => {
      for (const folder of folders) chmodSync(folder, 0o755)
    },
  }
}

function renamed(folder: string): Pick<Outage, 'begin' | 'end'> {
  return {
    begin: () => renameSync(folder, `${folder}.away`),
    end: () => {
      if (existsSync(folder)) throw new Error(`${folder} was made anew while it was away`)
      renameSync(`${folder}.away`, folder)
    },
  }
}

function foldersIn(folder: string): string[] {
  return execFileSync('find', [folder, '-type', 'd'], { encoding: 'utf8' }).trim().split('\n')
}
