/** Why a suite cannot be run on this machine; shown as its SKIP line. */
export class CannotInstall extends Error {}
