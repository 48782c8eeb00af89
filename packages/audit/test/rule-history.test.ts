import { type LaneKey, laneKey, position } from '@assay/core'
import type { Checkpoint } from '@assay/pipeline'
import { SILVER_RULES } from '@assay/rules'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { nextRound, onlyRules, type RuleHistory } from '../src/derive/rule-history.js'

const LANES = [0, 1, 2].map((partition) => laneKey({ topic: 't', partition }))
const VERSIONS = ['rules-a', 'rules-b', 'rules-c']
const SETS = new Map(VERSIONS.map((version) => [version, { ...SILVER_RULES, version }]))
const OFFSETS = 12

const checkpointAt = (ends: ReadonlyMap<LaneKey, bigint>): Checkpoint => ({
  sources: {},
  topics: {},
  lanes: new Map([...ends].map(([key, at]) => [key, { sequence: 1, position: position(at), state: {} }])),
})

const spans = fc.uniqueArray(fc.record({ from: fc.bigInt(0n, 10n), version: fc.constantFrom(...VERSIONS) }), {
  selector: ({ from }) => from,
  maxLength: 4,
})

it('S2: rounds judge every offset of every lane once, by the rules that the ledger names for it', () => {
  fc.assert(
    fc.property(fc.tuple(spans, spans, spans), fc.tuple(...LANES.map(() => fc.nat(OFFSETS))), (ofLanes, most) => {
      const history: RuleHistory = {
        ...onlyRules(SILVER_RULES),
        sets: SETS,
        spans: new Map(LANES.map((key, i) => [key, ofLanes[i]?.toSorted((a, b) => Number(a.from - b.from)) ?? []])),
      }
      const ends = new Map(LANES.map((key, i) => [key, position(BigInt(most[i] as number))]))
      const own = new Map<LaneKey, bigint>()
      const judged = new Map<string, string>()
      for (;;) {
        const round = nextRound(history, checkpointAt(own), ends)
        if (!round) break
        for (const [key, end] of round.ends) {
          const from = own.get(key) ?? 0n
          expect(end).toBeGreaterThan(from)
          for (let at = from; at < end; at += 1n) judged.set(`${key}@${at}`, round.rules.version)
          own.set(key, end)
        }
      }
      const wanted = new Map(
        [...ends].flatMap(([key, end]) =>
          Array.from({ length: Number(end) }, (_, at) => {
            const span = history.spans.get(key)?.findLast(({ from }) => from <= BigInt(at))
            return [`${key}@${at}`, span?.version ?? SILVER_RULES.version] as const
          }),
        ),
      )
      expect(judged).toEqual(wanted)
    }),
    { numRuns: 300 },
  )
})
