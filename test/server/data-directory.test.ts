import test from 'ava'
import { DataDirectoryError, explainStoreError } from '../../src/server/data-directory.ts'
import { JournalError, SegmentError } from '../../src/store/index.ts'

test('what the store finds in a data directory is said with the directory and what to do', (t) => {
  const cases: [error: Error, line: string][] = [
    [
      new JournalError('locked', 'the data directory /data is in use by process 4711'),
      'the data directory /data is in use by process 4711; stop that broker first, or use another directory',
    ],
    [
      new JournalError('newer', '/data/journal/0000000001.log was written by a newer version (format 2, …)'),
      '/data/journal/0000000001.log was written by a newer version (format 2, …); start that version again, or use another directory',
    ],
    [
      new SegmentError('newer', '/data/segments/0000000001.seg was written by a newer version (format 2, …)'),
      '/data/segments/0000000001.seg was written by a newer version (format 2, …); start that version again, or use another directory',
    ],
    [
      new JournalError('unreadable', 'cannot open the journal in /data: EIO: i/o error, open'),
      'cannot open the journal in /data: EIO: i/o error, open',
    ],
  ]
  for (const [error, line] of cases) {
    const explained = explainStoreError('/data', error)
    t.true(explained instanceof DataDirectoryError)
    t.is((explained as DataDirectoryError).message, `cannot use the data directory /data: ${line}`)
    t.is((explained as DataDirectoryError).cause, error)
  }
})

test('any other error stays what it is', (t) => {
  const defect = new TypeError('x is not a function')
  t.is(explainStoreError('/data', defect), defect)
})
