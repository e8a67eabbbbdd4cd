#!/usr/bin/env node
import { main } from '../src/cli/perf/main.ts'

await main(process.argv)
