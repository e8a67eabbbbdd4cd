/** Looks into data directories that no broker uses. Loaded only when somebody does. */
export function loadInspector(): Promise<typeof import('./inspector.ts')> {
  return import('./inspector.ts')
}
