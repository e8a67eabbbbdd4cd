import type { AmopSettings } from '../settings.ts'
import { isObject } from './json.ts'

const INVALID_REQUEST = -32600
const METHOD_NOT_FOUND = -32601
const PARSE_ERROR = -32700

/**
 * The answer to a JSON-RPC request, as a node gives it that has no chain: constants for what the SDKs ask before they
 * let a program use AMOP, an error for all else. Never nothing: go-sdk waits without a limit.
 * @param request undefined when it was no JSON.
 */
export function rpcAnswer(request: unknown, settings: AmopSettings): Buffer {
  if (request === undefined) return failure(null, PARSE_ERROR, 'Parse error')
  if (!isObject(request)) return failure(null, INVALID_REQUEST, 'Invalid request')
  const { id = null, method } = request
  switch (method) {
    case 'getClientVersion':
      return success(id, clientVersion(settings))
    case 'getGroupList':
      return success(id, settings.groups)
    case 'getBlockNumber':
      return success(id, `0x${settings.blockNumber.toString(16)}`)
    default:
      if (typeof method !== 'string') return failure(id, INVALID_REQUEST, 'Invalid request')
      return failure(id, METHOD_NOT_FOUND, 'Method not found')
  }
}

/** All strings; go-sdk refuses a version with anything but three numbers. */
function clientVersion({ version, chainId }: AmopSettings): Record<string, string> {
  return {
    'Build Time': '',
    'Build Type': 'Leveret',
    'Chain Id': chainId,
    'FISCO-BCOS Version': version,
    'Git Branch': '',
    'Git Commit Hash': '',
    'Supported Version': version,
  }
}

function success(id: unknown, result: unknown): Buffer {
  return Buffer.from(JSON.stringify({ id, jsonrpc: '2.0', result }))
}

function failure(id: unknown, code: number, message: string): Buffer {
  return Buffer.from(JSON.stringify({ id, jsonrpc: '2.0', error: { code, message, data: null } }))
}
