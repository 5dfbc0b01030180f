import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { parseAllDocuments, parseDocument } from 'yaml';
import { taskQueue } from '../../workflows/execution.ts';
import { deployTool, INFRA, runTool } from './deploy-tools.ts';
import { ROOT, scratchDirectory } from './scratch-project.ts';

const CHART = join(INFRA, 'kubernetes', 'plumbline');
const KUBERNETES = '1.34.0';
const helm = deployTool('helm');
const schemas = deployTool('kubernetes-schemas');
/** What KEDA itself says that it accepts: test/fixtures/make/keda.py. */
const keda = JSON.parse(readFileSync(join(ROOT, 'test', 'fixtures', 'keda.json'), 'utf8')) as {
  kinds: Record<string, object>;
  scalers: Record<
    string,
    Record<
      string,
      { required: boolean; metadata: boolean; authentication: boolean; values?: string[]; deprecated?: true }
    >
  >;
};

interface Container {
  args: string[];
  image: string;
  env: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
  envFrom?: { secretRef: { name: string } }[];
  ports: { name: string; containerPort: number }[];
  resources: { limits?: Record<string, unknown> };
  startupProbe: { httpGet: { path: string; port: string } };
  livenessProbe: { httpGet: { path: string; port: string } };
  readinessProbe: { httpGet: { path: string; port: string } };
  securityContext: Record<string, unknown>;
}

interface Pod {
  metadata: { labels: Record<string, string> };
  spec: {
    terminationGracePeriodSeconds: number;
    containers: [Container];
    securityContext: Record<string, unknown>;
    automountServiceAccountToken: boolean;
  };
}

interface Trigger {
  type: string;
  name: string;
  metadata: Record<string, string>;
  authenticationRef?: { name: string };
}

interface Rendered {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels: Record<string, string> };
  spec: Record<string, unknown> & {
    replicas?: number;
    selector?: { matchLabels: Record<string, string> } & Record<string, unknown>;
    template?: Pod;
    triggers?: Trigger[];
    scaleTargetRef?: { name: string };
    minReplicaCount?: number;
    advanced?: { scalingModifiers: { formula: string; target: string } };
    podSelector?: { matchLabels: Record<string, string> };
  };
}

const LEAST = ['temporal.address=temporal.temporal.svc:7233', 'store.url=s3://results/plumbline'];

function template(set: string[], values?: string) {
  const args = ['template', 'lab', CHART, '--namespace', 'ml', '--kube-version', KUBERNETES];
  for (const each of set) args.push('--set', each);
  if (values !== undefined) args.push('--values', '-');
  const home = scratchDirectory();
  return runTool(helm!, args, {
    env: { PATH: process.env['PATH'], HOME: home },
    ...(values !== undefined && { input: values }),
  });
}

const rendered = new Map<string, Rendered[]>();

function render(set: string[] = [], values?: string): Rendered[] {
  const key = JSON.stringify([set, values]);
  const known = rendered.get(key);
  if (known) return known;
  const { code, stdout, stderr } = template([...LEAST, ...set], values);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const all = parseAllDocuments(stdout, { uniqueKeys: true }).flatMap((document) => {
    if ('errors' in document) expect(document.errors).toEqual([]);
    const value = document.toJS() as Rendered | null;
    return value ? [value] : [];
  });
  rendered.set(key, all);
  return all;
}

const ofKind = (all: Rendered[], kind: string) => all.filter((each) => each.kind === kind);
const named = (all: Rendered[], kind: string, name: string) =>
  ofKind(all, kind).find((each) => each.metadata.name === name)!;
const pods = (all: Rendered[]) =>
  ofKind(all, 'Deployment').map((each) => ({ name: each.metadata.name, pod: each.spec.template! }));
const selects = (selector: Record<string, string>, { pod }: { pod: Pod }) =>
  Object.entries(selector).every(([name, value]) => pod.metadata.labels[name] === value);

/** Everything that may be set, set. */
const WHOLE = `
image: { repository: registry.example/plumbline, pullSecrets: [registry], tags: { cuda: 0.1.0-cuda12 } }
temporal:
  tls: { enabled: true, secret: temporal-client, serverName: temporal.example }
  apiKey: { secret: temporal-key, key: token }
store:
  endpoint: https://s3.example:9000
  region: eu-central-1
  credentials: { secret: store }
  certificateAuthority: { configMap: authority, key: bundle.pem }
secrets: [language-models, hub]
env: [{ name: HF_ENDPOINT, value: https://hub.example }]
drainSeconds: 120
worker: { podAnnotations: { team: probes }, podLabels: { cost: a }, priorityClassName: batch }
queues:
  gpu: { runtimeClassName: nvidia, nodeSelector: { pool: gpu }, affinity: { nodeAffinity: {} }, max: 40 }
  large: { serves: [large, other], slots: 3, min: 1 }
  label: { enabled: false }
networkPolicy: { egress: [{ ports: [{ protocol: TCP, port: 9000 }] }] }
serviceAccount: { name: workers, annotations: { a: b } }
`;

