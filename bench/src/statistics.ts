/** Median with the least and the greatest of the rounds. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spreadOf(values: number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { median: round(median ?? 0), min: round(sorted[0] ?? 0), max: round(sorted.at(-1) ?? 0) };
}

/** The ratio of two measurements of the same round, round by round: what slows a whole round down cancels out. */
export const ratioOf = (these: number[], those: number[]): Spread =>
  spreadOf(these.map((value, index) => value / (those[index] ?? Number.NaN)));

/** What one measurement has more than another of the same round. */
export const differenceOf = (these: number[], those: number[]): Spread =>
  spreadOf(these.map((value, index) => value - (those[index] ?? Number.NaN)));

/** The slope of the line through the points by least squares, in units of y for one of x; of fewer than two points, 0. */
export function slopeOf(points: { x: number; y: number }[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(({ x }) => x));
  const meanY = mean(points.map(({ y }) => y));
  const spreadX = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (!(spreadX > 0)) return 0;
  return round(points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spreadX);
}

export const round = (value: number): number => Math.round(value * 100) / 100;
