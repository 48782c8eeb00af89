import { HEARTBEATS } from '@assay/exchanges'
import type { TableDefinition } from '@assay/pipeline'
import type { Layer, LayerWorker } from '../layer.js'
import { bronzeStage } from './bronze-stage.js'
import { bronzeTable, HEARTBEATS_TABLE } from './bronze-table.js'
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
  workers: (exchanges) => [
    ...exchanges.map((exchange) => ({
      ...topicWorker(exchange.name, bronzeTable(exchange.name), exchange.topic),
      exchange,
    })),
    { ...topicWorker('heartbeats', HEARTBEATS_TABLE, HEARTBEATS.topic), isOptional: true },
  ],
  watermark_us: () => undefined,
  views: () => [],
}

function topicWorker(of: string, main: TableDefinition, topic: string): LayerWorker {
  const name = `bronze-${of}`
  return {
    name,
    main,
    topic,
    upstreams: [],
    stage: (context, { log, assignment, onLanes, settings: { until } }) =>
      bronzeStage(context, { name, main, topic, log, assignment, onLanes, ...(until && { until }) }),
  }
}