test.skipIf(!helm)('helm lint finds nothing', () => {
  const { code, stdout } = runTool(helm!, [
    'lint',
    CHART,
    '--strict',
    '--kube-version',
    KUBERNETES,
    ...LEAST.flatMap((each) => ['--set', each]),
  ]);
  expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed');
  expect(code).toBe(0);
});

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
const validators = new Map<string, ValidateFunction>();

/** Of Kubernetes' own schemas, in which an unknown field is an error, or of KEDA's resource definitions. */
function validatorOf({ apiVersion, kind }: Rendered): ValidateFunction {
  const known = validators.get(`${apiVersion}/${kind}`);
  if (known) return known;
  let schema: object;
  if (apiVersion.startsWith('keda.sh/')) schema = closed(keda.kinds[kind]!) as object;
  else {
    const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    const file = [kind.toLowerCase(), group.split('.')[0], version].filter(Boolean).join('-');
    if (!ajv.getSchema('/api/_definitions.json'))
      ajv.addSchema(
        JSON.parse(readFileSync(join(schemas!, '_definitions.json'), 'utf8')) as object,
        '/api/_definitions.json',
      );
    schema = JSON.parse(readFileSync(join(schemas!, `${file}.json`), 'utf8')) as object;
  }
  const made = ajv.compile(schema);
  validators.set(`${apiVersion}/${kind}`, made);
  return made;
}

