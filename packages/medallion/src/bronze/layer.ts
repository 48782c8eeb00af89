import type { Layer } from '../layer.js'
import { bronzeStage } from './bronze-stage.js'
import { bronzeTable } from './bronze-table.js'
import { GAPS_TABLE } from './gaps.js'

export const bronzeLayer: Layer<'bronze'> = {
  name: 'bronze',
  isAligned: true,
  needs: ['log'],
  sides: [GAPS_TABLE],
  deadLetters: [],
  metrics: {
    counters: {
      records: { name: 'records', help: 'Records copied from the log.' },
      bytes: { name: 'bytes', help: 'Bytes of the values of those records.' },
    },
    breakdowns: {},
    gauges: {},
  },
  workers: (exchanges) =>
    exchanges.map((exchange) => {
      const { name, topic } = exchange
      return {
        name: `bronze-${name}`,
        exchange,
        main: bronzeTable(name),
        topic,
        upstreams: [],
        stage: (context, { log, assignment, onLanes, settings: { until } }) =>
          bronzeStage(context, { exchange: name, topic, log, assignment, onLanes, ...(until && { until }) }),
      }
    }),
  watermark_us: () => undefined,
  views: () => [],
}
