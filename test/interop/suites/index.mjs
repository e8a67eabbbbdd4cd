import { amop } from './amop.mjs'
import { debian } from './debian.mjs'
import { foreign } from './foreign.mjs'
import { go } from './go.mjs'
import { java } from './java.mjs'
import { javascript } from './javascript.mjs'
import { python } from './python.mjs'
import { rust } from './rust.mjs'

export const suites = [...javascript, ...python, ...go, ...rust, ...java, ...debian, ...foreign, ...amop]
