// Looks at the engine's source: its format (rustfmt), and what clippy has to say.

import { dirname, join } from 'node:path';
import { cargo } from './engine.mjs';
import { runLong } from './run.mjs';
import { ensureRustLinters } from './rust.mjs';
import { ROOT } from './setup.mjs';

try {
  const rust = await ensureRustLinters((what) => console.log(what));
  await runLong(join(dirname(rust.cargo), 'cargo-fmt'), ['fmt', '--check'], { cwd: join(ROOT, 'engine') });
  await cargo('x64', rust, ['clippy', '--release', '--', '--deny=warnings']);
} catch (error) {
  console.error(`lint: ${error.plain ? error.message : error.stack}`);
  process.exitCode = 1;
}
