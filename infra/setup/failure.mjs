// A set-up that cannot go on ends in one of these: what is missing, and the command that mends it.
import { existsSync } from 'node:fs';

export class SetupFailure extends Error {
  /**
   * @param {string} what what is missing or wrong, one sentence
   * @param {string} mend the command (or step) that mends it
   * @param {{kind?: 'network' | 'disk' | 'tool' | 'other', detail?: string}} [more]
   */
  constructor(what, mend, { kind = 'other', detail = '' } = {}) {
    super(what);
    this.mend = mend;
    this.kind = kind;
    this.detail = detail;
  }
}

const NETWORK =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|NewConnectionError|ConnectTimeoutError|NameResolutionError|name resolution|Name or service not known|nodename nor servname|getaddrinfo|Could not resolve host|network request (to|failed)|fetch failed|ProxyError|CERTIFICATE_VERIFY_FAILED/;
const DISK = /ENOSPC|No space left on device|EDQUOT|Disk quota exceeded/;

export const noSpace = (directory, needed) =>
  new SetupFailure(
    `The disk of ${directory} is full${needed ? ` (${needed} needed)` : ''}.`,
    `free space there (see: df -h ${directory}), or choose another disk: PLUMBLINE_CACHE=/path/with/space npm run setup`,
    { kind: 'disk' },
  );

export const noNetwork = (what, detail) =>
  new SetupFailure(
    `No network: ${what} could not be fetched.`,
    'check the connection (behind a proxy: export HTTPS_PROXY=http://host:port), then run: npm run setup',
    { kind: 'network', detail },
  );

/** Turns the output of a failed program into the failure it stands for, if it is one that people can mend. */
export function recognise(output, what, directory) {
  if (DISK.test(output)) return noSpace(directory);
  if (NETWORK.test(output)) return noNetwork(what, lastLines(output, 3));
  return undefined;
}

export const lastLines = (text, count) =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join('\n');

const INSTALLERS = [
  ['/usr/bin/apt-get', 'sudo apt-get install -y'],
  ['/usr/bin/dnf', 'sudo dnf install -y'],
  ['/usr/bin/yum', 'sudo yum install -y'],
  ['/usr/bin/pacman', 'sudo pacman -S --needed'],
  ['/usr/bin/zypper', 'sudo zypper install -y'],
  ['/sbin/apk', 'sudo apk add'],
];

/** The install command of this machine's package manager, for packages by Debian's names. */
export function installCommand(debianNames) {
  if (process.platform === 'darwin') return 'xcode-select --install';
  const [path, command] = INSTALLERS.find(([file]) => existsSync(file)) ?? INSTALLERS[0];
  const alias = path.endsWith('apt-get')
    ? {}
    : { 'g++': path.endsWith('dnf') || path.endsWith('yum') ? 'gcc-c++' : 'gcc' };
  return `${command} ${debianNames.map((name) => alias[name] ?? name).join(' ')}`;
}
