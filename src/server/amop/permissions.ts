import { type AmopPermissions, PermissionFileError, type PermissionRules, readPermissions } from '../../amop/index.ts'
import { OptionError } from '../option-error.ts'

/** @param name of the option, or of the argument. @throws OptionError that says where they are wrong. */
export function readRules(name: string, permissions: AmopPermissions): PermissionRules {
  try {
    return readPermissions(permissions)
  } catch (error) {
    if (error instanceof PermissionFileError) throw new OptionError(name, permissions, `right: ${error.message}`)
    throw error
  }
}
