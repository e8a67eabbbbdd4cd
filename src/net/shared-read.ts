import { Socket } from 'node:net'

/** One read takes at most this. Measured: with 64 KiB messages of 1 KiB cost a tenth more, 16 B the same. */
const READ_BYTES_MAX = 256 * 1024

/** Called by a read with the socket as `this`; the bytes are only good during the call. */
export type OnRead = (this: unknown, bytes: Buffer) => void

/** What Node keeps of an accepted socket, and what a socket can be made from; neither is in its documentation. */
interface HandleOwner {
  _handle: object | null
}

interface HandleOptions {
  readonly handle: object
  readonly onread: { readonly buffer: Buffer; readonly callback: (this: unknown, bytes: number) => boolean }
}

/**
 * Lets the sockets of a listener read into one buffer. By itself Node makes a new one of 64 KiB for each read, and
 * thousands of these a second make the collector mark the whole heap dozens of times a second: at 1 KiB a message that
 * is half of the CPU. Node offers this (`onread`) for sockets that connect, and not for accepted ones, whose handle
 * has to be given to a socket made anew.
 */
export class SharedRead {
  readonly #buffer: Buffer
  readonly #callback: (this: unknown, bytes: number) => boolean

  constructor(onRead: OnRead) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES_MAX)
    this.#buffer = buffer
    this.#callback = function (bytes) {
      onRead.call(this, buffer.subarray(0, bytes))
      return true
    }
  }

  /**
   * @param accepted by a server with `pauseOnConnect`, so that nothing has been read yet. Not to be used afterwards.
   * @returns the socket that reads; undefined when this version of Node does not let it be made, and `accepted` has to
   * be used as it is.
   */
  take(accepted: Socket): Socket | undefined {
    const owner = accepted as unknown as HandleOwner
    const handle = owner._handle
    if (typeof handle !== 'object' || handle === null) return undefined
    const options: HandleOptions = { handle, onread: { buffer: this.#buffer, callback: this.#callback } }
    const socket = new Socket(options as object)
    if ((socket as unknown as HandleOwner)._handle !== handle) return undefined
    owner._handle = null
    accepted.destroy()
    return socket
  }
}
