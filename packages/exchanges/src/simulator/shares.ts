import type { CheckedOptions } from './options.js'

/**
 * Pareto's law by its 80/20 rule: of the symbols, the busiest part `x` has x ** this of the trades, so that a fifth has
 * four fifths, and of these again.
 */
const PARETO_EXPONENT = Math.log(0.8) / Math.log(0.2)

/** Running sums of the shares that the symbols have of the trades, in their order; the last one is 1. */
export function runningShares(
  symbols: readonly string[],
  options: Pick<CheckedOptions, 'skew' | 'pareto' | 'idle' | 'hot'>,
): number[] {
  const weights = weightsOf(symbols, options)
  const total = sumOf(weights)
  let sum = 0
  return weights.map((weight) => {
    sum += weight
    return sum / total
  })
}

function weightsOf(
  symbols: readonly string[],
  { skew, pareto, idle, hot }: Pick<CheckedOptions, 'skew' | 'pareto' | 'idle' | 'hot'>,
): number[] {
  const usual = symbols.map((_, i) => (pareto ? paretoWeight(i, symbols.length) : (i + 1) ** -skew))
  if (idle.length === 0 && hot.length === 0) return usual
  const quiet = new Set(idle)
  const shares = new Map(hot.map(({ symbol, share }) => [symbol, share]))
  const others = usual.map((weight, i) => {
    const symbol = symbols[i] as string
    return quiet.has(symbol) || shares.has(symbol) ? 0 : weight
  })
  const total = sumOf(others)
  const left = Math.max(0, 1 - sumOf([...shares.values()]))
  return others.map((weight, i) => shares.get(symbols[i] as string) ?? (total === 0 ? 0 : (weight / total) * left))
}

function paretoWeight(index: number, count: number): number {
  return ((index + 1) / count) ** PARETO_EXPONENT - (index / count) ** PARETO_EXPONENT
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
