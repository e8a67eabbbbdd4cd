/** The AMOP node. Loaded only when somebody asks for one. */
export function loadAmop(): Promise<typeof import('./amop-node.ts')> {
  return import('./amop-node.ts')
}

/** What is needed of AMOP without ports, too. Loaded only when somebody asks for it, or a data directory has some. */
export function loadAmopRoom(): Promise<typeof import('./room.ts')> {
  return import('./room.ts')
}

/** What makes certificates for AMOP. Loaded only when some are made. */
export function loadAmopCertificates(): Promise<typeof import('./certificate-maker.ts')> {
  return import('./certificate-maker.ts')
}
