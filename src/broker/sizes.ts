/** `1.5 MiB`, for log lines. */
export function binarySize(bytes: number): string {
  return `${(bytes / 1048576).toFixed(1)} MiB`
}