/** A resource definition drops what it does not know without a word; here that is an error. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  const open = !('properties' in inner) || 'additionalProperties' in inner || inner['type'] !== 'object';
  const isMetadata = JSON.stringify(inner) === '{"type":"object"}';
  return open || isMetadata ? inner : { ...inner, additionalProperties: false };
}

test.skipIf(!helm || !schemas)('every object is one that Kubernetes and KEDA accept', () => {
  for (const all of [render(), render(['keda.enabled=false']), render([], WHOLE)]) {
    expect(all.length).toBeGreaterThan(8);
    const names = all.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const each of all) {
      const validate = validatorOf(each);
      expect(validate(each), `${each.kind} ${each.metadata.name}: ${ajv.errorsText(validate.errors)}`).toBe(
        true,
      );
      expect(each.metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    }
  }
  // The schemas do refuse what is wrong.
  const wrong = structuredClone(ofKind(render(), 'Deployment')[0]!);
  (wrong.spec.template!.spec as Record<string, unknown>)['terminationGracePeriod'] = 90;
  expect(validatorOf(wrong)(wrong)).toBe(false);
  const scaled = structuredClone(ofKind(render(), 'ScaledObject')[0]!);
  scaled.spec['maxReplicas'] = 3;
  expect(validatorOf(scaled)(scaled)).toBe(false);
});

test.skipIf(!helm)('a pod monitor is made on request', () => {
  const [monitor] = ofKind(render(['podMonitor.enabled=true']), 'PodMonitor');
  expect(monitor).toMatchObject({
    apiVersion: 'monitoring.coreos.com/v1',
    spec: { podMetricsEndpoints: [{ port: 'health', path: '/metrics' }] },
  });
});

test.skipIf(!helm)('a Deployment serves each queue; probes and the time to stop fit the worker', () => {
  const all = render([], WHOLE);
  const args = Object.fromEntries(
    pods(all).map(({ name, pod }) => [name, pod.spec.containers[0].args.at(-1)]),
  );
  expect(args).toEqual({
    'lab-plumbline-workflow': 'workflow',
    'lab-plumbline-cpu': 'cpu=1',
    'lab-plumbline-gpu': 'gpu=1',
    'lab-plumbline-large': 'large=3,other=3',
  });
  for (const { pod } of pods(all)) {
    const [container] = pod.spec.containers;
    expect(container.args[0]).toBe('worker');
    expect(pod.spec.terminationGracePeriodSeconds).toBe(150);
    expect(container.ports).toEqual([{ name: 'health', containerPort: 9090 }]);
    expect(container.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'health' });
    expect(container.startupProbe.httpGet).toEqual({ path: '/healthz', port: 'health' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'health' });
    expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001 });
    expect(pod.spec.automountServiceAccountToken).toBe(false);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    // Bit-identical resume on another worker needs the same number of threads everywhere.
    expect(container.env).toContainEqual({ name: 'TF_NUM_INTRAOP_THREADS', value: '4' });
  }
  const gpu = named(all, 'Deployment', 'lab-plumbline-gpu').spec.template!.spec.containers[0];
  expect(gpu.image).toBe('registry.example/plumbline:0.1.0-cuda12');
  expect(gpu.resources.limits?.['nvidia.com/gpu']).toBe(1);
  expect(named(all, 'Deployment', 'lab-plumbline-cpu').spec.template!.spec.containers[0].image).toBe(
    'registry.example/plumbline:0.1.0-cpu',
  );
});

test.skipIf(!helm)('with KEDA, replicas are its business, but for the workers of workflows', () => {
  const scaled = render();
  const replicas = (all: Rendered[]) =>
    Object.fromEntries(
      ofKind(all, 'Deployment').map(({ metadata, spec }) => [
        metadata.name.replace('lab-plumbline-', ''),
        spec.replicas,
      ]),
    );
  expect(replicas(scaled)).toEqual({ workflow: 2, cpu: undefined, gpu: undefined, label: undefined });
  const fixed = render(['keda.enabled=false', 'queues.gpu.min=3']);
  expect(replicas(fixed)).toEqual({ workflow: 2, cpu: 1, gpu: 3, label: 1 });
  expect(fixed.filter(({ apiVersion }) => apiVersion.startsWith('keda.sh'))).toEqual([]);
  expect(ofKind(fixed, 'Service')).toEqual([]);
});

test.skipIf(!helm)('a queue is scaled from zero by the points that wait and those that run', () => {
  const all = render([], WHOLE);
  const scaled = ofKind(all, 'ScaledObject');
  expect(scaled.map(({ metadata }) => metadata.name).sort()).toEqual([
    'lab-plumbline-cpu',
    'lab-plumbline-gpu',
    'lab-plumbline-large',
  ]);
  for (const { spec } of scaled) {
    expect(named(all, 'Deployment', spec.scaleTargetRef!.name)).toBeDefined();
    for (const { type, metadata } of spec.triggers!) {
      const parameters = keda.scalers[type]!;
      for (const [name, value] of Object.entries(metadata)) {
        expect(parameters[name]?.metadata, `${type} ${name}`).toBe(true);
        expect(parameters[name]?.deprecated, `${type} ${name}`).toBeUndefined();
        expect(typeof value).toBe('string');
        if (parameters[name]?.values) expect(parameters[name].values).toContain(value);
      }
      for (const [name, { required }] of Object.entries(parameters))
        if (required) expect(Object.keys(metadata), `${type} ${name}`).toContain(name);
    }
    const terms = spec.advanced!.scalingModifiers.formula.split(' + ');
    expect(terms.sort()).toEqual(spec.triggers!.map(({ name }) => name).sort());
  }
  const large = named(all, 'ScaledObject', 'lab-plumbline-large').spec;
  const waiting = large.triggers!.filter(({ type }) => type === 'temporal');
  expect(waiting.map(({ metadata }) => metadata['taskQueue'])).toEqual([
    taskQueue('large'),
    taskQueue('other'),
  ]);
  expect(large.advanced!.scalingModifiers.target).toBe('3');
  expect(large.minReplicaCount).toBe(1);
  expect(named(all, 'ScaledObject', 'lab-plumbline-gpu').spec).toMatchObject({
    minReplicaCount: 0,
    maxReplicaCount: 40,
  });
});

test.skipIf(!helm)(
  'what runs is read from the workers of the queue, and from those of workflows: never from none',
  () => {
    const all = render();
    for (const { spec } of ofKind(all, 'ScaledObject')) {
      const url = new URL(spec.triggers!.find(({ type }) => type === 'metrics-api')!.metadata['url']!);
      const [service = '', namespace] = url.hostname.split('.');
      expect(namespace).toBe('ml');
      const selector = named(all, 'Service', service).spec.selector as unknown as Record<string, string>;
      const read = pods(all).filter((each) => selects(selector, each));
      expect(read.map(({ name }) => name).sort()).toEqual(
        [spec.scaleTargetRef!.name, 'lab-plumbline-workflow'].sort(),
      );
      expect(read[0]?.pod.spec.containers[0].ports[0]?.containerPort).toBe(Number(url.port));
    }
  },
);

test.skipIf(!helm)('each budget is about the pods of one queue; the network policy about all', () => {
  const all = render();
  const budgets = ofKind(all, 'PodDisruptionBudget').map(({ metadata, spec }) => [
    metadata.name,
    pods(all)
      .filter((each) => selects(spec.selector!.matchLabels, each))
      .map(({ name }) => name),
  ]);
  expect(budgets).toEqual(pods(all).map(({ name }) => [name, [name]]));
  const [policy] = ofKind(all, 'NetworkPolicy');
  expect(pods(all).every((each) => selects(policy!.spec.podSelector!.matchLabels, each))).toBe(true);
  expect(policy!.spec).toMatchObject({
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ ports: [{ port: 'health' }] }],
  });
  expect(JSON.stringify(policy!.spec['egress'])).toContain('7233');
  const none = ofKind(render([], 'networkPolicy: { metricsFrom: [] }'), 'NetworkPolicy')[0];
  expect(none?.spec['ingress']).toEqual([]);
});

test.skipIf(!helm)('secrets are names: their values come from Kubernetes, to workers and to KEDA', () => {
  const all = render([], WHOLE);
  const [container] = named(all, 'Deployment', 'lab-plumbline-gpu').spec.template!.spec.containers;
  const from = Object.fromEntries(
    container.env.flatMap(({ name, valueFrom }) =>
      valueFrom ? [[name, `${valueFrom.secretKeyRef?.name}/${valueFrom.secretKeyRef?.key}`]] : [],
    ),
  );
  expect(from).toEqual({
    TEMPORAL_API_KEY: 'temporal-key/token',
    AWS_ACCESS_KEY_ID: 'store/access-key-id',
    AWS_SECRET_ACCESS_KEY: 'store/secret-access-key',
  });
  expect(container.envFrom).toEqual([
    { secretRef: { name: 'language-models' } },
    { secretRef: { name: 'hub' } },
  ]);
  expect(ofKind(all, 'Secret')).toEqual([]);
  const [authentication] = ofKind(all, 'TriggerAuthentication');
  const parameters = authentication!.spec['secretTargetRef'] as { parameter: string }[];
  expect(parameters.map(({ parameter }) => parameter)).toEqual(['ca', 'cert', 'key', 'apiKey']);
  for (const { parameter } of parameters)
    expect(keda.scalers['temporal']![parameter]?.authentication, parameter).toBe(true);
  const triggers = ofKind(all, 'ScaledObject').flatMap(({ spec }) => spec.triggers!);
  for (const { type, authenticationRef } of triggers)
    expect(authenticationRef?.name).toBe(type === 'temporal' ? authentication!.metadata.name : undefined);
});

test.skipIf(!helm).each([
  ['temporal.address is not set', [LEAST[1]!]],
  ['store.url is not set', [LEAST[0]!]],
  ['serves workflow', [...LEAST, 'queues.workflow.enabled=false']],
  ['temporal/address', ['temporal.address=https://t:7233', LEAST[1]!]],
  ['store/url', [LEAST[0]!, 'store.url=s3://key:secret@bucket']],
  ['additional properties', [...LEAST, 'queues.gpu.replica=3']],
  ['additional properties', [...LEAST, 'store.secretKey=abc']],
  ['queues/big', [...LEAST, 'queues.big.slots=2']],
])('values that would not work are refused: %s', (message, set) => {
  const { code, stderr } = template(set);
  expect(code).not.toBe(0);
  expect(stderr.replaceAll('.', '/').toLowerCase()).toContain(message.replaceAll('.', '/').toLowerCase());
});

test.skipIf(!helm)('the notes say what runs where', () => {
  const chart = join(scratchDirectory(), 'plumbline');
  cpSync(CHART, chart, { recursive: true });
  // `helm template` leaves the notes out.
  writeFileSync(
    join(chart, 'templates', 'shown.yaml'),
    'notes: {{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }}',
  );
  const args = [
    'template',
    'lab',
    chart,
    '--kube-version',
    KUBERNETES,
    '--show-only',
    'templates/shown.yaml',
  ];
  const set = LEAST.flatMap((each) => ['--set', each]);
  const { stdout } = runTool(helm!, [...args, ...set]);
  const { notes } = parseDocument(stdout).toJS() as { notes: string };
  expect(notes).toContain('gpu: serves gpu on cuda, 0 to 10 workers');
  expect(notes).toContain('workflow: serves workflow on cpu, 2 workers');
  expect(notes).toContain('export PLUMBLINE_STORE=s3://results/plumbline');
});
