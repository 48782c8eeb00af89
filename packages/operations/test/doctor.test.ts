import { AssayError, laneKey, OutageError, position, UsageError, VERSION } from '@assay/core'
import type { LaneProgress } from '@assay/lake'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { type Finding, failed, failure, ok, skipped, verdictOf, warning, within } from '../src/doctor/judge/finding.js'
import { judgeLeftOvers } from '../src/doctor/judge/left-overs.js'
import { judgeRetention, judgeTopic, type TopicFacts } from '../src/doctor/judge/log.js'
import { judgeClock, judgeDisk, judgeMemory, judgeNode, judgeOpenFiles } from '../src/doctor/judge/machine.js'
import { judgeSubject } from '../src/doctor/judge/registry.js'
import { judgeSize } from '../src/doctor/judge/size.js'
import { judgeStore, type StoreFacts } from '../src/doctor/judge/store.js'
import { judgeLanes, judgePause, judgeTables, judgeWriters, type TableFacts } from '../src/doctor/judge/tables.js'

const GIB = 2 ** 30
const levels = (findings: readonly Finding[]): string[] => findings.map(({ level }) => level)
const text = (findings: readonly Finding[]): string =>
  findings.map(({ found, next }) => `${found} → ${next}`).join('\n')

describe('the verdict', () => {
  const wrong = failure('a', 'x', 'y')
  const away = failure('b', 'x', 'y', { kind: 'outage' })
  const settings = failure('c', 'x', 'y', { kind: 'settings' })
  test.each([
    [[ok('a', 'x'), warning('b', 'x', 'y'), skipped('c', 'x')], 'fine'],
    [[away, ok('a', 'x')], 'outage'],
    [[away, wrong], 'wrong'],
    [[away, settings, wrong], 'settings'],
  ] as const)('%#: %s', (findings, verdict) => {
    expect(verdictOf(findings)).toBe(verdict)
  })
})

describe('a check that fails', () => {
  test.each([
    [new OutageError('registry_away', 'm', { hint: 'h' }), 'outage', 'registry_away'],
    [new UsageError('bad_configuration', 'm', { hint: 'h' }), 'settings', 'bad_configuration'],
    [new UsageError('store_denied', 'm', { hint: 'h' }), 'wrong', 'store_denied'],
    [new OutageError('registry_denied', 'm', { hint: 'h' }), 'wrong', 'registry_denied'],
    [new OutageError('store_credentials_refused', 'm', { hint: 'h' }), 'wrong', 'store_credentials_refused'],
    [new AssayError('table_moved', 'm', { hint: 'h' }), 'wrong', 'table_moved'],
  ])('says what is wrong and what to do: %s', (error, kind, code) => {
    expect(failed('c', error)).toEqual({ check: 'c', level: 'failure', found: 'm', next: 'h', kind, code })
  })

  test('without an error of ours is a defect, and ends nothing', () => {
    expect(failed('c', new TypeError('x is undefined'))).toMatchObject({ code: 'defect', kind: 'wrong' })
  })

  test('hangs for no longer than its time', async () => {
    const never = () => new Promise<never>(() => undefined)
    expect(await within('c', 5_000, new VirtualClock(), never)).toMatchObject([
      { code: 'no_answer', kind: 'outage', found: 'no answer within 5 s' },
    ])
  })
})

