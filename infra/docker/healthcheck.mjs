// The HEALTHCHECK of the images: exit code 0 when the worker of this container says that it lives.
const port = process.env.PLUMBLINE_HEALTH_PORT || '9090';
// 0: the operator turned the endpoint off, so there is nothing to ask.
if (port !== '0') {
  try {
    const { ok } = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(4_000) });
    process.exitCode = ok ? 0 : 1;
  } catch {
    process.exitCode = 1;
  }
}
