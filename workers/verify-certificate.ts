import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { totalOf } from '../src/domain/erasure.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { checkCertificates, parseCertificates, type Certificate } from '../src/erasure/certificate.ts';

// npm run verify-certificate -- FILE [PUBLIC_KEY_FILE]: needs no database, no settings and no secret.

const [file, keyFile] = process.argv.slice(2);
if (file === undefined) {
  console.error('npm run verify-certificate -- FILE [PUBLIC_KEY_FILE]');
  process.exit(2);
}
try {
  const certificates = parseCertificates(await readFile(file, 'utf8'));
  const publicKey = keyFile === undefined ? undefined : await readFile(keyFile, 'utf8');
  report(certificates, checkCertificates(certificates, publicKey), publicKey !== undefined);
} catch (error) {
  console.error(
    error instanceof EarshotError ? error.message : `cannot read: ${(error as NodeJS.ErrnoException).code}`,
  );
  process.exitCode = 2;
}

function report(certificates: readonly Certificate[], faults: readonly string[], keyGiven: boolean): void {
  for (const { statement, hash } of certificates) {
    const left = totalOf(statement.after);
    console.log(
      `certificate ${statement.sequence} of ${statement.tenant}: erasure ${statement.erasureId}, completed ` +
        `${statement.completedAt}, ${left} things left, ${statement.exceptions.length} exceptions, hash ${hash.slice(0, 16)}…`,
    );
  }
  faults.forEach((fault) => console.error(fault));
  if (faults.length > 0) {
    process.exitCode = 1;
    return;
  }
  const fingerprint = createHash('sha256').update(certificates[0]!.publicKey).digest('hex').slice(0, 32);
  console.log(
    keyGiven
      ? 'Signatures and chain are valid under the given key.'
      : `Signatures and chain are valid under the key that the file names, ${fingerprint}: compare it with the published one.`,
  );
}