describe('the machine', () => {
  test.each([
    ['20.19.0', 'ok'],
    ['22.3.1', 'ok'],
    ['24.0.0', 'ok'],
    ['20.18.9', 'failure'],
    ['18.20.0', 'failure'],
    ['23.1.0', 'warning'],
    ['26.0.0', 'warning'],
  ])('Node %s: %s', (version, level) => {
    expect(judgeNode(version).level).toBe(level)
  })

  test('memory has room for the engine and what is beside it', () => {
    expect(judgeMemory({ limit_bytes: 512 * 2 ** 20, engine_bytes: 256 * 2 ** 20 }).level).toBe('ok')
    expect(judgeMemory({ limit_bytes: 511 * 2 ** 20, engine_bytes: 256 * 2 ** 20 })).toMatchObject({
      level: 'warning',
      next: expect.stringContaining('ASSAY_MEMORY_BYTES'),
    })
  })

  test('open files', () => {
    expect([undefined, 1_024, 1_023].map((most) => judgeOpenFiles(most).level)).toEqual(['ok', 'ok', 'warning'])
  })

  test.each([
    [{ free_bytes: 3 * GIB, freeFiles: undefined }, 'ok'],
    [{ free_bytes: 2 * GIB - 1, freeFiles: 10_000 }, 'warning'],
    [{ free_bytes: 100 * 2 ** 20 - 1, freeFiles: 10_000 }, 'failure'],
    [{ free_bytes: 3 * GIB, freeFiles: 999 }, 'failure'],
  ])('a disk with %o: %s', (facts, level) => {
    expect(judgeDisk({ holds: ['lake'], path: '/lake', size_bytes: 100 * GIB, ...facts }).level).toBe(level)
  })

  test.each([
    [4_999, 'ok', 'as that of s'],
    [-5_000, 'warning', '5 s behind that of s'],
    [5_000, 'warning', '5 s ahead of that of s'],
    [-300_000, 'failure', 'refused'],
  ])('a clock %i ms ahead: %s', (ahead_ms, level, said) => {
    expect(judgeClock({ server: 's', ahead_ms })).toMatchObject({ level, found: expect.stringContaining(said) })
  })
})

describe("rights in the lake's place", () => {
  const all: StoreFacts = { place: 's3://b/p', list: true, write: true, isExclusive: true, read: true, remove: true }
  const denied = new UsageError('store_denied', 'the store refuses', { hint: 'give rights' })
  test.each<[string, Partial<StoreFacts>, string, string]>([
    ['all of them', {}, 'ok', 'one is refused'],
    ['not even to list', { list: denied }, 'failure', 'the store refuses'],
    ['to read alone', { write: denied }, 'failure', 'enough for commands that only read'],
    ['to write alone', { read: denied }, 'failure', 'the store refuses'],
    ['all but to delete', { remove: denied }, 'failure', 'grows for ever'],
    ['where two creates of one object win', { isExclusive: false }, 'failure', 'overwrite each other'],
  ])('%s', (_name, changes, level, said) => {
    const findings = judgeStore({ ...all, ...changes })
    expect(levels(findings)).toEqual([level])
    expect(text(findings)).toContain(said)
  })
})

