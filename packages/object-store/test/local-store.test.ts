import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { link, mkdir, mkdtemp, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { OutageError, seededRandom, systemRandom } from '@assay/core'
import { afterAll, describe, expect, it } from 'vitest'
import { HomeFolder, openLocalStore } from '../src/index.js'
import type { LocalStore } from '../src/local-store.js'
import { storeContract } from './store-contract.js'

const run = promisify(execFile)
const roots: string[] = []

async function freshRoot(): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'assay-local-store-'))
  roots.push(root)
  return root
}

async function openFresh(): Promise<LocalStore> {
  return openLocalStore(await freshRoot(), { random: systemRandom })
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

afterAll(async () => {
  await Promise.all(roots.map((root) => rm(root, { recursive: true, force: true })))
})

storeContract('local', openFresh)

describe('local store', () => {
  it('A2: four processes that create the same keys at once: each key has one winner', async () => {
    const root = await freshRoot()
    const script = fileURLToPath(new URL('./fixtures/put-if-absent.mjs', import.meta.url))
    const names = ['north', 'east', 'south', 'west']
    const runs = await Promise.all(names.map((name) => run(process.execPath, [script, root, 'race/', '60', name])))
    const winners = new Map<number, string>()
    runs.forEach(({ stdout }, i) => {
      for (const n of JSON.parse(stdout) as number[]) {
        expect(winners.has(n)).toBe(false)
        winners.set(n, names[i] ?? '')
      }
    })
    expect(winners.size).toBe(60)
    const store = await openLocalStore(root, { random: systemRandom })
    for (const [n, name] of winners) expect(await store.get(`race/${n}`)).toStrictEqual(bytes(name))
  })

  it('A2: two stores with the same seed on one folder do not get in each other’s way', async () => {
    const root = await freshRoot()
    const [a, b] = await Promise.all([
      openLocalStore(root, { random: seededRandom(1) }),
      openLocalStore(root, { random: seededRandom(1) }),
    ])
    for (let i = 0; i < 20; i += 1) {
      await Promise.all([a.put(`a${i}`, bytes(`a${i}`)), b.put(`b${i}`, bytes(`b${i}`))])
      expect(await a.get(`b${i}`)).toStrictEqual(bytes(`b${i}`))
      expect(await b.get(`a${i}`)).toStrictEqual(bytes(`a${i}`))
    }
  })

  it('leaves no scratch files behind', async () => {
    const store = await openFresh()
    await store.put('a', bytes('1'))
    await store.putIfAbsent('a', bytes('2'))
    await store.putIfAbsent('b', bytes('3'))
    await expect(store.put('a/b', bytes('4'))).rejects.toThrow()
    expect(await readdir(await store.scratchDirectory())).toEqual([])
  })

  it('leaves no folder behind when it is only read', async () => {
    const root = await freshRoot()
    const store = await openLocalStore(root, { random: systemRandom })
    expect(await store.get('a')).toBeUndefined()
    expect(await readdir(path.join(root, '.scratch'))).toEqual([])
  })

  it('removes scratch files that are a day old when it first writes, and no younger ones', async () => {
    const root = await freshRoot()
    const dead = path.join(root, '.scratch', 'dead')
    const living = path.join(root, '.scratch', 'living')
    const empty = path.join(root, '.scratch', 'empty')
    for (const folder of [dead, living, empty]) await mkdir(folder, { recursive: true })
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000)
    await writeFile(path.join(dead, 'old'), 'x')
    await writeFile(path.join(living, 'young'), 'x')
    for (const place of [path.join(dead, 'old'), dead, living, empty]) await utimes(place, yesterday, yesterday)
    await (await openLocalStore(root, { random: systemRandom })).put('a', bytes('1'))
    expect(existsSync(path.join(dead, 'old'))).toBe(false)
    expect(existsSync(path.join(living, 'young'))).toBe(true)
    expect(existsSync(empty)).toBe(false)
  })

  it('T20: takes a file again that an interrupted call had already linked in', async () => {
    const root = await freshRoot()
    const store = await openLocalStore(root, { random: systemRandom })
    const file = path.join(await store.scratchDirectory(), 'f')
    await writeFile(file, 'content')
    await mkdir(path.join(root, 'data'))
    await link(file, path.join(root, 'data', 'f'))
    await store.putFile('data/f', file)
    expect(await store.get('data/f')).toStrictEqual(bytes('content'))
    expect(existsSync(file)).toBe(false)
  })

  it('moves a file in from another file system by copying it', async () => {
    // Memory-backed on Linux; elsewhere this is the same file system and the move is a link.
    const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
    const folder = await mkdtemp(path.join(place, 'assay-other-'))
    roots.push(folder)
    const store = await openFresh()
    const file = path.join(folder, 'f')
    await writeFile(file, 'content')
    await store.putFile('data/f', file)
    expect(await store.get('data/f')).toStrictEqual(bytes('content'))
    expect(existsSync(file)).toBe(false)
    await writeFile(file, 'other')
    await expect(store.putFile('data/f', file)).rejects.toMatchObject({ code: 'object_exists' })
    expect(await store.get('data/f')).toStrictEqual(bytes('content'))
  })

  it('says that an object and a folder can’t have the same name', async () => {
    const store = await openFresh()
    await store.put('a/b', bytes('x'))
    const conflict = { code: 'key_conflict', retryable: false }
    await expect(store.put('a', bytes('x'))).rejects.toMatchObject(conflict)
    await expect(store.putIfAbsent('a', bytes('x'))).rejects.toMatchObject(conflict)
    await expect(store.put('a/b/c', bytes('x'))).rejects.toMatchObject(conflict)
  })

  it('is an outage with a hint when the file system fails, and goes on afterwards', async () => {
    const root = await freshRoot()
    const store = await openLocalStore(root, { random: systemRandom })
    await store.put('folder/a', bytes('x'))
    await rm(path.join(root, 'folder'), { recursive: true })
    const failed = await store.put('folder/b', bytes('x')).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(OutageError)
    expect(failed).toMatchObject({ code: 'store_failed', hint: expect.any(String) })
    await store.put('folder/b', bytes('x'))
    expect(await store.get('folder/b')).toStrictEqual(bytes('x'))
  })

  it('T28: while its folder is away, nothing is missing, and nothing is made in its place', async () => {
    const root = await freshRoot()
    const store = await openLocalStore(root, { random: systemRandom })
    await store.put('folder/a', bytes('x'))
    const scratch = path.join(await store.scratchDirectory(), 'part')
    await writeFile(scratch, 'part')
    await rename(root, `${root}-away`)
    const calls: Record<string, () => Promise<unknown>> = {
      get: () => store.get('folder/a'),
      size: () => store.size_bytes('folder/a'),
      local: () => store.localPath('folder/a'),
      put: () => store.put('folder/b', bytes('x')),
      putNew: () => store.put('new/folder/b', bytes('x')),
      create: () => store.putIfAbsent('folder/b', bytes('x')),
      putFile: () => store.putFile('folder/c', scratch),
      delete: () => store.delete('folder/a'),
      scratch: () => store.scratchDirectory(),
      list: async () => {
        for await (const { key } of store.list('')) throw new Error(`it lists ${key}`)
      },
    }
    const whatHappens = async (): Promise<Record<string, unknown>> => {
      const codes: Record<string, unknown> = {}
      for (const [name, call] of Object.entries(calls)) {
        codes[name] = await call().then(
          () => 'done',
          (error) => error instanceof OutageError && error.code,
        )
      }
      return codes
    }
    const away = Object.fromEntries(Object.keys(calls).map((name) => [name, 'store_away']))
    expect(await whatHappens()).toEqual(away)
    expect(existsSync(root)).toBe(false)
    await mkdir(root)
    const replaced = Object.fromEntries(Object.keys(calls).map((name) => [name, 'store_replaced']))
    expect(await whatHappens()).toEqual(replaced)
    expect(await readdir(root)).toEqual([])
    await rm(root, { recursive: true })
    await rename(`${root}-away`, root)
    expect(await store.get('folder/a')).toStrictEqual(bytes('x'))
    await store.putFile('folder/c', scratch)
    expect(await store.putIfAbsent('folder/b', bytes('x'))).toBe('created')
  })

  it('opened again by the same process, it is not made in the place of one that is away', async () => {
    const root = await freshRoot()
    const home = new HomeFolder(root)
    await (await openLocalStore(root, { random: systemRandom, home })).put('a', bytes('x'))
    await rename(root, `${root}-away`)
    await expect(openLocalStore(root, { random: systemRandom, home })).rejects.toMatchObject({ code: 'store_away' })
    expect(existsSync(root)).toBe(false)
    await rename(`${root}-away`, root)
    expect(await (await openLocalStore(root, { random: systemRandom, home })).get('a')).toStrictEqual(bytes('x'))
  })

  it('a folder in it that is away is waited for by its own name, and not made anew; the whole one by its', async () => {
    const root = await freshRoot()
    const home = new HomeFolder(root)
    await home.open('write')
    const log = home.inside('log')
    await log.open('write')
    expect(home.inside('log')).toBe(log)
    await rename(log.path, `${root}-log`)
    const away = (folder: string) => ({ code: 'store_away', message: expect.stringContaining(`folder ${folder} is`) })
    await expect(log.make(`${log.path}/t`)).rejects.toMatchObject(away(log.path))
    await expect(log.open('write')).rejects.toMatchObject(away(log.path))
    expect(existsSync(log.path)).toBe(false)
    await home.assertThere()
    await rename(root, `${root}-away`)
    await expect(log.assertThere()).rejects.toMatchObject(away(root))
    await rename(`${root}-away`, root)
    await rename(`${root}-log`, log.path)
    expect(await log.make(`${log.path}/t`)).toBe(true)
  })

  it('A7: its folder is not made anew when it goes away just as something is made in it', async () => {
    const root = await freshRoot()
    const home = new HomeFolder(root)
    await home.open('write')
    for (let round = 0; round < 300; round += 1) {
      const making = home.make(path.join(root, `${round}`, 'a')).catch((error: unknown) => error)
      await Promise.all([making, rename(root, `${root}-away`)])
      expect(existsSync(root), `made anew in round ${round}`).toBe(false)
      expect([true, 'store_away']).toContain(((made) => (made as OutageError).code ?? made)(await making))
      await rename(`${root}-away`, root)
    }
  })

  it.skipIf(!existsSync('/dev/full'))('failure 18: a full disk is `store_full`, and no object appears', async () => {
    const { storeError } = await import('../src/store-errors.js')
    const full = await writeFile('/dev/full', 'x').catch((error: unknown) => error)
    expect(storeError(full, 'writing', 'k')).toMatchObject({ code: 'store_full', retryable: true })
  })

  it('gives the path that other engines open as location', async () => {
    const root = await freshRoot()
    const store = await openLocalStore(root, { random: systemRandom })
    expect(store.location('a/b')).toBe(path.join(root, 'a', 'b'))
    await store.put('a/b', bytes('x'))
    expect(await store.localPath('a/b')).toBe(store.location('a/b'))
  })

  it('knows a folder under another name: a link, a file address, not a copy', async () => {
    const root = await freshRoot()
    const store = await openLocalStore(root, { random: systemRandom })
    await store.put('a/b', bytes('x'))
    await symlink(root, `${root}-link`)
    await mkdir(`${root}-copy/a`, { recursive: true })
    for (const same of [`${root}-link/a`, `file:${root}/a`, `file://${root}/a/`]) {
      expect(await store.isLocationOf(same, 'a'), same).toBe(true)
    }
    for (const other of [`${root}-copy/a`, `${root}-gone/a`, 'a', 's3://bucket/a']) {
      expect(await store.isLocationOf(other, 'a'), other).toBe(false)
    }
    await rm(`${root}-link`)
    await rm(`${root}-copy`, { recursive: true })
  })
})
