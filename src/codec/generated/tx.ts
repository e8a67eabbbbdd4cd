// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { emptyMethodFrame } from '../frame.ts'
import { type MethodDecoder, NO_BYTES } from '../method.ts'

/** tx.select, sent by the client. */
export const TX_SELECT = 0x005a000a

export class TxSelect implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type TxSelectFields = Record<string, never>

/** A whole frame of tx.select. */
export function encodeTxSelect(channel: number, _fields: TxSelectFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, TX_SELECT, 0)
  return frame
}

/** tx.select-ok, sent by the server. */
export const TX_SELECT_OK = 0x005a000b

export class TxSelectOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type TxSelectOkFields = Record<string, never>

/** A whole frame of tx.select-ok. */
export function encodeTxSelectOk(channel: number, _fields: TxSelectOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, TX_SELECT_OK, 0)
  return frame
}

/** tx.commit, sent by the client. */
export const TX_COMMIT = 0x005a0014

export class TxCommit implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type TxCommitFields = Record<string, never>

/** A whole frame of tx.commit. */
export function encodeTxCommit(channel: number, _fields: TxCommitFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, TX_COMMIT, 0)
  return frame
}

/** tx.commit-ok, sent by the server. */
export const TX_COMMIT_OK = 0x005a0015

export class TxCommitOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type TxCommitOkFields = Record<string, never>

/** A whole frame of tx.commit-ok. */
export function encodeTxCommitOk(channel: number, _fields: TxCommitOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, TX_COMMIT_OK, 0)
  return frame
}

/** tx.rollback, sent by the client. */
export const TX_ROLLBACK = 0x005a001e

export class TxRollback implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type TxRollbackFields = Record<string, never>

/** A whole frame of tx.rollback. */
export function encodeTxRollback(channel: number, _fields: TxRollbackFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, TX_ROLLBACK, 0)
  return frame
}

/** tx.rollback-ok, sent by the server. */
export const TX_ROLLBACK_OK = 0x005a001f

export class TxRollbackOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type TxRollbackOkFields = Record<string, never>

/** A whole frame of tx.rollback-ok. */
export function encodeTxRollbackOk(channel: number, _fields: TxRollbackOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, TX_ROLLBACK_OK, 0)
  return frame
}
