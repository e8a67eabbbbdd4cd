import { Option } from 'commander'
import type { Parser } from '../settings/parsers.ts'
import { valueFor } from './value-for.ts'

export const DEFAULT_NODE = '127.0.0.1:20200'

/** `--node`, which may be given more than once. @param about what a node is there. */
export function nodeOption(about: string, parse: Parser<string>): Option {
  return new Option('--node <HOST:PORT>', `${about}, may be given more than once (default: ${DEFAULT_NODE})`).argParser(
    (text, nodes: readonly string[] = []) => [...nodes, valueFor('--node', parse)(text)],
  )
}
