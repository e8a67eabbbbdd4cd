import { constantsFile } from './constants.ts'
import { methodFiles } from './methods.ts'
import { propertyFiles } from './properties.ts'
import type { Spec } from './spec.ts'
import type { GeneratedFile } from './text.ts'

/** All files of src/codec/generated, as the formatter would leave them. */
export function generateCodec(spec: Spec): GeneratedFile[] {
  return [constantsFile(spec), ...methodFiles(spec), ...propertyFiles(spec)]
}
