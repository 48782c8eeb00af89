import type { Layer } from '../layer.js'
import { REF_SYMBOLS_TABLE } from '../reference/ref-symbols-table.js'
import { silverTable } from '../silver/silver-tables.js'
import { TRADE_GAPS_TABLE } from './gaps/trade-gaps-table.js'
import { goldStage } from './gold-stage.js'
import { DUPLICATES_TABLE, GOLD_TABLE } from './gold-tables.js'
import { goldViews } from './views.js'

export const goldLayer: Layer<'gold'> = {
  name: 'gold',
  isAligned: false,
  needs: [],
  sides: [DUPLICATES_TABLE, TRADE_GAPS_TABLE, REF_SYMBOLS_TABLE],
  deadLetters: [],
  metrics: {
    counters: {
      records: { name: 'records', help: 'Silver rows compared with all of history.' },
      written: { name: 'written_records', help: 'Of those, trades that were new.' },
      duplicates: { name: 'duplicates', help: 'Of those, trades that gold had already.' },
    },
    breakdowns: {},
    gauges: {
      key_set_bytes: {
        name: 'key_set_bytes',
        help: 'Memory of the set of trade ids; ASSAY_KEY_SET_BYTES is its limit.',
      },
    },
  },
  workers: (exchanges) => [
    {
      name: 'gold',
      main: GOLD_TABLE,
      upstreams: exchanges.map(({ name }) => ({ definition: silverTable(name), writtenAt: 'validation_timestamp' })),
      stage: (context, { main, upstreams, settings: { keySet_bytes, adopt } }) =>
        goldStage(context, { silvers: upstreams, gold: main, keySet_bytes, adopt }),
    },
  ],
  watermark_us: () => undefined,
  views: goldViews,
}
