export { type Journal, type JournalRecord, type JournalWaiter, MemoryJournal, type Position } from './journal.ts'
