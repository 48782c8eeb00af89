import { CANDLES_TABLE, candleStage, LATE_TRADES_TABLE, REVISIONS_TABLE } from '@assay/candles'
import { GOLD_TABLE } from '../gold/gold-tables.js'
import type { Layer } from '../layer.js'
import { LogHeartbeats } from './log-heartbeats.js'
import { candleViews } from './views.js'

export const candlesLayer: Layer<'candles'> = {
  name: 'candles',
  isAligned: false,
  needs: ['log'],
  sides: [REVISIONS_TABLE, LATE_TRADES_TABLE],
  deadLetters: [],
  metrics: {
    counters: {
      records: { name: 'records', help: 'Gold rows taken.' },
      candles: { name: 'closed_windows', help: 'Candles written as their window closed.' },
      revisions: { name: 'revisions', help: 'Candles written anew, since a trade came after their window had closed.' },
      late: { name: 'late_trades', help: 'Trades that came when their minute was closed.' },
    },
    breakdowns: {},
    gauges: {},
  },
  workers: (exchanges) => [
    {
      name: 'candles',
      main: CANDLES_TABLE,
      upstreams: [{ definition: GOLD_TABLE, writtenAt: 'gold_ingestion_timestamp' }],
      stage: (context, { main, upstreams: [gold], log, upstreamEnded, settings: { adopt } }) => {
        if (!gold) throw new RangeError('candles are made from gold')
        return candleStage(context, {
          gold,
          candles: main,
          log,
          exchanges,
          heartbeats: new LogHeartbeats(log),
          adopt,
          ...(upstreamEnded && { upstreamEnded }),
        })
      },
    },
  ],
  watermark_us: () => undefined,
  views: candleViews,
}
