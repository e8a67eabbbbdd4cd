// Generated from spec/amqp-0-9-1.json by bin/generate-codec.ts; do not edit.
import { emptyMethodFrame } from '../frame.ts'
import { type MethodDecoder, NO_BYTES } from '../method.ts'

/** confirm.select, sent by the client. */
export const CONFIRM_SELECT = 0x0055000a

export class ConfirmSelect implements MethodDecoder {
  buffer: Buffer = NO_BYTES
  noWait = false

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    if (from + 1 !== to) return false
    this.noWait = ((buffer[from] as number) & 1) !== 0
    return true
  }
}

export interface ConfirmSelectFields {
  noWait?: boolean
}

/** A whole frame of confirm.select; a field left out has the protocol's default. */
export function encodeConfirmSelect(channel: number, fields: ConfirmSelectFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CONFIRM_SELECT, 1)
  frame[11] = fields.noWait ? 1 : 0
  return frame
}

/** confirm.select-ok, sent by the server. */
export const CONFIRM_SELECT_OK = 0x0055000b

export class ConfirmSelectOk implements MethodDecoder {
  buffer: Buffer = NO_BYTES

  decode(buffer: Buffer, from: number, to: number): boolean {
    this.buffer = buffer
    return from === to
  }
}

export type ConfirmSelectOkFields = Record<string, never>

/** A whole frame of confirm.select-ok. */
export function encodeConfirmSelectOk(channel: number, _fields: ConfirmSelectOkFields = {}): Buffer {
  const frame = emptyMethodFrame(channel, CONFIRM_SELECT_OK, 0)
  return frame
}
