import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ObjectEntry, ObjectStore } from '../src/index.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function entries(store: ObjectStore, prefix: string): Promise<ObjectEntry[]> {
  const found: ObjectEntry[] = []
  for await (const entry of store.list(prefix)) found.push(entry)
  return found
}

async function keys(store: ObjectStore, prefix: string): Promise<string[]> {
  return (await entries(store, prefix)).map(({ key }) => key)
}

async function scratchFile(store: ObjectStore, name: string, content: Uint8Array): Promise<string> {
  const file = path.join(await store.scratchDirectory(), name)
  await writeFile(file, content)
  return file
}

/** What every object store must do. `open` gives an empty store. */
export function storeContract(name: string, open: () => Promise<ObjectStore>): void {
  describe(`object store: ${name}`, () => {
    let store: ObjectStore
    beforeEach(async () => {
      store = await open()
    })

    it('gives back what was put, whatever the bytes', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (content) => {
          await store.put('a/b', content)
          expect(await store.get('a/b')).toStrictEqual(content)
          expect(await store.size_bytes('a/b')).toBe(content.length)
        }),
        { numRuns: 20 },
      )
    })

    it('knows nothing of what was never put, of folders, and of names below an object', async () => {
      await store.put('a/b', bytes('x'))
      for (const key of ['nothing', 'a', 'a/c', 'a/b/c']) {
        expect(await store.get(key)).toBeUndefined()
        expect(await store.size_bytes(key)).toBeUndefined()
      }
    })

    it('knows its own locations from others', async () => {
      await store.put('a/b', bytes('x'))
      expect(await store.isLocationOf(store.location('a'), 'a')).toBe(true)
      for (const other of [store.location('b'), `${store.location('a')}x`, 'a', '']) {
        expect(await store.isLocationOf(other, 'a')).toBe(false)
      }
    })

    it('shares no buffer with its callers', async () => {
      const content = bytes('before')
      await store.put('k', content)
      content.fill(0)
      const first = await store.get('k')
      first?.fill(0)
      expect(await store.get('k')).toStrictEqual(bytes('before'))
    })

    it('replaces by put, and keeps the first by putIfAbsent', async () => {
      expect(await store.putIfAbsent('k', bytes('one'))).toBe('created')
      expect(await store.putIfAbsent('k', bytes('two'))).toBe('exists')
      expect(await store.get('k')).toStrictEqual(bytes('one'))
      await store.put('k', bytes('three'))
      expect(await store.get('k')).toStrictEqual(bytes('three'))
    })

    it('A2: of 32 that create the same key at once exactly one wins, and its bytes stay', async () => {
      for (let round = 0; round < 40; round += 1) {
        const key = `race/${round}`
        const outcomes = await Promise.all(
          Array.from({ length: 32 }, (_, i) => store.putIfAbsent(key, bytes(`writer ${i}`))),
        )
        const winners = outcomes.flatMap((outcome, i) => (outcome === 'created' ? [i] : []))
        expect(winners).toHaveLength(1)
        expect(await store.get(key)).toStrictEqual(bytes(`writer ${winners[0]}`))
      }
    })

    it('shows a reader the old bytes or the new ones, never a mixture or a part', async () => {
      const size = 300_000
      await store.put('k', new Uint8Array(size).fill(255))
      let isWriting = true
      const write = async (): Promise<void> => {
        for (let i = 0; i < 25; i += 1) await store.put('k', new Uint8Array(size).fill(i))
        isWriting = false
      }
      const read = async (): Promise<void> => {
        while (isWriting) {
          const seen = await store.get('k')
          expect(seen?.length).toBe(size)
          expect(seen?.every((byte) => byte === seen[0])).toBe(true)
          expect(await store.size_bytes('k')).toBe(size)
          // Lets the writer's turn come in stores that answer without any waiting.
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      await Promise.all([write(), read(), read()])
    })

    it('moves a local file in, once', async () => {
      const content = new Uint8Array(10_000).fill(7)
      const file = await scratchFile(store, 'data.parquet', content)
      await store.putFile('data/p=1/data.parquet', file)
      expect(await store.get('data/p=1/data.parquet')).toStrictEqual(content)
      expect(existsSync(file)).toBe(false)
    })

    it('creates an object of bytes, and refuses one that is there, which stays', async () => {
      await store.create('data/p=1/new.parquet', bytes('new'))
      expect(await store.get('data/p=1/new.parquet')).toStrictEqual(bytes('new'))
      expect(await readFile(await store.localPath('data/p=1/new.parquet'), 'utf8')).toBe('new')
      await expect(store.create('data/p=1/new.parquet', bytes('other'))).rejects.toMatchObject({
        code: 'object_exists',
      })
      expect(await store.get('data/p=1/new.parquet')).toStrictEqual(bytes('new'))
    })

    it('refuses to move a file over an object, and leaves both', async () => {
      await store.put('k', bytes('there'))
      const file = await scratchFile(store, 'other', bytes('other'))
      await expect(store.putFile('k', file)).rejects.toMatchObject({ code: 'object_exists' })
      expect(await store.get('k')).toStrictEqual(bytes('there'))
      expect(await readFile(file)).toEqual(Buffer.from('other'))
    })

    it('gives a local path with the bytes of an object, and says when there is none', async () => {
      await store.put('data/x.bin', bytes('content'))
      expect(await readFile(await store.localPath('data/x.bin'), 'utf8')).toBe('content')
      await store.put('data/x.bin', bytes('changed'))
      expect(await readFile(await store.localPath('data/x.bin'), 'utf8')).toBe('changed')
      await store.delete('data/x.bin')
      await expect(store.localPath('data/x.bin')).rejects.toMatchObject({ code: 'object_missing' })
    })

    it('lists by prefix in key order, with sizes and times, and no scratch files', async () => {
      const before_ms = Date.now() - 5000
      await scratchFile(store, 'unfinished', bytes('x'))
      for (const key of ['a/b', 'a.txt', 'a/b.c', 'a-b/c', 'ab', 'a/b0/d', 'b/a', '.hidden/x', 'A']) {
        await store.put(key, bytes(key))
      }
      expect(await keys(store, '')).toEqual(
        ['.hidden/x', 'A', 'a-b/c', 'a.txt', 'a/b', 'a/b.c', 'a/b0/d', 'ab', 'b/a'].sort(),
      )
      expect(await keys(store, 'a/b')).toEqual(['a/b', 'a/b.c', 'a/b0/d'])
      expect(await keys(store, 'a/')).toEqual(['a/b', 'a/b.c', 'a/b0/d'])
      expect(await keys(store, 'a')).toEqual(['a-b/c', 'a.txt', 'a/b', 'a/b.c', 'a/b0/d', 'ab'])
      expect(await keys(store, 'zzz/y')).toEqual([])
      const [first] = await entries(store, 'a/b')
      expect(first).toMatchObject({ key: 'a/b', size_bytes: 3 })
      expect(first?.modified_ms).toBeGreaterThan(before_ms)
      expect(first?.modified_ms).toBeLessThan(Date.now() + 5000)
    })

    it('lists any set of keys in the same order as sorting them', async () => {
      const part = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', '0', 'Z', '='), minLength: 1, maxLength: 3 })
      const key = fc
        .array(part, { minLength: 1, maxLength: 3 })
        .map((parts) => parts.map((p) => (/^\.+$/.test(p) ? `${p}x` : p)).join('/'))
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), async (candidates) => {
          const fresh = await open()
          const all = candidates.filter((a) => !candidates.some((b) => b.startsWith(`${a}/`)))
          for (const one of all) await fresh.put(one, bytes('x'))
          expect(await keys(fresh, '')).toEqual([...all].sort())
        }),
        { numRuns: 15 },
      )
    })

    it('T17: goes on listing while objects vanish', async () => {
      for (let i = 0; i < 100; i += 1) await store.put(`d${i % 10}/${i}`, bytes('x'))
      const seen: string[] = []
      for await (const { key } of store.list('')) {
        seen.push(key)
        if (seen.length === 1) for (let i = 0; i < 100; i += 1) if (i % 10 >= 5) await store.delete(`d${i % 10}/${i}`)
      }
      for (let i = 0; i < 100; i += 1) if (i % 10 < 5) expect(seen).toContain(`d${i % 10}/${i}`)
      expect(new Set(seen).size).toBe(seen.length)
    })

    it('deletes, also what is not there', async () => {
      await store.put('a/b', bytes('x'))
      await store.delete('a/b')
      await store.delete('a/b')
      await store.delete('never/was')
      expect(await store.get('a/b')).toBeUndefined()
      expect(await store.putIfAbsent('a/b', bytes('y'))).toBe('created')
    })

    it('refuses keys that are not relative paths, in every method', async () => {
      const bad = ['', '/', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/./b', 'a\\b', 'a\0', 'a\nb', '\ud800']
      bad.push('.scratch', '.scratch/x', 'x'.repeat(256), `${'a/'.repeat(600)}a`)
      for (const key of bad) {
        const refused = { code: 'bad_key' }
        expect(() => store.location(key)).toThrow(expect.objectContaining(refused))
        await expect(store.get(key)).rejects.toMatchObject(refused)
        await expect(store.size_bytes(key)).rejects.toMatchObject(refused)
        await expect(store.put(key, bytes('x'))).rejects.toMatchObject(refused)
        await expect(store.putIfAbsent(key, bytes('x'))).rejects.toMatchObject(refused)
        await expect(store.putFile(key, 'x')).rejects.toMatchObject(refused)
        await expect(store.localPath(key)).rejects.toMatchObject(refused)
        await expect(store.delete(key)).rejects.toMatchObject(refused)
      }
      for (const prefix of ['/', '../a', 'a//', '..//', 'a\0', '.scratch/']) {
        await expect(keys(store, prefix)).rejects.toMatchObject({ code: 'bad_key' })
      }
    })

    it('takes any text as a key or refuses it, and never mixes two up', async () => {
      const text = fc.string({
        unit: fc.constantFrom('a', '/', '.', '\\', '%', ' ', 'é', '😀', '\0', '~', ':'),
        maxLength: 8,
      })
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(text, { maxLength: 8 }), async (candidates) => {
          const fresh = await open()
          const taken: string[] = []
          for (const key of candidates) {
            if (taken.some((other) => other.startsWith(`${key}/`) || key.startsWith(`${other}/`))) continue
            try {
              await fresh.put(key, bytes(key))
              taken.push(key)
            } catch (error) {
              expect(error).toMatchObject({ code: 'bad_key' })
            }
          }
          for (const key of taken) expect(await fresh.get(key)).toStrictEqual(bytes(key))
          expect(await keys(fresh, '')).toEqual([...taken].sort())
        }),
        { numRuns: 40 },
      )
    })
  })
}