describe('the log', () => {
  const lane = (partition: number, changes = {}) => ({
    lane: { topic: 't', partition },
    topicId: 'id',
    start: position(0),
    end: position(10),
    ...changes,
  })
  const topic = (changes: Partial<TopicFacts>): TopicFacts => ({ topic: 't', lanes: [lane(0), lane(1)], ...changes })
  const description = (changes: Partial<NonNullable<TopicFacts['description']>>): TopicFacts =>
    topic({
      description: {
        partitions: [
          { leader: 1, replicas: 3, inSync: 3 },
          { leader: 2, replicas: 3, inSync: 3 },
        ],
        settings: new Map([['min.insync.replicas', '2']]),
        rights: { mayRead: true, mayWrite: true },
        ...changes,
      },
    })
  const second = (changes: object) =>
    description({
      partitions: [
        { leader: 1, replicas: 3, inSync: 3 },
        { leader: 2, replicas: 3, inSync: 3, ...changes },
      ],
    })
  const lock = (state: 'alive' | 'dead' | 'unknown') =>
    topic({ files: { locks: [{ path: '/l/0.lock', holder: 'process 7 on far', state }], putAside: [] } })

  test.each<[string, TopicFacts, string, string]>([
    ['is well', topic({}), 'ok', '2 partitions'],
    ['on brokers is well', description({}), 'ok', '3 copies in sync, min.insync.replicas 2'],
    ['is not there', topic({ lanes: [] }), 'skipped', 'not there yet'],
    ['is damaged', topic({ lanes: [lane(0, { lost: { from: 3n, to: 5n } })] }), 'failure', 'records 3 to 5'],
    ['has no leader', second({ leader: -1 }), 'failure', 't/1: no broker leads it'],
    ['has too few copies to be written', second({ inSync: 1 }), 'failure', 'nothing can be written'],
    ['has a copy that is behind', second({ inSync: 2 }), 'warning', 't/1: not all copies are in sync'],
    ['has one copy', second({ replicas: 1, inSync: 2 }), 'warning', 'one copy of each record'],
    ['may not be read', description({ rights: { mayRead: false, mayWrite: true } }), 'failure', 'may not be read'],
    ['may not be written', description({ rights: { mayRead: true, mayWrite: false } }), 'warning', 'not written to'],
    ['has a lock that nobody can be asked about', lock('unknown'), 'warning', 'if it runs no more: rm /l/0.lock'],
    ['has a lock of a living process', lock('alive'), 'ok', '2 partitions'],
    ['has a lock of a dead process, which the next writer breaks', lock('dead'), 'ok', '2 partitions'],
    ['has bytes put aside', topic({ files: { locks: [], putAside: ['/l/x.torn'] } }), 'warning', '/l/x.torn'],
  ])('a topic that %s', (_name, facts, level, said) => {
    const findings = judgeTopic(facts)
    expect(levels(findings)).toEqual([level])
    expect(text(findings)).toContain(said)
  })

  test('what speaks against how a topic is set up is told', () => {
    const finding = { topic: 't', setting: 'retention.ms', value: '1000', message: 'deletes by age' }
    const told = (severity: 'refuse' | 'warn') => levels(judgeTopic(topic({ findings: [{ ...finding, severity }] })))
    expect([told('refuse'), told('warn')]).toEqual([['failure'], ['warning']])
  })

  test.each([
    [{ position: 5n }, ['failure']],
    [{ position: 10n }, ['warning']],
    [{ position: 55n }, ['warning']],
    [{ position: 60n }, []],
    [{ position: 10n, isLimited: false }, []],
  ])('what brokers delete and nobody has read: %o', (changes, expected) => {
    const facts = { lane: 't/0', start: 10n, end: 110n, isLimited: true, ...changes }
    expect(levels(judgeRetention(facts))).toEqual(expected)
  })
})

test.each([
  [{ standing: { kind: 'registered', id: 7 }, level: 'BACKWARD' }, 'ok', 'id 7, level BACKWARD'],
  [{ standing: { kind: 'compatible' }, level: undefined }, 'ok', 'can follow'],
  [{ standing: { kind: 'absent' }, level: 'FULL' }, 'ok', 'not there yet'],
  [{ standing: { kind: 'registered', id: 7 }, level: 'NONE' }, 'warning', 'any schema may follow'],
  [{ standing: { kind: 'incompatible', detail: 'field x' }, level: 'NONE' }, 'failure', 'field x'],
] as const)('a subject: %o', (report, level, said) => {
  expect(judgeSubject('t-value', report)).toMatchObject({ level, found: expect.stringContaining(said) })
})

test('what is to be typed against a registry can be typed as it is', () => {
  const { next } = judgeSubject('t-value', { standing: { kind: 'registered', id: 7 }, level: 'NONE' })
  expect(next).toBe(
    `curl -X PUT "$ASSAY_REGISTRY_URL/config/t-value" -H content-type:application/json -d '{"compatibility":"BACKWARD"}'`,
  )
})

