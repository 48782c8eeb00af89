import type { Plant } from './plants.js'

const CANDLES = 'packages/candles/src'
const STAGE = `${CANDLES}/candle-stage.ts`

/** Mistakes of the layer that makes candles. */
export const CANDLE_PLANTS: readonly Plant[] = [
  {
    name: 'candles-see-past-their-positions',
    profile: 'candles',
    seed: 1,
    edits: [{ file: `${CANDLES}/gold-windows.ts`, find: ' AND r.lane_position < p.upper', put: '' }],
  },
  {
    name: 'candles-demand-their-lanes-only',
    profile: 'candles',
    seed: 4,
    edits: [{ file: STAGE, find: 'wholeCheckpoint: true', put: 'wholeCheckpoint: false' }],
  },
  {
    name: 'revision-beside-the-row-that-it-replaces',
    profile: 'candles',
    seed: 1,
    edits: [{ file: `${CANDLES}/emission.ts`, find: 'paths.add(written.path)', put: '' }],
  },
  {
    name: 'windows-kept-before-the-commit',
    profile: 'candles',
    seed: 7,
    edits: [
      {
        file: STAGE,
        find: 'if (written || isDue(next, hasEnded)) {',
        put: 'if (written || isDue(next, hasEnded)) {\n          before.memory.keep(staged, watermarks)',
      },
      {
        file: STAGE,
        find: '    forget: () => {\n      reading = undefined\n    },',
        put: '    forget: () => undefined,',
      },
    ],
  },
  {
    name: 'recordings-go-by-the-wall-clock',
    profile: 'frozen_writers',
    seed: 5,
    edits: [
      {
        file: 'packages/pipeline/src/window/watermark.ts',
        find: 'return isLive ? greatest_us',
        put: 'return isLive || !isLive ? greatest_us',
      },
    ],
  },
]
