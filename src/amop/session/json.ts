export type JsonObject = { readonly [name: string]: unknown }

/** @returns undefined for what is no JSON, or longer than the limit. */
export function parseJson(body: Buffer, bytesMax: number): unknown {
  if (body.length > bytesMax) return undefined
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