describe('tables', () => {
  const table = (changes: Partial<TableFacts> = {}): TableFacts => ({
    name: 'gold',
    problem: null,
    lacks: [],
    unknown: [],
    ahead_ms: 0,
    movedFrom: null,
    writers: [{ engine: 'assay', version: VERSION }],
    ...changes,
  })
  const problem = { table: 'gold', code: 'corrupt_metadata', message: 'no JSON', hint: 'restore it' }

  test.each<[Partial<TableFacts>, string[], string]>([
    [{}, ['ok'], '1 tables can be used'],
    [{ problem }, ['failure'], "gold can't be used: no JSON → restore it"],
    [{ movedFrom: '/old' }, ['failure'], 'assay maintain --relocate'],
    [{ ahead_ms: 60_000 }, ['warning'], '60 s ahead of this clock'],
    [{ lacks: ['fee'] }, ['ok', 'ok'], 'gold (fee): these columns come with the next write'],
    [{ unknown: ['note'] }, ['ok', 'ok'], 'does not know, and keeps: gold (note)'],
  ])('%o', (changes, expected, said) => {
    const findings = judgeTables([table(changes)])
    expect(levels(findings)).toEqual(expected)
    expect(text(findings)).toContain(said)
  })

  test.each<[TableFacts['writers'], string[], string]>([
    [[], ['ok'], 'no commit'],
    [[{ engine: 'assay', version: VERSION }], ['ok'], VERSION],
    [[{ engine: 'assay', version: '0.0.9' }], ['warning'], 'written by 0.0.9'],
    [[{ engine: 'assay', version: '' }], ['warning'], 'drops columns that it does not know'],
    [[{ engine: 'spark', version: '' }], ['ok', 'ok'], 'other engines committed within the last day: spark'],
  ])('written by %o', (writers, expected, said) => {
    const findings = judgeWriters([table({ writers })])
    expect(levels(findings)).toEqual(expected)
    expect(text(findings)).toContain(said)
  })

  test('a pause is told', () => {
    expect([undefined, false, true].map((is) => judgePause(is).level)).toEqual(['ok', 'ok', 'warning'])
    expect(judgePause(true).next).toContain('assay maintain --resume')
  })
})

describe('lanes', () => {
  const now_ms = 1_000_000_000
  const lane = (changes: Partial<LaneProgress> = {}): LaneProgress => ({
    layer: 'silver',
    table: 'silver_binance_trades',
    exchange: 'binance',
    lane: laneKey({ topic: 't', partition: 0 }),
    position: position(5),
    end: position(9),
    lag_rows: 4n,
    lag_seconds: 1,
    watermark_us: null,
    last_commit_ms: now_ms - 600_001,
    ...changes,
  })
  const stop = {
    table: 'b',
    reason: 'records_lost',
    next_step: 'assay gaps accept',
  } as const

  test('that stand still are told with the command that lets them go on', () => {
    const stops = [{ ...stop, lane: laneKey({ topic: 't', partition: 0 }), from: position(3), to: position(5) }]
    expect(judgeLanes([lane()], stops, now_ms)).toMatchObject([
      { level: 'failure', code: 'records_lost', next: 'assay gaps accept' },
    ])
  })

  test.each([
    [{}, 'warning'],
    [{ last_commit_ms: null }, 'warning'],
    [{ last_commit_ms: now_ms - 600_000 }, 'ok'],
    [{ lag_rows: 0n }, 'ok'],
  ])('with rows to take and no commit for ten minutes have nobody who works on them: %o', (changes, level) => {
    expect(levels(judgeLanes([lane(changes)], [], now_ms))).toEqual([level])
  })
})

test('folders of killed commands are told, and are worth a warning where they are large', () => {
  expect(judgeLeftOvers([]).level).toBe('ok')
  expect(judgeLeftOvers([{ path: '/tmp/a', size_bytes: 5 }])).toMatchObject({
    level: 'ok',
    found: expect.stringContaining('/tmp/a'),
  })
  expect(judgeLeftOvers([{ path: '/tmp/a', size_bytes: GIB }]).level).toBe('warning')
})

test('the size is told by what takes it, the largest first, without what does not count', () => {
  const kinds = [
    { kind: 'rows', files: 3, size_bytes: 10 * 2 ** 20 },
    { kind: 'metadata', files: 9, size_bytes: 20 * 2 ** 20 },
    { kind: 'schemas', files: 1, size_bytes: 100 },
  ] as const
  expect(judgeSize({ total_bytes: 30 * 2 ** 20 + 100, kinds }).found).toBe(
    '30.0 MiB: metadata files 20.0 MiB, rows in use 10.0 MiB',
  )
})
