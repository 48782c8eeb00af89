import { seededRandom, systemClock } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { howToTell } from '../src/file/owners/machine-owners.js'
import { type Owner, type Owners, parseOwner } from '../src/file/owners/owner.js'
import { MemoryFiles, openFileLog } from '../src/index.js'
import { numbered } from './records.js'

const here = { host: 'feed', namespace: 'pid:[4026531836]', boot: 'boot-1' }
const owner = (changes: Partial<Owner> = {}): Owner => ({
  nonce: 'n',
  pid: 7,
  started: '100',
  host: 'feed pid:[4026531836]',
  boot: 'boot-1',
  lifeSign: 'n.alive',
  ...changes,
})
const { boot: _, lifeSign: __, ...earlier } = owner()

describe('how the owner of a lock of the embedded log is asked whether it lives', () => {
  it.each([
    ['a process of this container, by its number', owner(), true, 'by_process'],
    [
      'a process of this container under an earlier name of the machine',
      owner({ host: 'x pid:[4026531836]' }),
      true,
      'by_process',
    ],
    [
      'a process of another container of this machine, by its life sign',
      owner({ host: 'x pid:[4026532178]' }),
      true,
      'by_life_sign',
    ],
    [
      'one whose container has the same name, by its life sign',
      owner({ host: 'feed pid:[4026532178]' }),
      true,
      'by_life_sign',
    ],
    [
      'one of another container where the disk may have other machines on it, not at all',
      owner({ host: 'x pid:[4026532178]' }),
      false,
      'not',
    ],
    ['one from before this machine was started again, not: it is dead', owner({ boot: 'boot-0' }), true, 'other_boot'],
    ['one of another machine with the same name and numbers, not at all', owner({ boot: 'boot-2' }), false, 'not'],
    ['one that an earlier version wrote here, by its number', earlier, true, 'by_process'],
    [
      'one that an earlier version wrote elsewhere, not at all',
      { ...earlier, host: 'feed pid:[4026532178]' },
      true,
      'not',
    ],
  ] as const)('%s', (_name, of, isLocal, told) => {
    expect(howToTell(of, here, isLocal)).toBe(told)
  })

  it('a machine without /proc goes by its name', () => {
    const bare = { host: 'mac', namespace: '', boot: '' }
    expect(howToTell(owner({ host: 'mac', boot: '' }), bare, true)).toBe('by_process')
    expect(howToTell(owner({ host: 'mac', boot: '' }), { ...bare, host: 'pc' }, true)).toBe('not')
  })

  it('what earlier versions wrote is read, and a life sign that is no name is not believed', () => {
    expect(parseOwner(JSON.stringify(earlier))).toEqual(earlier)
    expect(parseOwner(JSON.stringify(owner()))).toEqual(owner())
    expect(parseOwner(JSON.stringify(owner({ lifeSign: '../../x' })))?.lifeSign).toBeUndefined()
  })
})

it('A1: what shows that an owner lives goes with it, however often a full disk keeps it from being written down', async () => {
  const living = new Set<string>()
  const owners: Owners = {
    make: async (random) => {
      const made = owner({ nonce: random.uuid() })
      living.add(made.nonce)
      return made
    },
    stateOf: async () => 'alive',
    release: async ({ nonce }) => void living.delete(nonce),
  }
  const files = new MemoryFiles()
  const log = await openFileLog({ directory: '/log', clock: systemClock, random: seededRandom(1), files, owners })
  await log.ensureTopic('t', 1)
  files.onWrite = () => 'short'
  for (let tries = 0; tries < 3; tries += 1) {
    await expect(log.produce('t', numbered('v', 1))).rejects.toMatchObject({ code: 'log_full' })
    expect(living.size).toBe(0)
  }
  files.onWrite = undefined
  await log.produce('t', numbered('v', 1))
  expect(living.size).toBe(1)
  await log.close()
  expect(living.size).toBe(0)
})
