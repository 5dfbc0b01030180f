// The step `validate`: every mistake beside its line; fails when there is one.
import { annotate, setOutput, validated } from './plumb.mjs';

const { ok, files } = validated();
for (const { diagnostics } of files) {
  for (const { severity, code, message, hint, file, line, column } of diagnostics) {
    annotate(severity === 'error' ? 'error' : 'warning', hint ? `${message}\n${hint}` : message, {
      file,
      line,
      col: column,
      title: `plumb: ${code}`,
    });
  }
}
process.stdout.write(
  `${files.length} experiment files, ${files.filter((each) => !each.ok).length} with errors\n`,
);
setOutput('valid', String(ok));
process.exitCode = ok ? 0 : 1;
