import type { SegmentRef, Segments } from '../../store/index.ts'
import type { BrokerContext } from '../host.ts'

/**
 * Keeps a segment file that is not what was written under another name, for whoever wants to look, as soon as the journal
 * does without it. All that the journal has to say of it has been appended.
 */
export function setAside({ journal, log }: BrokerContext, segments: Segments, file: SegmentRef): void {
  const text = `segment ${file.id}, which is damaged,`
  // It may be found in the middle of a group, which must not be parted by what a flush writes at once.
  Promise.resolve()
    .then(() => journal.flush())
    .then(() => segments.setAside(file))
    .then(
      (path) => log.warn(`${text} is kept as ${path}`),
      (error) => log.warn(`${text} cannot be set aside: ${(error as Error).message}`),
    )
}
