import { join } from 'node:path'
import { cacheDir, cached, interopDir } from '../lib/cache.mjs'
import { command } from '../lib/command.mjs'
import { runProgram } from '../lib/program.mjs'
import { CannotInstall } from '../lib/skip.mjs'

const source = join(interopDir, 'rust')
/** Shared by our programs and the crates' own suites, so that dependencies are compiled once. */
export const cargoEnv = { CARGO_TARGET_DIR: join(cacheDir, 'cargo-target'), CARGO_PROFILE_DEV_DEBUG: '0' }

async function install() {
  const inputs = ['Cargo.toml', 'Cargo.lock', 'src/bin/lapin.rs', 'src/bin/amqprs.rs'].map((file) => join(source, file))
  await cached('rust', inputs, async () => {
    const build = await command('cargo', ['build', '--locked'], { cwd: source, env: cargoEnv, limitSeconds: 600 })
    if (build.code === 127) throw new CannotInstall('no Rust toolchain here')
    if (build.code !== 0) throw new CannotInstall(`cargo build failed: ${build.output}`)
  })
  return join(cargoEnv.CARGO_TARGET_DIR, 'debug')
}

function suite(name, binary, about) {
  const run = (dir, target) => runProgram(join(dir, binary), [], { cwd: source }, target)
  return { name, about, install, run }
}

export const rust = [
  suite('rust-lapin', 'lapin', 'lapin over tokio'),
  suite('rust-amqprs', 'amqprs', 'amqprs over tokio'),
]
