// What is said of a list of samples.

/** The value below which a share (0 to 1) of the samples lies, interpolated. */
export function quantile(samples, share) {
  const sorted = samples.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

export function median(samples) {
  return quantile(samples, 0.5);
}

/** How ours compares: the ratio of the medians, and the range that holds eight of ten ratios of pairs. */
export function compare(ours, theirs) {
  const pairs = ours.map((ms, i) => ms / theirs[i]);
  return { ratio: median(ours) / median(theirs), low: quantile(pairs, 0.1), high: quantile(pairs, 0.9) };
}
