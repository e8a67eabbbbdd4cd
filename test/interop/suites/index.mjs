import { javascript } from './javascript.mjs'
import { python } from './python.mjs'

export const suites = [...javascript, ...python]
