// The Node addon that carries TensorFlow's C API to JavaScript: the sources of @tensorflow/tfjs-node, built by node-gyp.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheDirectory } from './cache.mjs';
import { run, which } from './command.mjs';
import { installCommand, lastLines, recognise, SetupFailure } from './failure.mjs';
import { python } from './python.mjs';
import { NAPI } from './versions.mjs';

const NODE_GYP = '12.4.0';

/** Where the addon lies, in the package and in the cache entry alike: `@tensorflow/tfjs-node` looks there. */
export const ADDON = join('lib', `napi-v${NAPI}`, 'tfjs_binding.node');

export function demandCompiler(env = process.env) {
  const missing = [];
  if (!(env.CXX ? (which(env.CXX) ?? existsSync(env.CXX)) : which('c++') || which('g++') || which('clang++')))
    missing.push('g++');
  if (!which('make') && !which('gmake')) missing.push('make');
  if (missing.length === 0) return;
  throw new SetupFailure(
    `${missing.includes('g++') ? 'A C++ compiler is missing' : 'make is missing'}: it builds the TensorFlow binding.`,
    `${installCommand(missing)} && npm run setup`,
    { kind: 'tool' },
  );
}

/** npm brings a node-gyp of its own. */
function nodeGyp() {
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js') ? process.env.npm_execpath : which('npm');
  const own =
    npm && join(dirname(dirname(realpathSync(npm))), 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  if (own && existsSync(own)) return [process.execPath, own];
  const installed = which('node-gyp');
  return installed ? [installed] : ['npx', '--yes', `node-gyp@${NODE_GYP}`];
}

/** Node's own headers when they lie beside it, so that none need be downloaded. */
function nodeDirectory() {
  const configured = process.env.npm_config_nodedir;
  const beside = dirname(dirname(realpathSync(process.execPath)));
  const matches = (directory) => {
    try {
      const header = readFileSync(join(directory, 'include', 'node', 'node_version.h'), 'utf8');
      return header.includes(`#define NODE_MAJOR_VERSION ${process.versions.node.split('.')[0]}\n`);
    } catch {
      return false;
    }
  };
  const directory = [configured, beside].find((each) => each && matches(each));
  return directory ? [`--nodedir=${directory}`] : [];
}

/** One target, one Node-API version; the libraries are found by their place relative to the addon. */
const gyp = (include, libraries) => ({
  targets: [
    {
      target_name: 'tfjs_binding',
      sources: ['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc'],
      include_dirs: [include],
      defines: [`NAPI_VERSION=${NAPI}`],
      libraries,
      conditions: [
        ['OS=="linux"', { ldflags: ["-Wl,-rpath,'$$ORIGIN/../../deps/lib'"] }],
        ['OS=="mac"', { xcode_settings: { OTHER_LDFLAGS: ['-Wl,-rpath,@loader_path/../../deps/lib'] } }],
      ],
    },
  ],
});

/**
 * Builds the addon into `<entry>/lib/napi-v8`.
 * @param {string} entry directory that holds `deps/include` and `deps/lib`
 * @param {string} source the package's directory (its `binding/` is compiled)
 * @param {string[]} libraries file names in `deps/lib` to link with
 */
export async function buildAddon(entry, source, libraries, lock) {
  const tree = join(entry, 'tree');
  mkdirSync(tree);
  cpSync(join(source, 'binding'), join(tree, 'binding'), { recursive: true });
  const description = gyp(
    join(entry, 'deps', 'include'),
    libraries.map((name) => join(entry, 'deps', 'lib', name)),
  );
  writeFileSync(join(tree, 'binding.gyp'), JSON.stringify(description, null, 1));
  const [program, ...first] = nodeGyp();
  const { code, output } = await run(program, [...first, 'rebuild', '--jobs=max', ...nodeDirectory()], {
    cwd: tree,
    env: { ...process.env, PYTHON: python(), npm_config_python: python() },
    lock,
  });
  const built = join(tree, 'build', 'Release', 'tfjs_binding.node');
  if (code !== 0 || !existsSync(built))
    throw (
      recognise(output, "Node's headers", cacheDirectory()) ??
      new SetupFailure(
        'The TensorFlow binding could not be built.',
        `${installCommand(['g++', 'make'])} && npm run setup`,
        {
          detail: lastLines(output, 12),
        },
      )
    );
  mkdirSync(dirname(join(entry, ADDON)), { recursive: true });
  renameSync(built, join(entry, ADDON));
  rmSync(tree, { recursive: true });
}
